# SPDX-License-Identifier: MIT
# xen-lowmemd: when the machine runs low, dom0 is told to give memory up.
target() { xenstore-read /local/domain/0/memory/target; }
xl mem-set 0 "$(memory_of 0)" # makes the node
before=$(target)
xen-lowmemd >/tmp/lowmemd 2>&1 &
sleep 1
small one share "memory=$(($(free_memory) - 40))"
run xl create -q -p /root/one.cfg
told() { [ "$(target)" -lt "$before" ]; }
check "dom0's target falls" within 60 told
kill %1
xl destroy one
xl mem-set 0 $((before / 1024))
back() { [ "$(memory_of 0)" = $((before / 1024)) ]; }
check "dom0 takes its memory back" within 60 back
