# SPDX-License-Identifier: MIT
# The least that says this machine works.
. /wabe/check.sh
has "xl info answers" 'xen_version.*: 4\.17' xl info
has "xl list shows dom0" '^Domain-0  *0 ' xl list
check "the audit finds nothing wrong" sh -c \
	'xl debug-keys A && xl dmesg | grep -q "Audit: 0 "'
exit $failures
