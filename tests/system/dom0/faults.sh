# SPDX-License-Identifier: MIT
# xl killed at each step of create and of destroy; guests that crash as soon as
# they run; creates until memory is used up. After each: as it was before.

# What a killed tool leaves is a domain, which another call of it ends.
clear_up() {
	for id in $(xl list | awk 'NR > 2 {print $2}'); do
		xl destroy "$id"
	done
	# And nodes of the store, where it died before there was a domain.
	for path in $(xenstore-list /vm); do
		xenstore-exists "/vm/$path/name" &&
			[ "$(xenstore-read "/vm/$path/name")" = Domain-0 ] ||
			xenstore-rm "/vm/$path"
	done
	for id in $(xenstore-list /local/domain); do
		[ "$id" = 0 ] || xenstore-rm "/local/domain/$id"
	done
}
# killed MS COMMAND...
killed() {
	killed_ms=$1
	shift
	"$@" >/dev/null 2>&1 &
	usleep $((killed_ms * 1000))
	kill -9 $! 2>/dev/null
	wait $! 2>/dev/null
}
small killed share
steps="20 60 120 200 300 450 650 900"
for step in $steps; do
	killed "$step" xl create -q /root/killed.cfg
	clear_up >/tmp/clear 2>&1
done
check "xl create killed after $steps ms: nothing stays" within 20 same_counts
for step in 10 30 80 150 300; do
	xl create -q /root/killed.cfg
	killed "$step" xl destroy killed
	clear_up >/tmp/clear 2>&1
done
check "xl destroy killed: nothing stays" within 20 same_counts
crashes() {
	for i in 1 2 3 4; do
		attack faults "$i" 500
	done
}
check "guests crash again and again" crashes
has "each is told of in the log" 'd[1-9][0-9]* crashed: ' xl dmesg
has "with the guest's registers" 'RIP: .*\[<[0-9a-f]\{16\}>\]' sh -c \
	'xl dmesg | grep -A 1 " crashed: "'
check "and leave nothing" within 20 same_counts

fill() {
	for i in $(seq 40); do
		small "fill$i" share 'memory=128'
		xl create -q -p "/root/fill$i.cfg" >/tmp/full 2>&1 || return 0
	done
	return 1
}
check "creates go on until memory is used up" fill
clear_up >/tmp/clear 2>&1
check "and it all comes back" within 30 same_counts
