# SPDX-License-Identifier: MIT
# xl sysrq: the guest's kernel obeys.
linux_up
run xl sysrq linux h
heard_it() { [ "$(in_guest linux 'dmesg | grep -c "sysrq: HELP"')" -ge 1 ]; }
check "its kernel prints the help" within 60 heard_it
run xl sysrq linux too-long
run xl sysrq nobody h
