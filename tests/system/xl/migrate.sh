# SPDX-License-Identifier: MIT
# xl migrate through a pipe to this machine, while the guest writes memory.
# Alone: Debian's Xen, built without shadow paging, cannot log a PV guest's writes.
linux_up
id_before=$(id_of linux)
in_guest linux 'dd if=/dev/urandom of=/tmp/kept bs=1M count=8 2>/dev/null; md5sum </tmp/kept >/tmp/sum'
sum=$(in_guest linux 'cat /tmp/sum')
# Writes and checks what it wrote, until told to stop; counts what was wrong.
in_guest linux '(n=0; bad=0; until [ -e /tmp/stop ]; do n=$((n + 1)); dd if=/dev/urandom bs=64k count=16 2>/dev/null | tee /tmp/w | md5sum >/tmp/w.sum; [ "$(md5sum </tmp/w)" = "$(cat /tmp/w.sum)" ] || bad=$((bad + 1)); echo $n >/tmp/n; done; echo wrong $bad >/tmp/bad) >/dev/null 2>&1 & sleep 1'
# First one that breaks off in the middle of its memory.
cat >/tmp/breaks <<'EOF'
#!/bin/sh
head -c 60000000 | xl migrate-receive
EOF
chmod +x /tmp/breaks
# Not all counts: libxl takes /vm/UUID away with the one that came, which has
# the uuid of the one that stays.
left() { free_memory; xl list | awk '{print $1, $3}'; losetup -a; ls /sys/bus/xen-backend/devices; }
check "all is quiet" settled
left >/tmp/left.before
as_before() { left | diff /tmp/left.before -; }
fails() { ! xl migrate -s '' linux /tmp/breaks; }
check "a migration that breaks off fails" fails
check "no domain, memory or device of it is left behind" within 20 as_before
check "it is the domain it was" [ "$(id_of linux)" = "$id_before" ]
check "and runs, with the memory it had" guest_says linux 'md5sum </tmp/kept' "$sum"
check "its writer goes on" guest_says linux 'a=$(cat /tmp/n); sleep 3; [ $(cat /tmp/n) -gt $a ] && echo on' on
run xl migrate -s '' linux 'xl migrate-receive'
# While it came it had another name, and its console's log keeps that.
ln -sf guest-linux--incoming.log "$logs/guest-linux.log"
check "it is another domain" [ "$(id_of linux)" != "$id_before" ]
check "one domain of it" [ "$(xl list | grep -c linux)" = 1 ]
check "its memory is what it was" guest_says linux 'md5sum </tmp/kept' "$sum"
check "the writer goes on" guest_says linux 'a=$(cat /tmp/n); sleep 3; [ $(cat /tmp/n) -gt $a ] && echo on' on
in_guest linux 'touch /tmp/stop; until [ -e /tmp/bad ]; do sleep 1; done'
check "all that was written was read again" guest_says linux 'cat /tmp/bad' 'wrong 0'
check "both vCPUs are there" guest_says linux nproc 2
xl destroy linux
