# SPDX-License-Identifier: MIT
# xl save, xl restore, xl save -c: the guest's clock is right afterwards.
# Alone: in QEMU, the clock of a guest that Debian's Xen restores is seconds late.
linux_up
clock_right() {
	from=$(date +%s)
	there=$(in_guest linux 'date +%s')
	[ "$there" -ge $((from - 1)) ] && [ "$there" -le $(($(date +%s) + 1)) ] || {
		echo "$from $there $(date +%s)"
		return 1
	}
}
run xl save linux /tmp/saved
sleep 3
run xl restore /tmp/saved
check "its clock is right" clock_right
rm -f /tmp/saved
run xl save -c linux /tmp/saved
check "its clock is right" clock_right
xl destroy linux
sleep 3
run xl restore -p /tmp/saved
run xl unpause linux
check "its clock is right" clock_right
rm -f /tmp/saved
xl destroy linux
