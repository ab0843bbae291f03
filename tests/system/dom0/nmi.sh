# SPDX-License-Identifier: MIT
# The host's hand sends an NMI when this asks for one, then a machine check,
# which ends the machine.
. /wabe/check.sh
nmis() { awk '/^ *NMI:/ { print $2 + 0 }' /proc/interrupts; }
dmesg -n 1
before=$(nmis)
echo "HOST-TELL nmi"
for _ in 1 2 3 4 5 6 7 8 9 10; do
	[ "$(nmis)" -gt "$before" ] && break
	sleep 1
done
check "an NMI reaches dom0's first processor" [ "$(nmis)" -gt "$before" ]
has "and is in the hypervisor's log" 'NMI: of unknown source' xl dmesg
has "the machine goes on" '^Domain-0  *0 ' xl list
# Bank 1, valid, uncorrected, enabled, processor context intact; restartable.
echo "HOST-TELL mce 1 1 0xb000000000000000 0x5 0 0"
sleep 30
echo "not ok - an uncorrected machine check stops the machine"
