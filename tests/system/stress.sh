# SPDX-License-Identifier: MIT
# For the scripts here that put load on dom0: builds what they need in it.
# stress_root [FILE...]: dom0's root with the program `stress`, a file system's
# modules, and FILEs.
stress_root() {
	local release more=$out/more
	release=$(cat "$cache/dom0/release")
	rm -rf "$more"
	mkdir -p "$more"
	"${CC:-gcc}" -static -O1 -pthread -o "$more/stress" "$here/dom0/stress.c" ||
		exit 1
	/sbin/modprobe -d "$cache/dom0/tree" -S "$release" --show-depends ext4 |
		awk '$1 == "insmod" {print $2}' | while read -r file; do
		cp "$file" "$more/"
		basename "$file" >>"$more/modules"
	done
	make_root "$more" "$@"
}
