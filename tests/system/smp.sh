# SPDX-License-Identifier: MIT
# Several processors: Debian's Linux as dom0 on all of them, and off and on.
. "$(dirname "$0")/lib.sh"

mkdir -p "$out/more"
"${CC:-gcc}" -O1 -I"$top/hypervisor/include" -o "$out/more/extension" \
	"$here/dom0/extension.c" -lxencall -lxenctrl -lxenevtchn || exit 1
make_root "$out/more"
boot smp.sh -s 2 -m 2048 -t 600
said "2 processors, i440fx, 2 GiB: dom0's script passes" 'WABE-EXIT 0'
said "dom0 switches the machine off" 'reboot: Power down'
clean_end "2 processors"
exit 0
