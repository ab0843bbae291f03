# SPDX-License-Identifier: MIT
# For the scripts that run in dom0: claims, printed where the host reads them.
failures=0
# check NAME command...: the command succeeds.
check() {
	what=$1
	shift
	if "$@" >/tmp/check 2>&1; then
		echo "ok - $what"
	else
		failures=$((failures + 1))
		echo "not ok - $what"
		tail -n 6 /tmp/check | sed 's/^/    /'
	fi
}
# has NAME regex command...: the command succeeds and prints a line with it.
has() {
	what=$1 regex=$2
	shift 2
	if "$@" >/tmp/has 2>&1 && grep -q -- "$regex" /tmp/has; then
		echo "ok - $what"
	else
		failures=$((failures + 1))
		echo "not ok - $what"
		tail -n 6 /tmp/has | sed 's/^/    /'
	fi
}
# What to look at when a claim about micro-domains failed: who is there, what
# each vCPU does, what the daemon, the guests and the hypervisor said. The host
# keeps it with the console.
explain() {
	wabe list -a
	xl vcpu-list
	for id in $(xl list | awk 'NR > 2 { print $2 }'); do
		wabe logs "$(xl domname "$id")" | tail -n 20
		xenctx --all "$id" 0
		xenctx "$id" 0 | tail -n 40
	done
	tail -n 40 /var/log/wabe/wabed.log
	for worker in $(pidof wabed-worker); do
		cat /proc/"$worker"/task/*/wchan /proc/"$worker"/task/*/stack
	done
	for key in e q r; do
		xl debug-keys $key
	done
	xl dmesg | tail -n 200
} 2>&1
