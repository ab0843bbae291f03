# SPDX-License-Identifier: MIT
# xl save, xl restore, xl save -c: memory, timers, console and vCPUs go on.
# Processor: max,-smap,-xsave,-pcid
# (With XSAVE and PCID, in QEMU, processes die of SIGSEGV on Debian's Xen beside the
# guest's busy job, another one each time.)
# A guest whose devices nobody has changed: xl save speaks of those that went.
xl destroy linux 2>/dev/null
linux_up
in_guest linux 'dd if=/dev/urandom of=/tmp/kept bs=1M count=8 2>/dev/null; md5sum </tmp/kept >/tmp/sum; (while :; do :; done) & echo $! >/tmp/job'
sum=$(in_guest linux 'cat /tmp/sum')
id_before=$(id_of linux)
goes_on() {
	check "its memory is what it was" guest_says linux 'md5sum </tmp/kept' "$sum"
	check "its processes go on" guest_says linux 'kill -0 $(cat /tmp/job) && echo on' on
	check "both vCPUs are there" guest_says linux nproc 2
	check "its timers go on" guest_says linux 'sleep 1; echo slept' slept
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
