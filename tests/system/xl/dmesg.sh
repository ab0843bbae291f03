# SPDX-License-Identifier: MIT
# xl dmesg, xl dmesg -c
xl debug-keys h
check "xl dmesg shows what the hypervisor printed" sh -c 'xl dmesg | grep -q "^(XEN)"'
check "xl dmesg -c shows the same" sh -c 'xl dmesg >/tmp/a && xl dmesg -c | cmp - /tmp/a'
run xl dmesg
xl debug-keys h
check "then only what is new" sh -c '[ $(xl dmesg | wc -l) -gt 2 ]'
