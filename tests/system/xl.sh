# SPDX-License-Identifier: MIT
# Debian's unmodified xl makes, steers and ends guests.
. "$(dirname "$0")/lib.sh"

"$top/guests/dom0/guest" "$cache/dom0" "$out/guest.gz"
make_root "$cache/dom0/vmlinuz" "$out/guest.gz" "$build/guest/share" \
	"$cache/dom0/tree/usr/lib/grub-xen/grub-x86_64-xen.bin"
boot xl.sh -s 2 -m 1600 -t 580
said "xl: dom0's script passes" 'WABE-EXIT 0'
clean_end "xl"
exit 0
