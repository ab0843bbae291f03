# SPDX-License-Identifier: MIT
# Four Linux guests with two vCPUs each work for LOAD_SECONDS beside dom0, which
# works too: memory, disks, network, timers. Whatever is lost is seen: requests
# and timers end in time, data is compared, and no kernel complains.
. /wabe/xl_lib.sh
. /wabe/audit.sh
seconds=$(sed -n 's/.*wabe.load=\([0-9]*\).*/\1/p' /proc/cmdline)
seconds=${seconds:-300}
guests="a b c d"

brctl addbr br0 && ip addr add 10.0.0.254/24 dev br0 && ip link set br0 up
mkdir -p /srv/net
head -c 4194304 /dev/urandom >/srv/net/data
sum=$(md5sum </srv/net/data | cut -c 1-32)
httpd -p 10.0.0.254:80 -h /srv/net
n=0
for g in $guests; do
	/wabe/dev_io fill /srv/$g 16
	losetup /dev/loop$n /srv/$g
	config $g 'vcpus=2' 'memory=128' "disk=['phy:/dev/loop$n,xvda,w']" "vif=['bridge=br0']"
	n=$((n + 1))
	check "guest $g is made" xl create -q /root/$g.cfg
done
n=0
for g in $guests; do
	n=$((n + 1))
	check "guest $g is up" within 300 heard $g GUEST-UP
	in_guest $g "ip addr add 10.0.0.$n/24 dev eth0; ip link set eth0 up; ip link set lo up"
done
# Each job runs until told to stop, and says only what went wrong.
for g in $guests; do
	in_guest $g "(stress storm $seconds 2 || echo memory) >/tmp/memory 2>&1 & :"
	in_guest $g '(until [ -e /tmp/stop ]; do dev_io work /dev/xvda 200 2 || echo disk; done) >/tmp/disk 2>&1 & :'
	in_guest $g "(until [ -e /tmp/stop ]; do [ \"\$(timeout 120 wget -qO- http://10.0.0.254/data | md5sum | cut -c 1-32)\" = $sum ] || echo network; echo >>/tmp/transfers; done) >/tmp/network 2>&1 & :"
	for cpu in 1 2; do
		in_guest $g "(until [ -e /tmp/stop ]; do taskset $cpu sleep 1; echo >>/tmp/ticks$cpu; done) >/tmp/timer 2>&1 & :"
	done
done
check "dom0 works beside them" /wabe/stress storm "$seconds" 2
for g in $guests; do
	in_guest $g 'touch /tmp/stop'
done
counted() { # FILE LEAST: what the guest's FILE counts
	count=$(in_guest "$g" "wc -l </tmp/$1")
	echo "$count"
	[ "${count:-0}" -ge "$2" ]
}
for g in $guests; do
	check "$g: every job ends" guest_says $g 'wait; echo ended' ended 400
	check "$g: memory, disk and network gave back what they got" guest_says $g \
		'cat /tmp/memory /tmp/disk /tmp/network /tmp/timer' ''
	check "$g: transfers came" counted transfers 2
	# Coarse: that no timer stopped, not how late each was.
	check "$g: timers came on CPU 0" counted ticks1 $((seconds / 10))
	check "$g: timers came on CPU 1" counted ticks2 $((seconds / 10))
	check "$g: its kernel has no complaint" guest_says $g \
		'dmesg | grep -i "rcu.*stall\|lockup\|bug:\|warning:\|blocked for more\|call trace\|out of memory"' ''
	xl destroy $g
done
check "dom0's kernel has no complaint" sh -c \
	'! dmesg | grep -i "rcu.*stall\|lockup\|bug:\|warning:\|blocked for more\|call trace\|out of memory"'
audited "after the load"
exit $failures
