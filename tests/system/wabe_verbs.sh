# SPDX-License-Identifier: MIT
# The verbs and options of `wabe`.
. "$(dirname "$0")/lib.sh"

"$here/stage" "$out/stage" busybox || exit 1
"$top/guests/dom0/guest" "$cache/dom0" "$out/stage/guest.gz" &&
	cp "$cache/dom0/vmlinuz" "$out/stage/"
make_root "$out/stage"
printf '#!/bin/sh\necho outside\n' >"$out/outside"
chmod +x "$out/outside"
boot wabe_verbs.sh -s 2 -m 3072 -t 600 -q "-netdev user,id=net,guestfwd=tcp:10.0.2.100:7-cmd:$out/outside -device virtio-net-pci,netdev=net"
said "the script of verbs passes" 'WABE-EXIT 0'
clean_end "verbs"
exit 0
