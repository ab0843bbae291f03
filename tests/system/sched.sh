# SPDX-License-Identifier: MIT
# The scheduler's promises, measured in virtual time: 8 ns an instruction.
. "$(dirname "$0")/lib.sh"

make_root "$build/guest/share"
for cpus in 1 2; do
	dom0_words=wabe.modules=xen
	boot sched.sh -s $cpus -m 1280 -t 120 -q "-icount shift=3,sleep=off"
	said "scheduler, $cpus processors: dom0's script passes" 'WABE-EXIT 0'
	clean_end "scheduler, $cpus processors"
done
exit 0
