# SPDX-License-Identifier: MIT
# Debian's unmodified Xen tools in dom0 say what they say on Debian's Xen.
. /wabe/check.sh
cpus=$(grep -c ^processor /proc/cpuinfo)

check "xenstored keeps what is written" sh -c \
	'xenstore-write /test/a b && [ "$(xenstore-read /test/a)" = b ]'
has "xl info names the hypervisor's version" 'xen_version.*: 4\.17' xl info
has "xl info offers PV 64-bit guests" 'xen_caps.*xen-3.0-x86_64' xl info
has "xl info shows the command line" 'xen_commandline.*com1=115200' xl info
has "xl info -n shows the topology" 'numa_info' xl info -n
has "xl list shows dom0" '^Domain-0  *0 ' xl list
has "xl vcpu-list shows dom0's vCPUs" "^Domain-0  *0  *$((cpus - 1)) " xl vcpu-list
has "xl dmesg shows the hypervisor's console" 'Wabe' xl dmesg
has "xl uptime shows dom0" '^Domain-0' xl uptime
has "xl cpupool-list shows the pool" '^Pool-0' xl cpupool-list
has "xentop prints a table" 'Domain-0' xentop -b -i 1
for key in d r e m q i h; do
	check "debug key $key is taken" xl debug-keys $key
done
has "debug keys print to xl dmesg" 'partition' xl dmesg
check "xl debug-keys A: the audit finds nothing wrong" sh -c \
	'xl debug-keys A && xl dmesg | grep -q "Audit: 0 "'
exit $failures
