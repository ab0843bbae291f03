# SPDX-License-Identifier: MIT
# What only several processors show.
. /wabe/check.sh
cpus=$(grep -c ^processor /proc/cpuinfo)
has "dom0 has a vCPU for each processor" "nr_cpus *: $cpus\$" xl info
check "each vCPU runs: work pinned to it is done" sh -c '
	for i in $(seq 0 '$((cpus - 1))'); do
		taskset $(printf %x $((1 << i))) sh -c "i=0; while [ \$i -lt 20000 ]; do i=\$((i + 1)); done" || exit 1
	done'
. /wabe/storm.sh
last=$((cpus - 1))
check "a CPU of dom0 goes away" sh -c "echo 0 >/sys/devices/system/cpu/cpu$last/online"
has "xl vcpu-list shows it offline" "^Domain-0  *0  *$last  *- " xl vcpu-list
check "and comes back" sh -c "echo 1 >/sys/devices/system/cpu/cpu$last/online &&
	taskset $(printf %x $((1 << last))) true"
check "ten times over, under load" sh -c '
	(while :; do :; done) & load=$!
	for i in 1 2 3 4 5 6 7 8 9 10; do
		echo 0 >/sys/devices/system/cpu/cpu'$last'/online || exit 1
		echo 1 >/sys/devices/system/cpu/cpu'$last'/online || exit 1
	done
	kill $load'
check "the extension hypercall does what its manual says" /wabe/extension
grep 'ok - \|^    ' /tmp/check
. /wabe/tools.sh
