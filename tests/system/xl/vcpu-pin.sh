# SPDX-License-Identifier: MIT
# xl vcpu-pin: hard affinity holds; soft decides where there is a choice.
small_up one
type_to one 's 0 9999999'
last=$((cpus - 1))
run xl vcpu-pin one 0 $last
run xl vcpu-list one
on() { [ "$(xl vcpu-list one | awk 'NR == 2 {print $4}')" = "$1" ]; }
check "it goes there" within 30 on $last
sleep 1
check "and stays" on $last
run xl vcpu-pin one 0 0
check "it goes back" within 30 on 0
run xl vcpu-pin one 0 all $last
run xl vcpu-list one
check "it goes where it likes to be" within 30 on $last
run xl vcpu-pin one 0 0 $last
check "but stays where it must" within 30 on 0
sleep 1
check "all the time" on 0
run xl vcpu-pin one all all all
run xl vcpu-list one
run xl vcpu-pin one 0 99
run xl vcpu-pin one 7 0
run xl vcpu-pin one 0 nonsense
run xl vcpu-list one
xl destroy one
