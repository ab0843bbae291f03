# SPDX-License-Identifier: MIT
# xl vcpu-set: a vCPU goes and comes back.
linux_up
check "two vCPUs are there" guest_says linux nproc 2
run xl vcpu-set linux 1
nproc_is() { guest_says linux nproc "$1"; }
check "the guest has one left" within 60 nproc_is 1
check "the other is down" sh -c 'xl vcpu-list linux | grep -q " 1  *-  *--p "'
run xl vcpu-list linux
run xl vcpu-set --ignore-host linux 2
online() {
	in_guest linux 'echo 1 >/sys/devices/system/cpu/cpu1/online' >/dev/null
	nproc_is 2
}
check "it comes back" within 60 online
check "and works" guest_says linux 'taskset 2 sh -c "echo \$((6 * 9))"' 54
run xl vcpu-set linux 9
run xl vcpu-set nobody 1
