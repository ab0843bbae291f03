# SPDX-License-Identifier: MIT
# The scheduler's promises, measured in virtual time: 16 ns an instruction of
# two processors that take turns.
. "$(dirname "$0")/lib.sh"

make_root "$build/guest/share"
dom0_words=wabe.modules=xen
boot sched.sh -s 2 -m 1280 -t 300 -q "-icount shift=4,sleep=off"
said "scheduler: dom0's script passes" 'WABE-EXIT 0'
clean_end "scheduler"
exit 0
