# SPDX-License-Identifier: MIT
# The verbs and options of `wabe`.
. "$(dirname "$0")/lib.sh"

"$here/stage" "$out/stage" busybox || exit 1
"$top/guests/dom0/guest" "$cache/dom0" "$out/stage/guest.gz" &&
	cp "$cache/dom0/vmlinuz" "$out/stage/"

gcc -O2 -Wall -static "$here/dom0/talk.c" -o "$out/stage/talk" -lutil || exit 1
# Debian's crun with its libraries, unpacked once, to compare with.
crun=$cache/crun
if [ ! -e "$crun/ready" ]; then
	rm -rf "$crun"
	mkdir -p "$crun/debs"
	(cd "$crun/debs" && apt-get download -qq crun libsystemd0 libseccomp2 \
		libcap2 libgcrypt20 libgpg-error0 2>/dev/null) || exit 1
	for deb in "$crun"/debs/*.deb; do
		dpkg -x "$deb" "$crun/tree"
	done
	touch "$crun/ready"
fi
mkdir "$out/stage/crun"
cp -L "$crun"/tree/usr/bin/crun "$crun"/tree/usr/lib/x86_64-linux-gnu/*.so.* "$out/stage/crun/"
[ ! -d "$crun/tree/lib" ] || find "$crun/tree/lib" -name '*.so.*' -exec cp -L {} "$out/stage/crun/" \;
make_root "$out/stage"
printf '#!/bin/sh\necho outside\n' >"$out/outside"
chmod +x "$out/outside"
boot wabe_verbs.sh -s 2 -m 3072 -t "${LIMIT:-600}" -q "-netdev user,id=net,guestfwd=tcp:10.0.2.100:7-cmd:$out/outside -device virtio-net-pci,netdev=net"
said "the script of verbs passes" 'WABE-EXIT 0'
clean_end "verbs"
exit 0
