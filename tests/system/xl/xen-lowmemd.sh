# SPDX-License-Identifier: MIT
# xen-lowmemd is told when the machine runs low (VIRQ_ENOMEM) and looks what dom0
# could give; it takes nothing from a dom0 of 1024 MiB.
/wabe/talk 200 nothing '' -- xen-lowmemd >/tmp/lowmemd &
sleep 1
looked() { grep -q 'Dom0 pages' /tmp/lowmemd; }
check "it waits" sh -c '! grep "Dom0 pages" /tmp/lowmemd'
small one share "memory=$(($(free_memory) - 40))"
run xl create -q -p /root/one.cfg
check "it is told" within 60 looked
kill %1
xl destroy one
check "dom0 keeps what it has" [ "$(memory_of 0)" = 1024 ]
