# SPDX-License-Identifier: MIT
# Debian's unmodified Xen tools in dom0 say what they say on Debian's Xen.
. /wabe/check.sh
cpus=$(grep -c ^processor /proc/cpuinfo)

check "xenstored keeps what is written" sh -c \
	'xenstore-write /test/a b && [ "$(xenstore-read /test/a)" = b ]'
has "xl info names the hypervisor's version" 'xen_version.*: 4\.17' xl info
has "xl info offers PV 64-bit guests" 'xen_caps.*xen-3.0-x86_64' xl info
has "xl info shows the command line" 'xen_commandline.*com1=115200' xl info
machine=$(xl info | sed -n 's/^nr_cpus *: //p')
has "xl info -n shows the memory of each node" '^  *0: ' xl info -n
check "xl info -n shows where each processor is" sh -c "xl info -n | awk '
	/^cpu:/ { rows = 1; next } /^[a-z]/ { rows = 0 } rows && NF == 4 { n++ }
	END { print n, \"of $machine\"; exit n != $machine }'"
has "xl list shows dom0" '^Domain-0  *0 ' xl list
has "xl vcpu-list shows dom0's vCPUs" "^Domain-0  *0  *$((cpus - 1)) " xl vcpu-list
has "xl dmesg shows the hypervisor's console" 'Wabe' xl dmesg
has "xl uptime shows dom0" '^Domain-0  *0  *[0-9].*:[0-9]' xl uptime
has "xl cpupool-list shows the pool" '^Pool-0' xl cpupool-list
has "xentop prints a table" 'Domain-0' xentop -b -i 1
# pressed KEY: what a debug key prints to xl dmesg. each KEY REGEX: once for
# every processor.
pressed() { xl dmesg -c >/dev/null && xl debug-keys "$1" && xl dmesg; }
each() { [ "$(pressed "$1" | tee /tmp/pressed | grep -c -- "$2")" = "$machine" ] || {
	cat /tmp/pressed
	return 1
}; }
check "debug key d: registers of each processor" each d 'cr3: [0-9a-f]\{16\}'
has "debug key d: those of the guest on it" 'RIP: .*\[<[0-9a-f]\{16\}>\]' cat /tmp/pressed
check "debug key r: each processor's run queue" each r 'CPU[0-9]*: runs d[0-9]*v[0-9]*, .* wait'
has "debug key e: event channels" 'd0 event channels: [1-9][0-9]* open, FIFO' pressed e
has "debug key m: frames by partition" 'partition 0 .*: [1-9][0-9]* frames, [0-9]* free' pressed m
has "debug key q: domains and vCPUs" "  v$((cpus - 1)): cpu [0-9]*, state" pressed q
has "debug key i: interrupts" 'pirq [0-9]*: vector [0-9a-f]* cpu' pressed i
has "debug key h: the list of keys" "'A': audit" pressed h
check "xl debug-keys A: the audit finds nothing wrong" sh -c \
	'xl debug-keys A && xl dmesg | grep -q "Audit: 0 "'
exit $failures
