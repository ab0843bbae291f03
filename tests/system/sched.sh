# SPDX-License-Identifier: MIT
# The scheduler's promises, measured in virtual time: 8 ns an instruction; with
# two processors, which take turns, 16 ns.
. "$(dirname "$0")/lib.sh"

make_root "$build/guest/share"
dom0_words=wabe.modules=xen
shares() {
	boot sched.sh -s "$1" -m 1280 -t 300 -q "-icount shift=$2,sleep=off"
	said "scheduler, $1 processors: dom0's script passes" 'WABE-EXIT 0'
	clean_end "scheduler, $1 processors"
}
shares 1 3
shares 2 4
exit 0
