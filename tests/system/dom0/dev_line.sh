# SPDX-License-Identifier: MIT
# Lines: the same devices without messages (pci=nomsi), sharing level-triggered
# GSIs, their handlers in threads (threadirqs), so that each interrupt masks its
# event channel and unmasks it; and IDE, an edge with its data through ports.
n=$((60 * scale))
insmod /wabe/e1000.ko

check "no message interrupt is in use" sh -c '! grep -q msi /proc/interrupts'
disk() {
	local dev
	dev=$(driver_disk "$2" "${4:-1}")
	check "$1: random requests of many, all data right" \
		grows "$3" $n $io work "$dev" $n 4
	check "$1: one request after the other, an interrupt each" \
		grows "$3" $((n * 3)) $io one "$dev" $((n * 4))
}
disk virtio-blk virtio-pci 'level.*virtio'
disk NVMe nvme 'level.*nvme'
disk AHCI ahci 'level.*ahci'
disk IDE ata_piix 'edge.*ata_piix'

# All at once, while a network card on a shared line comes and goes, and the
# lines are moved from CPU to CPU.
all() {
	local pids p code=0
	pids=
	for p in "$(driver_disk virtio-pci)" "$(driver_disk nvme)" "$(driver_disk ahci)"; do
		$io work "$p" $n 2 &
		pids="$pids $!"
	done
	"$@" || code=$?
	for p in $pids; do
		wait "$p" || code=1
	done
	return $code
}
check "all at once, lines moved meanwhile" moved "ioapic-level.*(virtio|nvme|ahci)" all true
nics="e1000 virtio_net"
[ "$scale" = 1 ] || nics="$nics e1000e"
for driver in $nics; do
	if=$(driver_net $driver)
	check "$driver: the network is up" net_up "$if"
	check "$driver: a file by UDP arrives whole" grows "level.*($if|virtio)" 300 net_get
	check "$driver: a stream by TCP too, its line moved meanwhile" \
		moved "level.*($if|virtio)" net_stream $((scale + 1))
	net_down "$if"
	check "$driver: comes and goes while disks on its line work" \
		all net_bounce "$if" $((3 * scale))
	check "$driver: then a file arrives whole" net_get
	net_down "$if"
done

# Many, and not one lost: each read waits for its own.
target=$(word wabe.levels)
levels() {
	local before
	before=$(count 'level.*virtio')
	while [ $(($(count 'level.*virtio') - before)) -lt "${target:-3000}" ]; do
		$io one "$(driver_disk virtio-pci)" 1000 || return 1
	done
}
check "${target:-3000} level interrupts, none lost" levels

echo "WABE-EXIT $failures"
reboot -f
