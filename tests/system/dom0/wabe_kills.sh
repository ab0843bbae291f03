# SPDX-License-Identifier: MIT
# Killed: workers under load wabe.kills times, or the creator at each wabe.step-th
# of its system calls while it makes a micro-domain.
. /wabe/wabe_lib.sh
kills=$(word kills)

# --- a worker killed under load ---------------------------------------------
# Past the guest's page cache: a disk that is read, a volume that is written and
# read again, a page over the network; each compared by checksum.
# shellcheck disable=SC2016
load='i=0; sum() { sha256sum | cut -c1-64; }; while :; do i=$((i+1))
[ "$(dd if=/dev/xvda iflag=direct bs=64k count=16 2>/dev/null | sum)" = "$want" ] || echo "DIFFERS read $i"
dd if=/dev/urandom of=/tmp/new bs=64k count=4 2>/dev/null
dd if=/tmp/new of=/data/file bs=64k oflag=direct conv=notrunc 2>/dev/null && sync
[ "$(dd if=/data/file iflag=direct bs=64k 2>/dev/null | sum)" = "$(sum </tmp/new)" ] || echo "DIFFERS written $i"
[ "$(wget -q -O - http://10.87.0.1:8000/page | sum)" = "$page" ] || echo "DIFFERS network $i"
echo "round $i"; done'
mkdir -p /tmp/www
dd if=/dev/urandom of=/tmp/www/page bs=64k count=4 2>/dev/null
page=$(sha256sum </tmp/www/page | cut -c1-64)
want=$(dd if=/var/lib/wabe/images/busybox/root.erofs bs=64k count=16 2>/dev/null | sha256sum | cut -c1-64)
comes_back() { new=$(worker) && [ -n "$new" ] && [ "$new" != "$old" ]; }
rounds() { wabe logs load | grep -c round; }
read_bytes() { wabe stats load | sed -n 's/^wabe_disk_read_bytes_total{name="load".*} //p'; }
goes_on() { [ "$(rounds)" -gt "$before" ]; }
restart() {
	httpd -p 8000 -h /tmp/www
	wabe run -d -m 32 --name load -v load:/data -e "want=$want" -e "page=$page" busybox sh -c "$load" >/dev/null
	within 30 sh -c 'wabe logs load | grep -q round'
	k=0
	while [ $k -lt $kills ]; do
		old=$(worker)
		kill -9 "$old" || return 1
		within 20 comes_back || { echo "kill $k: no new worker"; return 1; }
		k=$((k + 1))
		[ $((k % 50)) = 0 ] && echo "    $k kills, $(rounds) rounds at $(cut -d. -f1 /proc/uptime) s" >/dev/console
		usleep $((k * 37 % 100 * 1000))
	done
	before=$(rounds)
	within 30 goes_on || { echo "the load does not go on"; return 1; }
	wabe logs load | grep DIFFERS && return 1
	before=$(($(rounds) + 1)) bytes=$(read_bytes)
	within 60 goes_on
	bytes=$(($(read_bytes) - bytes))
	echo "killed $k times, $(wabe logs load | grep round | tail -n 1), $bytes bytes read in two"
	[ $bytes -gt 1200000 ] # not from its page cache
}
if [ -n "$kills" ]; then
	beside_start
	has "a worker killed $kills times comes back; the data is right" 'killed' restart
	sed 's/^/    /' /tmp/has | tail -n 2
	check "its other guest is served" within 20 beside
	wabe rm -f load >/dev/null
	wabe volume remove load

	# Many clients: the first of them is as little forgotten as the last.
	wabe run --rm -m 32 --name first busybox sleep 1000 >/dev/null 2>&1 &
	first=$!
	listed() { wabe list -q | grep -qx first; }
	within 20 listed
	clients=
	i=0
	while [ $i -lt 600 ]; do
		wabe wait beside >/dev/null 2>&1 &
		clients="$clients $!"
		i=$((i + 1))
	done
	sleep 5
	kill -9 $first
	gone() { ! listed; }
	check "with 600 other clients, a run that is killed leaves no orphan" within 20 gone
	kill $clients

	# Worker and supervisor both.
	before=$(counted)
	wabe run -d -m 32 --name both busybox sleep 1000 >/dev/null
	kill -9 $(pids_of wabed-supervise)
	crashed() { wabe list -a | grep -q '^both.*crashed'; }
	check "a supervisor that is killed: its micro-domains are ended" within 20 crashed
	has "... with a line each in the log" 'both: its worker died: ended' cat /var/log/wabe/wabed.log
	wabe rm -f both beside >/dev/null
	check "... and the next one is served" wabe run --rm -m 32 busybox true
fi

# --- the creator killed at each step ----------------------------------------
creator_starts() {
	pids_of wabed | grep -q . && return 1
	usleep 100000
	wabed -d
}
kill_each() {
	n=1
	while inject kill $n "$(pids_of wabed)" wabe create --name victim /tmp/victim.dts >/tmp/said 2>&1; do
		within 10 creator_starts || { echo "no new creator"; return 1; }
		nothing_left || { echo "killed at call $n"; return 1; }
		n=$((n + step))
		[ $((n % 10)) = 0 ] && echo "    call $n at $(cut -d. -f1 /proc/uptime) s" >/dev/console
	done
	echo "killed at $((n / step)) of $n calls"
	wabe rm -f victim
	[ $n -gt 60 ]
}
if [ -n "$step" ]; then
	wabe spec -m 32 busybox sleep 1000 >/tmp/victim.dts
	wabe run --rm -m 32 busybox true # the bridge is there now
	kill $(pids_of wabed)
	within 10 creator_starts
	before=$(counted)
	has "a creator killed at any step: the next one leaves nothing" 'killed at' kill_each
	sed 's/^/    /' /tmp/has | tail -n 3
fi
check "the audit finds nothing wrong" sh -c 'xl debug-keys A && xl dmesg | grep -q "Audit: 0 "'
exit $failures
