# SPDX-License-Identifier: MIT
# The least that says this machine works.
. /wabe/check.sh
has "xl info answers" 'xen_version.*: 4\.17' xl info
has "xl list shows dom0" '^Domain-0  *0 ' xl list
check "dom0 has the machine's ACPI tables" [ -e /sys/firmware/acpi/tables/DSDT ]
# As many as the host says that there should be.
vcpus=$(sed -n 's/.*wabe.vcpus=\([0-9]*\).*/\1/p' /proc/cmdline)
if [ -n "$vcpus" ]; then
	check "dom0 runs on $vcpus vCPUs" [ "$(grep -c ^processor /proc/cpuinfo)" = "$vcpus" ]
	check "xl vcpu-list shows $vcpus" [ "$(xl vcpu-list 0 | grep -c ^Domain-0)" = "$vcpus" ]
fi
check "the audit finds nothing wrong" sh -c \
	'xl debug-keys A && xl dmesg | grep -q "Audit: 0 "'
exit $failures
