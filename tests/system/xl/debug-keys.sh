# SPDX-License-Identifier: MIT
# xl debug-keys: the hypervisor prints to its console, which xl dmesg shows.
xl dmesg -c >/dev/null
for key in q r m e i; do
	run xl debug-keys $key
	check "it prints" sh -c '[ $(xl dmesg -c | wc -l) -gt 1 ]'
done
run xl debug-keys qr
run xl debug-keys
