# SPDX-License-Identifier: MIT
# dom0 under load for minutes, on 2 and 4 processors; long swapping.
. "$(dirname "$0")/lib.sh"
. "$here/stress.sh"

stress_root
for cpus in 2 4; do
	boot load.sh -s $cpus -m 4096 -t 900 -q "-machine q35"
	said "$cpus processors: dom0's script passes" 'WABE-EXIT 0'
	clean_end "load on $cpus processors"
done
truncate -s 2G "$out/disk"
dom0_words="stress=30" boot memory.sh -s 4 -m 4096 -t 1800 \
	-q "-machine q35 -drive file=$out/disk,format=raw,if=virtio,cache=unsafe"
said "long swapping: dom0's script passes" 'WABE-EXIT 0'
clean_end "long swapping"
rm -f "$out/disk"
exit 0
