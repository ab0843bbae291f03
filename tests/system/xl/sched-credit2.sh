# SPDX-License-Identifier: MIT
# xl sched-credit2: weights and caps are shown, and hold. The shares are coarse
# here, of times the hypervisor counts; sched.sh has them exactly.
small_up one
small_up two
last=$((cpus - 1))
for g in one two; do
	xl vcpu-pin $g 0 $last
	type_to $g 's 0 9999999'
done
run xl sched-credit2 -d one
run xl sched-credit2 -d one -w 768
run xl sched-credit2 -d one
# shares GUEST OTHER LOW HIGH: percent of GUEST's time in OTHER's, of the next
# window in which both have time enough; three windows at most.
shares() {
	for try in 1 2 3; do
		a=$(time_of "$1") b=$(time_of "$2")
		sleep 5
		a=$(($(time_of "$1") - a)) b=$(($(time_of "$2") - b))
		echo "$1 $a, $2 $b tenths of a second"
		[ $((a * 100)) -ge $((b * $3)) ] && [ $((a * 100)) -le $((b * $4)) ] && return
	done
	return 1
}
check "768 beside 256: three times as much" shares one two 230 390
run xl sched-credit2 -d one -w 256
check "256 beside 256: the same" shares one two 80 125
run xl sched-credit2 -d one -c 20
run xl sched-credit2 -d one
run xl sched-credit2
# The cap is of one processor; two has what is left of it, with dom0's share on
# a machine of one.
check "a cap of 20: a quarter of what the other has, or less" shares one two 10 35
run xl sched-credit2 -d one -c 0
run xl sched-credit2 -d one -w 70000
run xl sched-credit2 -d one -w 0
run xl sched-credit2 -d nobody
run xl sched-credit2 -s
xl destroy one
xl destroy two
