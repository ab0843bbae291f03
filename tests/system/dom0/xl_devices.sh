# SPDX-License-Identifier: MIT
# xl: disks and networks that carry real data, at start and later.
MIB=${MIB:-8}

brctl addbr br0 && ip addr add 10.0.0.1/24 dev br0 && ip link set br0 up
mkdir -p /srv
head -c $((MIB << 20)) /dev/urandom >/srv/data
sum=$(md5sum </srv/data | cut -c 1-32)
httpd -h /srv
cp /srv/data /srv/disk
losetup /dev/loop0 /srv/disk
truncate -s "${MIB}M" /srv/disk2
losetup /dev/loop1 /srv/disk2

config dev "disk=['phy:/dev/loop0,xvda,w']" "vif=['bridge=br0']"
started() {
	xl create -q /root/dev.cfg && within 120 heard dev GUEST-UP
}
check "a guest with a disk and a network starts" started
check "its disk: $MIB MiB are the same there" ask dev \
	'until [ -b /dev/xvda ]; do sleep 1; done; md5sum </dev/xvda' "$sum" 60
check "its network: $MIB MiB come in the same" ask dev \
	'ip addr add 10.0.0.2/24 dev eth0; ip link set eth0 up; wget -qO- http://10.0.0.1/data | md5sum' "$sum" 60
type_to dev 'nc -l -p 7 </dev/xvda'
came_back() { sleep 30 | nc 10.0.0.2 7 >/srv/in; cmp /srv/in /srv/data; }
check "and go out the same, to where they came from" within 30 came_back
has "xl network-list" '^0 ' xl network-list dev
has "xl block-list" '^51712 ' xl block-list dev

check "xl block-attach" xl block-attach dev phy:/dev/loop1 xvdb w
check "the guest writes to it" ask dev \
	'until [ -b /dev/xvdb ]; do sleep 1; done; dd if=/dev/xvda of=/dev/xvdb bs=64k 2>/dev/null; sync; echo wrote $((1 + 2))' 'wrote 3' 60
check "xl block-detach" xl block-detach dev xvdb
check "the disk is gone there" ask dev '[ -b /dev/xvdb ] || echo none $((1 + 3))' 'none 4'
check "what it wrote is here" cmp /srv/disk2 /srv/data
check "xl network-attach" xl network-attach dev bridge=br0
check "the guest uses it" ask dev \
	'ip addr flush dev eth0; ip addr add 10.0.0.3/24 dev eth1; ip link set eth1 up; wget -qO- http://10.0.0.1/data | md5sum' "$sum" 60
check "xl network-detach" xl network-detach dev 1
check "the network is gone there" ask dev 'sleep 1; ip link show eth1 || echo none $((1 + 4))' 'none 5'
check "xl destroy" xl destroy dev
check "no device stays behind" within 20 sh -c \
	'! ls /sys/bus/xen-backend/devices | grep -q . && ! ls /sys/class/net | grep -q vif'
losetup -d /dev/loop0
losetup -d /dev/loop1
rm -f /srv/*

# pvgrub reads a kernel from a disk and starts it in its own domain.
mkdir -p /srv/boot/grub
cp /wabe/vmlinuz /wabe/guest.gz /srv/boot/
cat >/srv/boot/grub/grub.cfg <<'GRUB'
linux /boot/vmlinuz console=hvc0 quiet
initrd /boot/guest.gz
boot
GRUB
(cd /srv && tar -cf /root/grub.img boot)
rm -rf /srv/boot
losetup /dev/loop0 /root/grub.img
small grub grub-x86_64-xen.bin "disk=['phy:/dev/loop0,xvda,r']" 'memory=128'
grub_started() { xl create -q /root/grub.cfg && within 180 heard grub GUEST-UP; }
check "pvgrub starts Linux from a disk" grub_started
check "which answers" ask grub 'echo grub $((3 * 3))' 'grub 9'
check "xl destroy" xl destroy grub
losetup -d /dev/loop0
rm -f /root/grub.img
