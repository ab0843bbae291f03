# SPDX-License-Identifier: MIT
# xen-netback on a bridge carries 64 MiB each way; xl network-attach, -detach.
MIB=64
linux_up
ip link show br0 >/dev/null 2>&1 || {
	brctl addbr br0
	ip addr add 10.0.0.1/24 dev br0
	ip link set br0 up
}
mkdir -p /srv/net
head -c $((MIB << 20)) /dev/urandom >/srv/net/data
sum=$(md5sum </srv/net/data | cut -c 1-32)
httpd -p 10.0.0.1:80 -h /srv/net
run xl network-attach linux bridge=br0 mac=00:16:3e:00:00:01
run xl network-list linux
check "the interface is there" guest_says linux \
	'until [ -e /sys/class/net/eth0 ]; do sleep 1; done; ip addr add 10.0.0.2/24 dev eth0; ip link set eth0 up; echo up' up
check "$MIB MiB come in the same" guest_says linux 'wget -qO- http://10.0.0.1/data | md5sum | cut -c 1-32' "$sum"
in_guest linux 'mount -t tmpfs -o size=40m out /mnt; dd if=/dev/urandom of=/mnt/data bs=1M count=32 2>/dev/null; httpd -p 80 -h /mnt'
sum=$(in_guest linux 'md5sum </mnt/data | cut -c 1-32')
check "the guest has data" [ ${#sum} = 32 ]
fetched() { wget -qO- http://10.0.0.2/data | md5sum | grep -q "$sum"; }
check "32 MiB go out the same" fetched
check "32 MiB more go out the same" fetched
in_guest linux 'killall httpd; umount /mnt'
check "pings go both ways" sh -c 'ping -q -c 3 -s 1400 10.0.0.2 | grep -q "3 packets received"'
# Its interfaces, KiB out and in.
counted() { xentop -b -i 1 | awk '$1 == "linux" {print $10, ($11 >= 65536), ($12 >= 65536)}' | grep '^1 1 1$'; }
check "xentop counts them" counted
run xl network-attach linux bridge=br0 mac=00:16:3e:00:00:02
run xl network-list linux
run xl network-detach linux 1
run xl network-detach linux 0
run xl network-list linux
check "they are gone there" guest_says linux \
	'while ls /sys/class/net | grep -q eth; do sleep 1; done; echo none' none
run xl network-detach linux 5
run xl network-attach nobody bridge=br0
check "no interface stays in dom0" within 30 sh -c '! ls /sys/class/net | grep -q vif'
killall httpd
rm -rf /srv/net
