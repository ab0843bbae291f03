# SPDX-License-Identifier: MIT
# q35: MSI and MSI-X, and configuration space beyond 256 bytes.
n=$((60 * scale))

# disk NAME DRIVER REGEX
disk() {
	local dev
	dev=$(driver_disk "$2")
	check "$1: random requests of many, all data right" \
		grows "msi.*$3" $((n * 2)) $io work "$dev" $n 4
	check "$1: one request after the other, an interrupt each" \
		grows "msi.*$3" $((n * 3)) $io one "$dev" $((n * 4))
	check "$1: 64 requests at once" grows "msi.*$3" $((n / 10)) $io storm "$dev" $((n / 6))
}
disk virtio-blk virtio-pci 'virtio[0-9]+-req'
disk NVMe nvme 'nvme0q[1-9]'
disk AHCI ahci ahci
check "AHCI's MSI is moved from CPU to CPU meanwhile" moved "msi.*ahci" \
	$io work "$(driver_disk ahci)" $((n * 2)) 4

each_queue() {
	local c
	for c in $(seq 0 $((cpus - 1))); do
		grows "msi-x.*nvme0q$((c + 1))$" 50 taskset "$(printf %x $((1 << c)))" \
			$io one /dev/nvme0n1 60 || return 1
	done
}
check "each CPU has its vector of NVMe" each_queue

rebind() {
	local d i
	cd /sys/bus/pci/drivers/"$1" || return 1
	d=$(echo 0000:*)
	for i in $(seq "$2"); do
		echo "$d" >unbind && echo "$d" >bind || return 1
	done
}
nvme_again() { rebind nvme $((2 * scale)) && soon test -e /dev/nvme0n1 && $io one /dev/nvme0n1 50; }
nvme_reset() {
	local d
	d=$(echo /sys/bus/pci/drivers/nvme/0000:*)
	echo 1 >"$d/reset" && soon $io one /dev/nvme0n1 50
}
check "NVMe's function reset: its MSI-X is set up again" nvme_reset
check "NVMe taken from its driver and given back" nvme_again

# nic DRIVER REGEX
nic() {
	local if
	if=$(driver_net "$1")
	check "$1: the network is up" net_up "$if"
	check "$1: a file by UDP arrives whole" grows "msi-x.*$2" 300 net_get
	check "$1: a stream by TCP too, its MSI-X moved meanwhile" \
		moved "msi-x.*$2" net_stream $((3 * scale))
	check "$1: a stream is sent" net_put
	check "$1: off and on again, often" net_bounce "$if" $((3 * scale))
	check "$1: then a file arrives whole" net_get
	net_down "$if"
}
nic virtio_net 'virtio[0-9]+-(in|out)put'
nic e1000e '-[rt]x-0'

# Configuration space: 4096 bytes by the window that ACPI names.
pcie=$(grep -l 0x10d3 /sys/bus/pci/devices/*/device | sed 's|/device$||')
has "extended configuration space is there" '^4096$' sh -c "wc -c <$pcie/config"
has "and holds a capability (AER)" ' 0001' sh -c \
	"dd if=$pcie/config bs=1 skip=256 count=2 2>/dev/null | od -An -tx2"
has "Linux uses the window of MCFG" 'MMCONFIG' dmesg
. /wabe/dev_pc.sh
