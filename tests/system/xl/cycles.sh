# SPDX-License-Identifier: MIT
# Domains come and go, and every count returns to what it was. CYCLES= in
# /wabe/cycles makes it many.
CYCLES=$(cat /wabe/cycles 2>/dev/null || echo 10)
small one share
cycle() { xl create -q "$@" /root/one.cfg && xl destroy one; }
check "a domain comes and goes" cycle -p
check "and runs" small_up one
xl destroy one
mkdir -p /srv
truncate -s 1M /srv/disk
ip link show br0 >/dev/null 2>&1 || { brctl addbr br0 && ip link set br0 up; }
small dev share "disk=['vdev=xvda,access=w,script=block-loop,target=/srv/disk']" "vif=['bridge=br0']"
device_cycle() { fresh_log dev && xl create -q /root/dev.cfg && within 60 heard dev obeys && xl destroy dev; }
check "one with a disk and a network comes and goes" device_cycle
check "all is quiet" settled
slab() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	awk '/^Slab:/ {print $2}' /proc/meminfo
}
cycles() {
	for i in $(seq "$1"); do
		"$2" $3 || return 1
	done
}
slab_before=$(slab)
check "domains come paused and go" cycles "$CYCLES" cycle -p
check "they run and go" cycles $((CYCLES / 5)) cycle
check "they have a disk and a network and go" cycles $((CYCLES / 5)) device_cycle
check "and leave nothing behind" nothing_left
# Slab rounds to pages, and has noise that does not grow with the cycles.
slab_grown() { echo "from $slab_before KiB to $(slab)"; [ $(($(slab) - slab_before)) -lt 1024 ]; }
check "dom0's slab has not grown by 1 MiB" slab_grown
rm -f /srv/disk
