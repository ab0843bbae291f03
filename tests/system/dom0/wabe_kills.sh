# SPDX-License-Identifier: MIT
# Killed: workers under load wabe.kills times, or the creator at each wabe.step-th
# of its system calls while it makes a micro-domain.
. /wabe/wabe_lib.sh
kills=$(word kills)

# --- a worker killed under load ---------------------------------------------
load='i=0; while :; do i=$((i+1)); [ "$(dd if=/dev/xvda bs=64k count=16 2>/dev/null | sha256sum)" = "$want" ] || echo "DIFFERS $i"; [ $((i % 10)) = 0 ] && echo "round $i"; done'
want=$(dd if=/var/lib/wabe/images/busybox/root.erofs bs=64k count=16 2>/dev/null | sha256sum)
comes_back() { new=$(worker) && [ -n "$new" ] && [ "$new" != "$old" ]; }
rounds() { wabe logs load | grep -c round; }
goes_on() { [ "$(rounds)" -gt "$before" ]; }
restart() {
	wabe run -d -m 32 --name load -e "want=$want" busybox sh -c "$load" >/dev/null
	within 30 sh -c 'wabe logs load | grep -q round'
	k=0
	while [ $k -lt $kills ]; do
		old=$(worker)
		kill -9 "$old" || return 1
		within 20 comes_back || { echo "kill $k: no new worker"; return 1; }
		k=$((k + 1))
		[ $((k % 50)) = 0 ] && echo "    $k kills, $(rounds)0 rounds at $(cut -d. -f1 /proc/uptime) s" >/dev/console
		usleep $((k * 37 % 100 * 1000))
	done
	before=$(rounds)
	within 30 goes_on || { echo "the load does not go on"; return 1; }
	wabe logs load | grep DIFFERS && return 1
	echo "killed $k times, $(wabe logs load | grep round | tail -n 1)"
}
if [ -n "$kills" ]; then
	beside_start
	has "a worker killed $kills times comes back; the data is right" 'killed' restart
	sed 's/^/    /' /tmp/has | tail -n 2
	check "its other guest is served" within 20 beside
	wabe rm -f load beside >/dev/null
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
