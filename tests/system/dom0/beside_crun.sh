# SPDX-License-Identifier: MIT
# What a workload sees, beside crun on the same image; part of wabe_verbs.sh.

# Of itself. Not compared: what depends on how much memory there is (processes,
# signals), and process 1: a micro-domain has its own init.
# shellcheck disable=SC2016
see_self='id; grep -e ^Uid -e ^Gid -e ^Groups -e ^Cap -e ^NoNewPrivs /proc/self/status
cat /proc/self/limits; echo $PWD; env; hostname; umask
for d in null zero full random urandom tty ptmx pts shm mqueue fd stdin stdout stderr; do [ -e /dev/$d ] && echo /dev/$d; done
exit 7'
# Of /proc and /sys.
see_proc=$(cat /wabe/see_proc)
seen() { tr -d '\r' | grep -v '^Max processes\|^Max pending' | sed 's/^\(CapInh\|CapAmb\).*0$/\1 none/' | sort -u; }
json() { sed 's/\\/\\\\/g; s/"/\\"/g; s/	/ /g' | awk '{ printf "%s\\n", $0 }'; }
mounts() {
	for mount in "/proc proc nosuid noexec nodev" "/dev tmpfs nosuid strictatime mode=755 size=65536k" \
		"/dev/pts devpts nosuid noexec newinstance ptmxmode=0666 mode=0620 gid=5" \
		"/dev/shm tmpfs nosuid noexec nodev mode=1777 size=65536k" \
		"/dev/mqueue mqueue nosuid noexec nodev" \
		"/sys sysfs nosuid noexec nodev ro" "/tmp tmpfs nosuid nodev"; do
		set -- $mount
		printf '{"destination":"%s","type":"%s","source":"%s"' "$1" "$2" "$2"
		shift 2
		[ $# = 0 ] || printf ',"options":[%s]' "$(printf '"%s",' "$@" | sed 's/,$//')"
		printf '},'
	done | sed 's/,$//'
}
# The rest is what `crun spec` writes.
by_crun() { # SCRIPT UID CAPABILITIES
	mkdir -p /tmp/bundle /mnt/image
	cat >/tmp/bundle/config.json <<-JSON
	{"ociVersion":"1.0.2","process":{"user":{"uid":$2,"gid":$2},"args":["sh","-c","$(printf '%s' "$1" | json)"],"cwd":"/tmp",
	"env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","COLOUR=red"],"noNewPrivileges":true,
	"capabilities":{"bounding":[$capabilities],"effective":[$3],"permitted":[$3],"inheritable":[]}},
	"root":{"path":"/mnt/image","readonly":true},"hostname":"pail","mounts":[$(mounts)],
	"linux":{"namespaces":[{"type":"pid"},{"type":"mount"},{"type":"uts"},{"type":"ipc"},{"type":"network"}],
	"maskedPaths":["/proc/acpi","/proc/asound","/proc/kcore","/proc/keys","/proc/latency_stats","/proc/timer_list",
	"/proc/timer_stats","/proc/sched_debug","/sys/firmware","/proc/scsi"],
	"readonlyPaths":["/proc/bus","/proc/fs","/proc/irq","/proc/sys","/proc/sysrq-trigger"]}}
	JSON
	LD_LIBRARY_PATH=/wabe/crun /wabe/crun/crun --cgroup-manager=disabled run --no-pivot -b /tmp/bundle one
}
capabilities=$(for c in CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL; do printf '"CAP_%s",' $c; done)'"CAP_AUDIT_WRITE"'
# beside_crun SCRIPT UID CAPABILITIES [DIFFERENCES]: both see the same, but for
# what stands in the file DIFFERENCES, each with a reason: all of it.
beside_crun() {
	by_crun "$1" "$2" "$3" >/tmp/crun.out 2>&1
	crun=$?
	wabe run --rm -u "$2:$2" -h pail -w /tmp -e COLOUR=red busybox sh -c "$1" >/tmp/wabe.out 2>&1
	ours=$?
	seen </tmp/crun.out >/tmp/crun.seen
	seen </tmp/wabe.out >/tmp/wabe.seen
	who=user
	[ "$2" != 0 ] || who=root
	sed -n "s/^$who\([<>]\)/\1/; /^[<>]/p" "${4:-/dev/null}" | sort >/tmp/expected
	diff -U 0 /tmp/crun.seen /tmp/wabe.seen | sed -n '/^---\|^+++/d; s/^-/< /p; s/^+/> /p' | sort >/tmp/differ
	diff /tmp/expected /tmp/differ && [ "$crun $ours" = "7 7" ] &&
		[ "$(wc -l </tmp/crun.seen)" -gt 30 ]
}
mkdir -p /mnt/image
if mount -t erofs -o ro,loop /var/lib/wabe/images/busybox/root.erofs /mnt/image; then
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	check "as root: ids, capabilities, limits, environment, status as with crun" beside_crun "$see_self" 0 "$capabilities"
	check "as a user: the same" beside_crun "$see_self" 1000 ""
	check "as root: of /proc and /sys what a workload has with crun" beside_crun "$see_proc" 0 "$capabilities" /wabe/see_proc.differences
	check "as a user: the same" beside_crun "$see_proc" 1000 "" /wabe/see_proc.differences
	umount /mnt/image
else
	check "the image can be mounted for crun" false
fi
