# SPDX-License-Identifier: MIT
# For the scripts of tests/system/xl: what they print is their transcript, which
# is compared with what the same script prints on Debian's Xen.
. /wabe/check.sh
. /wabe/domains.sh
cpus=$(xl info | sed -n 's/^nr_cpus *: *//p')

# run command...: into the transcript, with what it says and how it ends.
run() {
	echo "\$ $*"
	run_status=0
	"$@" >/tmp/run 2>&1 </dev/null || run_status=$?
	cat /tmp/run
	[ $run_status = 0 ] || echo "(status $run_status)"
}

# A small guest that is there at once: tests/guest/share, 16 MiB.
# small_up NAME WORDS...: it runs.
small_up() {
	small_name=$1
	shift
	small "$small_name" share "$@"
	rm -f "$logs/guest-$small_name.log"
	xl create -q "/root/$small_name.cfg" && within 60 heard "$small_name" obeys
}
fresh_log() { rm -f "$logs/guest-$1.log"; }

# Debian's kernel as a guest with two vCPUs and a shell on its console. It is
# left as linux_up makes it, for the next script.
linux_config() {
	config linux 'vcpus=2' 'memory=128' 'maxmem=192' 'cpus="all"' \
		'on_reboot="restart"' "$@"
}
linux_up() {
	xl domid linux >/dev/null 2>&1 && in_guest linux 'echo here' | grep -q '^here' &&
		return
	xl destroy linux 2>/dev/null
	linux_config
	linux_start
}
linux_start() {
	rm -f "$logs/guest-linux.log"
	xl create -q /root/linux.cfg && within 240 heard linux GUEST-UP
}

# in_guest NAME COMMAND [SECONDS]: COMMAND (a line) in a Linux guest's shell; what it
# says. Typed at the console's terminal, read from xenconsoled's log.
in_guest() {
	in_mark=$(cut -c 1-8 /proc/sys/kernel/random/uuid)
	type_to "$1" "echo B\"\"$in_mark; $2; echo E\"\"$in_mark"
	within "${3:-120}" heard "$1" "^E$in_mark" || echo "$1 does not answer: $2"
	console_of "$1" | sed -n "/^B$in_mark/,/^E$in_mark/p" | sed '1d;$d'
}
# guest_says NAME COMMAND WHAT [SECONDS]: it says exactly that.
guest_says() {
	in_said=$(in_guest "$1" "$2" "${4:-120}")
	echo "it says: $in_said"
	[ "$in_said" = "$3" ]
}

# What xl list and xl vcpu-list say of a domain.
memory_of() { xl list "$1" | awk 'NR == 2 {print $3}'; }
state_of() { xl list "$1" | awk 'NR == 2 {print $5}'; }
state_is() { state_of "$1" | grep -q "$2"; }
# Its processor time in tenths of a second, to the hypervisor.
time_of() { xl list "$1" | awk 'NR == 2 {print $6 * 10}'; }
id_of() { xl domid "$1"; }

# All that a domain could leave behind, one a line.
counts() {
	free_memory
	if [ -e /wabe/audit ]; then # Wabe has more to say
		xl dmesg -c >/dev/null
		xl debug-keys m
		xl debug-keys q
		xl dmesg | sed -n 's/, [0-9]* to scrub//; s/.*\(partition.*\|heap:.*\)/\1/p; s/.*d0: .*\(pages.*\)/\1/p'
	fi
	# Without ids and ports: a domain that was restored has others.
	xl list | awk '{print $1, $3}'
	xenstore-ls -f / | sed -E 's/ = .*//; s/\/[0-9]+/\/N/g' | sort
	losetup -a
	for daemon in xenstored xenconsoled; do
		ls "/proc/$(pidof $daemon)/fd" | wc -l
	done
	ls /sys/bus/xen-backend/devices /sys/class/net | sed -E 's/(vif|vbd|console)-?[0-9]+/\1N/'
	ps | grep -c '[ /]xl ' # who looks after a domain
	lsevtchn 0 | sed -E 's/^ *[0-9]+: VCPU [0-9]+: //; s/(Domain|Port) [0-9]+/\1 N/g' | sort
}
# settled: nothing changes any more; from now on same_counts compares with this.
settled() {
	counts >/tmp/counts.before
	for settled_try in 1 2 3 4 5 6 7 8 9 10; do
		sleep 1
		counts >/tmp/counts.now
		cmp -s /tmp/counts.before /tmp/counts.now && return
		mv /tmp/counts.now /tmp/counts.before
	done
	return 1
}
same_counts() {
	counts >/tmp/counts.after
	diff /tmp/counts.before /tmp/counts.after
}
# nothing_left: the counts are the same, soon.
nothing_left() { within 20 same_counts || same_counts; }
