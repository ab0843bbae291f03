# SPDX-License-Identifier: MIT
# A domain is saved and restored again and again; all counts return. CYCLES=
# in /wabe/cycles makes it many.
CYCLES=$(($(cat /wabe/cycles 2>/dev/null || echo 12) / 4))
linux_up
xl destroy linux
linux_config 'vcpus=1'
check "a guest starts" linux_start
there() { guest_says linux 'echo $((6 * 8))' 48; }
save_cycle() { xl save linux /tmp/saved && xl restore /tmp/saved && there; }
check "it is saved and restored" save_cycle >/dev/null
check "all is quiet" settled
save_cycles() {
	for i in $(seq "$CYCLES"); do
		save_cycle || return 1
	done
}
check "again and again" save_cycles
check "and nothing is left behind" nothing_left
xl destroy linux
rm -f /tmp/saved
