# SPDX-License-Identifier: MIT
# xl mem-set, mem-max: the balloon moves real memory, both ways.
linux_up
# What the guest has, in MiB, and what the machine has left.
total() { in_guest linux "awk '/^MemTotal/ {print int(\$2 / 1024)}' /proc/meminfo"; }
moved() { near "$(memory_of linux)" "$1"; }
near() { echo "$1, $2" && [ "$1" -ge $(($2 - 1)) ] && [ "$1" -le $(($2 + 1)) ]; }
total_before=$(total)
free_before=$(free_memory)
run xl mem-set linux 96
check "it has 96 MiB" within 60 moved 96
check "the guest has 32 MiB less" near "$(total)" $((total_before - 32))
check "the machine 32 MiB more" near "$(free_memory)" $((free_before + 32))
run xl mem-max linux 112
in_guest linux 'echo 163840 >/sys/devices/system/xen_memory/xen_memory0/target_kb'
check "a balloon that wants 160 MiB comes to the maximum" within 60 moved 113
sleep 3
check "and no further" moved 113
run xl mem-max linux 192
run xl mem-set linux 192
check "it has 192 MiB" within 60 moved 192
check "the guest has 64 MiB more" near "$(total)" $((total_before + 64))
check "the machine 64 MiB less" near "$(free_memory)" $((free_before - 64))
check "the guest can use them" guest_says linux \
	'mount -t tmpfs -o size=99m big /mnt; dd if=/dev/zero of=/mnt/big bs=1M count=80 2>/dev/null; md5sum </mnt/big | cut -c1-8; umount /mnt' \
	"$(dd if=/dev/zero bs=1M count=80 2>/dev/null | md5sum | cut -c1-8)"
run xl mem-set linux 400
check "no more than its maximum" moved 192
run xl mem-max linux 100
run xl mem-max linux 192
run xl mem-set linux 128
check "it has 128 MiB again" within 60 moved 128
check "and the machine what it had" near "$(free_memory)" "$free_before"
run xl mem-set nobody 10
run xl mem-max nobody 10
