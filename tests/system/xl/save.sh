# SPDX-License-Identifier: MIT
# xl save, xl restore, xl save -c: memory, clocks, console and vCPUs go on.
# Alone: in QEMU, Debian's Xen is no witness: beside the guest's busy job processes
# of dom0 and of the guest die of SIGSEGV, another one each time; on a processor
# without XSAVE and PCID they do not, but the guest's clock comes back seconds late.
linux_up
in_guest linux 'dd if=/dev/urandom of=/tmp/kept bs=1M count=8 2>/dev/null; md5sum </tmp/kept >/tmp/sum; (while :; do :; done) & echo $! >/tmp/job'
sum=$(in_guest linux 'cat /tmp/sum')
id_before=$(id_of linux)
goes_on() {
	check "its memory is what it was" guest_says linux 'md5sum </tmp/kept' "$sum"
	check "its processes go on" guest_says linux 'kill -0 $(cat /tmp/job) && echo on' on
	check "both vCPUs are there" guest_says linux nproc 2
	check "its timers go on" guest_says linux 'sleep 1; echo slept' slept
	check "its clock is right" clock_right
}
clock_right() {
	from=$(date +%s)
	there=$(in_guest linux 'date +%s')
	[ "$there" -ge $((from - 1)) ] && [ "$there" -le $(($(date +%s) + 1)) ] || {
		echo "$from $there $(date +%s)"
		return 1
	}
}
run xl save linux /tmp/saved
check "it is gone" gone linux
run xl restore /tmp/saved
check "it is another domain" [ "$(id_of linux)" != "$id_before" ]
goes_on
rm -f /tmp/saved
run xl save -c linux /tmp/saved2
goes_on
run xl save -p linux /tmp/saved3
check "it is paused" state_is linux p
run xl unpause linux
rm -f /tmp/saved3
goes_on
xl destroy linux
run xl restore -p /tmp/saved2
check "it is paused" state_is linux p
run xl unpause linux
goes_on
rm -f /tmp/saved*
run xl restore /tmp/nowhere
head -c 100000 /wabe/vmlinuz >/tmp/nonsense
run xl restore /tmp/nonsense
run xl save nobody /tmp/nonsense
rm -f /tmp/nonsense
in_guest linux 'kill $(cat /tmp/job); rm /tmp/*'
