# SPDX-License-Identifier: MIT
# dom0 runs short of memory: it swaps, it gives memory away and takes it back,
# it changes its maps from all CPUs. /dev/vda is a disk to overwrite.
. /wabe/check.sh
. /wabe/audit.sh
cpus=$(grep -c ^processor /proc/cpuinfo)
seconds=$(sed -n 's/.*stress=\([0-9]*\).*/\1/p' /proc/cmdline)
seconds=${seconds:-1}
all=$(xl list 0 | awk '$2 == 0 {print $3}')
less=$((all * 3 / 4))

# More than there is, by so much.
over() { awk "/^MemAvailable/ {print int(\$2 / 1024) + $1}" /proc/meminfo; }
# balloon MIB: dom0 has that much, at last, and the hypervisor agrees.
balloon() {
	xl mem-set 0 "$1" || return 1
	for i in $(seq 100); do
		now=$(xl list 0 | awk '$2 == 0 {print $3}')
		[ "$now" -le $(($1 + 1)) ] && [ "$now" -ge $(($1 - 1)) ] && return 0
		usleep 100000
	done
	xl list 0
	return 1
}

check "maps change and processes fork on all CPUs" \
	/wabe/stress storm "$seconds" "$((cpus + 1))"
audited "after maps changed"

check "dom0 gives memory up" balloon $less
audited "after dom0 gave memory up"
echo 32M >/sys/block/zram0/disksize
check "swap on compressed memory and on a disk" sh -c '
	mkswap /dev/zram0 >/dev/null && swapon /dev/zram0 &&
	mkswap /dev/vda >/dev/null && swapon /dev/vda'
check "a program uses more memory than there is while maps change" sh -c "
	/wabe/stress fill $(over $((20 + 4 * seconds))) $((seconds - 1)) & fill=\$!
	/wabe/stress storm $seconds $cpus || exit 1
	wait \$fill"
check "it did swap" sh -c 'awk "/^pswpout/ && \$2 > 3000 {x = 1} END {exit !x}" /proc/vmstat'
audited "after dom0 swapped"
check "dom0 takes its memory back" balloon $all
check "swap ends" sh -c "swapoff /dev/zram0 && swapoff /dev/vda"
audited "after swap ended"

while read -r module; do insmod "/wabe/$module" 2>/dev/null; done </wabe/modules
check "a file system on a disk" sh -c \
	'mke2fs /dev/vda >/dev/null 2>&1 && mount -t ext4 /dev/vda /mnt'
check "maps of files, on all CPUs" sh -c '
	pids=
	for c in $(seq '"$cpus"'); do
		/wabe/stress files /mnt '"$seconds"' & pids="$pids $!"
	done
	for p in $pids; do wait $p || exit 1; done'
check "the file system ends" umount /mnt
for mib in $((all * 3 / 4)) $((all * 2 / 3)) $all; do
	check "dom0's memory goes to $mib MiB" balloon $mib
done
audited "at the end"
check "Linux has nothing to complain about" sh -c \
	'! dmesg | grep -i "bug:\|bad page\|bad rss\|bad page map\|mmu_update.*fail"'
exit $failures
