# SPDX-License-Identifier: MIT
# Run in dom0: what Debian's xl and the kernel's back ends cost, as rows of the
# bench. Every command must succeed.
. /wabe/domains.sh
set -e
sample() { /wabe/sample "$@"; }
mib=16

printf 'name="p"\ntype="pv"\nkernel="/wabe/share"\nmemory=16\nvcpus=1\n' >/root/p.cfg
xl create -q -p /root/p.cfg # what is done once is done
xl destroy p
for i in 1 2 3 4 5; do
	sample run xl create -q -p /root/p.cfg
	xl destroy p
	sleep 1
done
sample row "xl create -p"
for i in 1 2 3 4 5; do
	xl create -q -p /root/p.cfg
	sleep 1
	sample run xl destroy p
done
sample row "xl destroy"

brctl addbr br0
ip addr add 10.0.0.1/24 dev br0
ip link set br0 up
mkdir -p /srv
dd if=/dev/zero of=/srv/data bs=1M count=$mib 2>/dev/null
httpd -h /srv
losetup /dev/loop0 /srv/data
config dev "disk=['phy:/dev/loop0,xvda,w']" "vif=['bridge=br0']"
xl create -q /root/dev.cfg
within 200 heard dev GUEST-UP

# guest NAME COMMAND: the guest does it, while dom0 waits without doing anything.
guest() {
	type_to dev "$2 && echo did\"\" $1"
	sleep 4
	within 60 heard dev "^did $1\$"
}
guest up 'ip addr add 10.0.0.2/24 dev eth0; ip link set eth0 up; cat /dev/xvda >/tmp/data; httpd -h /tmp'
within 30 ping -c 1 10.0.0.2

for i in 1 2 3; do sample run ping -q -A -c 100 10.0.0.2 >/dev/null; done
sample row "100 pings"
for i in 1 2 3; do guest in$i 'sample run wget -qO /dev/null http://10.0.0.1/data'; done
sample row "$mib MiB to a guest"
for i in 1 2 3; do sample run wget -qO /dev/null http://10.0.0.2/data; done
sample row "$mib MiB from a guest"
for i in 1 2 3; do
	guest read$i 'echo 3 >/proc/sys/vm/drop_caches; sample run dd if=/dev/xvda of=/dev/null bs=64k 2>/dev/null'
done
sample row "$mib MiB read from a guest's disk"
for i in 1 2 3; do
	guest write$i "sample run dd if=/dev/zero of=/dev/xvda bs=64k count=$((mib * 16)) conv=fsync 2>/dev/null"
done
sample row "$mib MiB written to a guest's disk"
xl destroy dev
