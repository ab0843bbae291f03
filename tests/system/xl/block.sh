# SPDX-License-Identifier: MIT
# xen-blkback on a loop device carries 64 MiB each way; xl block-attach, -detach.
MIB=64
linux_up
mkdir -p /srv/blk
head -c $((MIB << 20)) /dev/urandom >/srv/blk/a
truncate -s "${MIB}M" /srv/blk/b
sum=$(md5sum </srv/blk/a | cut -c 1-32)
losetup /dev/loop0 /srv/blk/a
losetup /dev/loop1 /srv/blk/b
run xl block-attach linux phy:/dev/loop0 xvda r
run xl block-attach linux phy:/dev/loop1 xvdb w
run xl block-list linux
there='until [ -b /dev/xvda -a -b /dev/xvdb ]; do sleep 1; done'
check "$MIB MiB come in the same" guest_says linux "$there; md5sum </dev/xvda | cut -c 1-32" "$sum"
check "a disk to read cannot be written" guest_says linux \
	'dd if=/dev/zero of=/dev/xvda bs=4k count=1 2>/dev/null || echo no' no
check "$MIB MiB go out" guest_says linux \
	'dd if=/dev/xvda of=/dev/xvdb bs=64k conv=fsync 2>/dev/null && echo written' written
# Its disks, sectors read and written.
counted() { xentop -b -i 1 | awk '$1 == "linux" {print $13, ($17 >= 131072), ($18 >= 131072)}' | grep '^2 1 1$'; }
check "xentop counts them" counted
run xl block-attach linux phy:/dev/loop1 xvdb w
run xl block-detach linux xvdb
run xl block-detach linux xvda
run xl block-list linux
check "they are gone there" guest_says linux \
	'while ls /dev | grep -q xvd; do sleep 1; done; echo none' none
check "what went out is the same" cmp /srv/blk/a /srv/blk/b
run xl block-detach linux xvdb
run xl block-attach linux phy:/dev/nowhere xvdb w
run xl block-attach nobody phy:/dev/loop1 xvdb w
check "no back end stays" within 30 sh -c '! ls /sys/bus/xen-backend/devices | grep -q vbd'
losetup -d /dev/loop0
losetup -d /dev/loop1
rm -rf /srv/blk
