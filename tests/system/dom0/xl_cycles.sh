# SPDX-License-Identifier: MIT
# xl: what fails leaves nothing behind, and neither does what comes and goes.
CYCLES=${CYCLES:-20}

# all that may be left behind, one a line
# Slots of a dead domain's structures are kept for the next: one comes first.
counts() {
	xl dmesg -c >/dev/null
	xl debug-keys m
	xl dmesg | sed -n 's/.*\(partition.*\|heap.*\)/\1/p' | sed 's/, [0-9]* to scrub//'
	xl info | grep '^free_memory'
	xl list | awk '{print $1, $2, $3}'
	ls /local/domain 2>/dev/null
	xenstore-list /local/domain
	xenstore-list /vm
	xenstore-list /libxl 2>/dev/null
	losetup -a
	ls /proc/$(pidof xenconsoled)/fd | wc -l
	ls /proc/$(pidof xenstored)/fd | wc -l
	/usr/lib/xen-4.17/bin/lsevtchn 0 | wc -l
}
same_counts() {
	counts >/tmp/counts.after
	diff /tmp/counts.before /tmp/counts.after
}

small cycle share
cycle() { xl create -q "$@" /root/cycle.cfg && xl destroy cycle; }
check "a domain comes and goes" cycle -p
sleep 2
counts >/tmp/counts.before
fails() {
	what=$1 message=$2
	shift 2
	small wrong share "$@"
	if xl create -q /root/wrong.cfg >/tmp/wrong 2>&1; then
		xl destroy wrong
		check "$what: it does not start" false
	else
		has "$what: xl says so" "$message" cat /tmp/wrong
	fi
	check "$what: it leaves nothing behind" within 10 same_counts
}
fails "too much memory" 'memory\|ENOMEM' 'memory=100000'
fails "a kernel that is none" 'kernel\|image\|build' 'kernel="/etc/xen/xl.conf"'
fails "no kernel" 'kernel\|No such' 'kernel="/nowhere"'
fails "no disk" 'disk\|No such\|failed' "disk=['phy:/dev/nowhere,xvda,w']"
fails "too many vCPUs" 'vcpu\|cannot make domain' 'vcpus=5000'
head -c 20000 /wabe/share >/tmp/cut
fails "a kernel cut off" 'build\|kernel\|image' 'kernel="/tmp/cut"'

cycles() {
	for i in $(seq "$1"); do
		cycle -p || return 1
	done
}
check "$CYCLES domains come paused and go" cycles "$CYCLES"
running() {
	for i in 1 2 3; do
		xl create -q /root/cycle.cfg && within 20 heard cycle obeys || return 1
		xl destroy cycle
	done
}
check "3 run and go" running
check "and leave nothing behind" within 20 same_counts
