# SPDX-License-Identifier: MIT
# CPUs of dom0 go and come while others work. Sourced after check.sh.
cpus=$(grep -c ^processor /proc/cpuinfo)
hotplug() {
	(while :; do /bin/busybox true; done) &
	load=$!
	for round in 1 2; do
		for c in $(seq $((cpus - 1))); do
			echo 0 >/sys/devices/system/cpu/cpu$c/online || return 1
		done
		for c in $(seq $((cpus - 1))); do
			echo 1 >/sys/devices/system/cpu/cpu$c/online || return 1
			taskset "$(printf %x $((1 << c)))" true || return 1
		done
	done
	kill $load
}
if [ "$cpus" -gt 1 ]; then
	check "all CPUs of dom0 but one go and come back, twice" hotplug
fi
