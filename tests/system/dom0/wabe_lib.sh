# SPDX-License-Identifier: MIT
# For the scripts about what goes wrong with micro-domains: what is counted
# before and after, and a neighbour that must not notice.
. /wabe/check.sh
word() { sed -n "s/.*\bwabe.$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
step=$(word step)
wabe import /wabe/images/busybox busybox >/dev/null
until [ -S /run/wabe/creator.sock ]; do sleep 1; done

# within SECONDS command...: it succeeds before that.
within() {
	left=$(($1 * 5))
	shift
	until "$@" >/dev/null 2>&1; do
		left=$((left - 1))
		[ $left -gt 0 ] || return 1
		usleep 200000
	done
}
pids_of() { grep -lx "$1" /proc/[0-9]*/comm 2>/dev/null | cut -d/ -f3; }
descriptors() { for p in $(pids_of "$1"); do ls "/proc/$p/fd"; done 2>/dev/null | wc -l; }
# All that a creation makes, counted: domains, dom0's ports, taps, notes and
# logs, xenstored's nodes; with a word, the daemons' descriptors too. A domain
# whose grants are mapped stays in the list of domains.
counted() {
	echo "domains $(xl list | wc -l)" "ports $(lsevtchn 0 | wc -l)" \
		"taps $(ls /sys/class/net | wc -l)" \
		"files $(find /run/wabe /var/log/wabe | grep -vc 'wabed.log\|\.new$')" \
		"nodes $(xenstore-ls / | grep -c .)" \
		"${1:+descriptors $(descriptors wabed) $(descriptors wabed-supervise) $(descriptors wabed-worker)}"
}
same() { [ "$(counted $1)" = "$before" ]; }
nothing_left() {
	within 10 same $1 || {
		echo "before: $before"
		echo "after:  $(counted $1)"
		return 1
	}
}
worker() { for p in $(pids_of wabed-worker); do echo "$p"; done | tail -n 1; }
beside() { wget -q -O - "http://$(wabe info beside | sed -n 's/.*"ip": *"\([0-9.]*\).*/\1/p'):80/passwd" | grep -q root; }
beside_start() {
	wabe run --rm -m 32 busybox true # the worker is there now
	check "a micro-domain beside all this" wabe run -d -m 32 --name beside busybox httpd -f -h /etc
	check "it answers" within 20 beside
}
