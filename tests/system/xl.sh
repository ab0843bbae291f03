# SPDX-License-Identifier: MIT
# Debian's unmodified xl makes, steers and ends a Debian Linux guest.
. "$(dirname "$0")/lib.sh"

"$top/guests/dom0/guest" "$cache/dom0" "$out/guest.gz"
make_root "$cache/dom0/vmlinuz" "$out/guest.gz" "$build/guest/share" \
	"$cache/dom0/tree/usr/lib/grub-xen/grub-x86_64-xen.bin"
for script in ${XL_SCRIPTS:-xl_life.sh}; do
	boot "$script" -s 2 -m 2048 -t 400
	said "$script: passes" 'WABE-EXIT 0'
	clean_end "$script"
done
exit 0
