# SPDX-License-Identifier: MIT
# Memory under pressure, on four processors of a q35 machine: swap, balloon,
# maps that change, with the hypervisor's own recount after each.
. "$(dirname "$0")/lib.sh"
. "$here/stress.sh"

stress_root
truncate -s 1G "$out/disk"
boot memory.sh -s 4 -m 4096 -t 900 \
	-a "console=com1 com1=115200,8n1 dom0_mem=384M,max:384M" \
	-q "-machine q35 -drive file=$out/disk,format=raw,if=virtio,cache=unsafe"
said "4 processors, q35, 4 GiB: dom0's script passes" 'WABE-EXIT 0'
clean_end "memory"
rm -f "$out/disk"
exit 0
