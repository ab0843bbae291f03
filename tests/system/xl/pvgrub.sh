# SPDX-License-Identifier: MIT
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
run xl create -q /root/grub.cfg
check "Linux starts" within 300 heard grub GUEST-UP
check "and answers" guest_says grub 'echo $((3 * 3))' 9
xl destroy grub
losetup -d /dev/loop0
rm -f /root/grub.img
