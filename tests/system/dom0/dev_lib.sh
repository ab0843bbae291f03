# SPDX-License-Identifier: MIT
# For devices.sh: counters of interrupts, their CPUs, and the host's hands.
. /wabe/check.sh
word() { sed -n "s/.*\b$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
scale=$(word wabe.scale)
scale=${scale:-1}
cpus=$(grep -c ^processor /proc/cpuinfo)

# The host, which reads this console, types (printf's escapes) or tells QEMU.
host_type() { echo "HOST-TYPE $1" >/dev/console; }
host_tell() { echo "HOST-TELL $1" >/dev/console; }

# count REGEX [CPU]: how often the interrupts whose line matches came.
count() {
	awk -v re="$1" -v cpu="${2:-all}" '
		/^ *[0-9]+:/ && $0 ~ re {
			for (i = 2; $i ~ /^[0-9]+$/; i++)
				if (cpu == "all" || cpu == i - 2) n += $i
		}
		END { print n + 0 }' /proc/interrupts
}
# grows REGEX LEAST command...: the command succeeds, and they came so often.
grows() {
	local re=$1 least=$2 before after
	shift 2
	before=$(count "$re")
	"$@" || return 1
	after=$(count "$re")
	echo "$re: $((after - before)) interrupts, $least expected"
	[ $((after - before)) -ge "$least" ]
}
# The numbers of the interrupts that match.
numbers() {
	awk -v re="$1" '/^ *[0-9]+:/ && $0 ~ re { print $1 + 0 }' /proc/interrupts
}
# soon command...: it succeeds within some seconds.
soon() {
	local try
	for try in 1 2 3 4 5 6 7 8 9 10 11 12; do
		"$@" && return 0
		sleep 1
	done
	return 1
}
# Move them round the CPUs until killed. Queues that Linux itself spreads
# refuse to be moved.
move_irqs() {
	local list mask turn=0
	list=$(numbers "$1")
	while :; do
		turn=$((turn + 1))
		mask=$(printf %x $((1 << (turn % cpus))))
		for i in $list; do
			echo $mask >/proc/irq/$i/smp_affinity 2>/dev/null
		done
	done
}
# moved REGEX command...: the same while the command runs; they came on each CPU.
moved() {
	local re=$1 mover cpu had code=0
	shift
	: >/tmp/before
	for cpu in $(seq 0 $((cpus - 1))); do
		count "$re" "$cpu" >>/tmp/before
	done
	move_irqs "$re" &
	mover=$!
	"$@" || code=$?
	kill $mover
	cpu=0
	while read -r had; do
		echo "$re on CPU $cpu: $had, then $(count "$re" $cpu)"
		[ "$(count "$re" $cpu)" -gt "$had" ] || code=1
		cpu=$((cpu + 1))
	done </tmp/before
	return $code
}
# The disk behind PCI device DRIVER, of driver $1, the $2-th.
driver_disk() {
	ls -d /sys/bus/pci/drivers/"$1"/0000:*/ | while read -r d; do
		ls -d "$d"block/* "$d"*/block/* "$d"nvme/*/nvme*n1 \
			"$d"ata*/host*/target*/*/block/* 2>/dev/null
	done | sed 's|.*/|/dev/|' | sed -n "${2:-1}p"
}
# The network interfaces of a driver.
driver_net() {
	for d in /sys/class/net/*/device/driver; do
		[ "$(basename "$(readlink "$d")")" != "$1" ] || echo "$d" | cut -d/ -f5
	done
}
net_up() {
	ip link set "$1" up && ip addr add 10.0.2.15/24 dev "$1" &&
		soon ping -c 1 -W 1 10.0.2.2
}
net_down() {
	ip addr flush dev "$1"
	ip link set "$1" down
}
net_bounce() {
	local i
	net_down "$1"
	for i in $(seq "$2"); do
		ip link set "$1" up && ip link set "$1" down || return 1
	done
	net_up "$1"
}
# The host's file: packet by packet, as a stream; and back.
net_get() {
	cd /tmp && rm -f f && tftp -g -b 1428 -r f 10.0.2.2 && md5sum -c /wabe/sums
}
net_stream() {
	local i
	for i in $(seq "$1"); do
		nc 10.0.2.100 80 </dev/null >/tmp/f
		md5sum -c /wabe/sums || return 1
	done
}
net_put() { nc -w 5 10.0.2.101 80 </tmp/f; }
