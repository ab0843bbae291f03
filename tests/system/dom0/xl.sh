# SPDX-License-Identifier: MIT
# All of xl in one boot.
. /wabe/check.sh
. /wabe/domains.sh
. /wabe/xl_life.sh
. /wabe/xl_devices.sh
. /wabe/xl_cycles.sh
check "the audit finds nothing wrong" sh -c \
	'xl debug-keys A && xl dmesg | grep -q "Audit: 0 "'
exit $failures
