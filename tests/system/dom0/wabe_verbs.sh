# SPDX-License-Identifier: MIT
# The verbs and options of `wabe`, one claim each, with as few micro-domains as
# can be.
. /wabe/verbs_lib.sh

# --- images -----------------------------------------------------------------
layout=/wabe/images/busybox
tar -C $layout -cf /tmp/oci.tar .
has "import: an OCI archive, by name" '^packed$' wabe import /tmp/oci.tar packed
config=$(grep -l rootfs $layout/blobs/sha256/* | head -n 1)
layer=$(sed -n 's/.*"layers":.*"digest":"sha256:\([0-9a-f]*\)".*/\1/p' $layout/blobs/sha256/* | head -n 1)
mkdir -p /tmp/docker/layer
cp "$config" /tmp/docker/
gunzip -c "$layout/blobs/sha256/$layer" >/tmp/docker/layer/layer.tar
printf '[{"Config":"%s","RepoTags":["from/docker:1"],"Layers":["layer/layer.tar"]}]' "$(basename "$config")" >/tmp/docker/manifest.json
tar -C /tmp/docker -cf /tmp/docker.tar .
has "import: a docker-archive, by its tag" '^from/docker:1$' wabe import /tmp/docker.tar
has "images lists all" '^from/docker:1 ' wabe images
printf 'x' | dd of=/tmp/docker/layer/layer.tar bs=1 seek=700 conv=notrunc 2>/dev/null
check "import: a layer that is not what its digest says" refuses 'damaged' wabe import /tmp/docker again
cp -r $layout /tmp/broken
printf 'x' | dd of="/tmp/broken/blobs/sha256/$layer" bs=1 seek=5000 conv=notrunc 2>/dev/null
check "import: a blob that is not what its digest says" refuses 'damaged' wabe import /tmp/broken broken
check "import: nothing of them is left" sh -c '[ "$(ls -A /var/lib/wabe/images | wc -l)" = 3 ]'
check "import: what is no image" refuses 'neither an OCI layout' wabe import /tmp/docker/layer x
check "rmi" wabe rmi packed from/docker:1
check "rmi: what is not there" refuses 'no such image' wabe rmi packed
rm -rf /tmp/oci.tar /tmp/docker /tmp/docker.tar /tmp/broken

/usr/bin/wabe events >/tmp/events 2>&1 &
listener=$!

# --- exec -------------------------------------------------------------------
check "run -d" wabe run -d --name box -e COLOUR=red busybox sleep 1000
has "exec: its output" '^hello$' wabe exec box echo hello
check "exec: its exit status" status 7 wabe exec box sh -c 'exit 7'
check "exec: a command that is not there" status 127 wabe exec box nothing
check "exec: one that a signal ends" status 143 wabe exec box sh -c 'kill -TERM $$'
has "exec: the workload's environment and more" 'red-big' wabe exec -e SIZE=big box sh -c 'echo $COLOUR-$SIZE'
has "exec: -w and -u" '^/tmp 65534$' wabe exec -w /tmp -u nobody box sh -c 'echo $PWD $(id -u)'
both() { wabe exec box sh -c 'echo out; echo err >&2' >/tmp/out 2>/tmp/err && [ "$(cat /tmp/out /tmp/err)" = "out
err" ]; }
check "exec: standard error is apart" both
dd if=/dev/urandom of=/tmp/data bs=1k count=300 2>/dev/null
carried() { wabe exec -i box cat </tmp/data >/tmp/data2 && cmp /tmp/data /tmp/data2; }
check "exec -i: 300 KiB there and back unharmed" carried
has "exec -t: a terminal" '/dev/pts/' wabe exec -t box busybox tty
sized() { wabe exec -t box busybox stty size </dev/null; }
has "exec -t: it has a size" '^24 80' sized
five() {
	pids=
	for i in 1 2 3 4 5; do
		wabe exec box sh -c "echo $i; sleep 1" >/tmp/five.$i &
		pids="$pids $!"
	done
	wait $pids
	[ "$(cat /tmp/five.*)" = "1
2
3
4
5" ]
}
check "exec: five at once" five
/usr/bin/wabe exec box sleep 999 &
executor=$!
sleep 2
has "exec: its process is there" '[s]leep 999' wabe exec box ps
kill -KILL $executor
gone() { ! wabe exec box ps | grep -q '[s]leep 999'; }
check "exec: a client that is killed takes its command along" until_true 10 gone
killed_worker() {
	kill -KILL $(pidof wabed-worker | cut -d' ' -f1)
	sleep 1
	wabe exec box echo again
}
has "exec: works again when the worker was killed" again killed_worker
check "exec: no such micro-domain" refuses 'no such' wabe exec nobody true
wabe pause box
check "exec: a paused one" refuses paused wabe exec box true
wabe unpause box

# --- figures ----------------------------------------------------------------
has "info: the machine" '^total_memory *: [0-9]* MiB' wabe info
has "info NAME: as JSON" '"state": *"running"' wabe info box
has "list -l: JSON with what list shows" '"memory_kib"' wabe list -l
has "inspect: its description" 'image = "busybox"' wabe inspect box
has "vcpu-list" '^box .* 0 *[0-9] .* all$' wabe vcpu-list box
has "top -b -n 1: a line for it" '^box *running *[0-9.]* *[0-9.]* *[0-9]' wabe top -b -n 1
busy() {
	/usr/bin/wabe exec box sh -c 'i=0; while [ $i -lt 3000000 ]; do i=$((i+1)); done' &
	sleep 1
	wabe top -b -n 1 | awk '/^box/ { exit !($4 > 20) }'
	result=$?
	kill $! 2>/dev/null
	return $result
}
check "top: a busy one shows its share" busy
has "dmesg: the hypervisor's messages" 'Xen\|Wabe' wabe dmesg
metric() { wabe stats box | sed -n "s/^wabe_$1{name=\"box\".*} //p"; }
has "stats: Prometheus text" '^# TYPE wabe_cpu_seconds_total counter' wabe stats
read_bytes() { [ "$(metric disk_read_bytes_total)" -gt 100000 ] && [ "$(metric store_requests_total)" -gt 20 ]; }
check "stats: disk and store counters count" read_bytes
sent() {
	before=$(metric network_transmit_packets_total)
	wabe exec box ping -c 3 10.87.0.1 >/dev/null && [ "$(metric network_transmit_packets_total)" -gt $((before + 2)) ]
}
check "stats: packets count" sent
check "mem-set below what it has" wabe mem-set box 48
shrunk() { [ "$(wabe list | awk '$1 == "box" { print $3 }')" -le 49 ]; }
check "mem-set: the guest gives it back" until_true 15 shrunk
check "mem-set: and takes it again" wabe mem-set box 64
grown() { [ "$(wabe list | awk '$1 == "box" { print $3 }')" -ge 63 ]; }
check "mem-set: all of it" until_true 15 grown
check "mem-set: not more than it was made with" refuses '65536' wabe mem-set box 65

# --- reboot, and behind our back --------------------------------------------
uuid=$(wabe info box | grep uuid) id=$(xl domid box)
check "reboot" wabe reboot box
other() { now=$(xl domid box) && [ "$now" != "$id" ] && wabe exec box true; }
check "reboot: it is there again, another domain" until_true 30 other
same() { [ "$(wabe info box | grep uuid)" = "$uuid" ] && wabe exec box echo ok; }
has "reboot: with its uuid; exec works" ok same
check "xl pause shows" sh -c 'xl pause box && sleep 1 && wabe list | grep -q "^box.*paused" && xl unpause box && sleep 1 && wabe exec box true'
check "xl rename: the name here stays, exec works" sh -c 'xl rename box tin && wabe exec box true && xl list | grep -q tin'
ended() { wabe list -a | grep -q '^box.*destroyed'; }
destroyed() { xl destroy "$(wabe info box | sed -n 's/.*"domid": *\([0-9]*\).*/\1/p')"; }
check "xl destroy" destroyed
check "xl destroy: it has exited here" until_true 10 ended
check "rm forgets it" wabe rm box
few() { [ "$(xl list | wc -l)" = 2 ] && ! ls /sys/class/net | grep -q '^wabe-'; }
check "nothing of it is left: no domain, no tap" until_true 5 few

# --- restart ----------------------------------------------------------------
check "run --restart on-failure:2" wabe run -d --name flop --restart on-failure:2 busybox sh -c 'echo try; exit 3'
given_up() { wabe list -a | grep -q '^flop.*exited 3'; }
check "--restart on-failure:2: it ends at last" until_true 40 given_up
tries() { [ "$(wabe logs flop | grep -c try)" = 3 ]; }
check "--restart on-failure:2: after three tries, all in one log" tries
wabe rm flop
check "run --restart always" wabe run -d --name again --restart always busybox sh -c 'echo try; sleep 1'
thrice() { [ "$(wabe info again | sed -n 's/.*"restarts": *\([0-9]*\).*/\1/p')" -ge 2 ]; }
check "--restart always: again and again" until_true 40 thrice
check "stop ends it" wabe stop again
check "stop: for good" sh -c 'sleep 3; wabe list -a | grep "^again" | grep -q "exited\|signal\|destroyed"'
wabe rm -f again
has "--ip: an address of the bridge" ' 10.87.9.9/16 ' wabe run --rm --ip 10.87.9.9 busybox ip addr show eth0
check "--ip: what is none is refused" refuses 'say 10.87' wabe run --rm --ip 10.87.9 busybox true
bridged() {
	brctl addbr others && wabe spec --network none busybox sleep 1000 |
		sed 's/console {/net@0 { bridge = "others"; }; console {/' >/tmp/others.dts &&
		wabe create --name other1 /tmp/others.dts && wabe create --name other2 /tmp/others.dts &&
		[ "$(ls /sys/class/net/others/brif | wc -l)" = 2 ] && wabe rm -f other1 other2 && brctl delbr others
}
check "two on a bridge that is not the creator's" bridged
check "wabed: one at a time, wherever it listens" refuses 'runs already' wabed -s /tmp/other.sock
check "--name wabed: refused" refuses "daemon's own" wabe run --rm --name wabed busybox true
mkfifo /tmp/pipe
check "-v of a pipe: refused, and nobody waits" refuses 'neither file nor block' timeout 10 wabe run --rm -v /tmp/pipe:xvdb busybox true
check "--restart only with -d" status 2 wabe run --restart always busybox true

# --- signals, output, terminals ----------------------------------------------
# shellcheck disable=SC2016
patient='trap "echo usr1" USR1; trap "exit 5" TERM; echo READY; while :; do sleep 0.2; done'
wabe run -d --name patient busybox sh -c "$patient" >/dev/null
ready() { wabe logs patient | grep -q READY; }
until_true 20 ready
/usr/bin/wabe logs -f patient >/tmp/followed 2>&1 &
follower=$!
check "kill -s USR1" wabe kill -s USR1 patient
heard() { grep -q usr1 /tmp/followed; }
check "the workload gets it; logs -f shows what it says" until_true 10 heard
stops() { wabe stop -t 60 patient && [ "$(wabe wait patient)" = 5 ]; }
check "stop: its stop signal, its exit status by wait" stops
ended() { ! kill -0 $follower 2>/dev/null; }
check "logs -f ends with it" until_true 5 ended
wabe rm patient
forwarded() {
	/usr/bin/wabe run --rm --name fore busybox sh -c "$patient" >/tmp/fore 2>&1 &
	until_true 20 grep -q READY /tmp/fore
	kill -TERM $!
	wait $!
	[ $? = 5 ]
}
check "run: a signal for it goes to the workload" forwarded
leaves() {
	/wabe/talk 60 READY "$(printf '\035')" -- /usr/bin/wabe run -it --rm --name stays busybox sh -c 'echo READY; sleep 1000'
	status=$?
	sleep 1
	[ $status = 0 ] && wabe list | grep -q '^stays.*running'
}
check "run -it: ^] leaves it running" leaves
check "console: ^] leaves it" /wabe/talk 30 READY "$(printf '\035')" -- /usr/bin/wabe console stays
check "top: q leaves it" /wabe/talk 30 stays q -- /usr/bin/wabe top
check "kill: KILL, where no other is named" wabe kill stays
other() { ! wabe list -a | grep -q '^stays'; }
check "... and --rm holds for what was left running" until_true 10 other
check "dmesg -c forgets" sh -c 'wabe dmesg -c >/dev/null; [ "$(wabe dmesg | wc -l)" -lt 5 ]'
has "images -q: names only" '^busybox$' wabe images -q
wabe spec -m 32 busybox sh -c 'echo from-create; exit 3' >/tmp/create.dts
held() { wabe create -p --name held /tmp/create.dts && wabe list | grep -q '^held.*paused' && wabe unpause held && [ "$(wabe wait held)" = 3 ]; }
check "create -p --name: paused until it is let go" held
wabe rm held
has "create -c: its console" from-create wabe create -c --name shown /tmp/create.dts
wabe rm -f shown

# --- network ------------------------------------------------------------------
wabe run -d --name web -p 8081:80 busybox httpd -f -h /etc >/dev/null
published() { wget -q -O - http://10.87.0.1:8081/passwd | grep -q root; }
check "-p: dom0's port is the guest's" until_true 20 published
check "-p: a port that is taken" refuses '8081:80' wabe run --rm -p 8081:80 busybox true
interrupts() { wabe exec web sh -c "sed -n '/eth0/s/^ *[0-9]*: *\([0-9]*\).*/\1/p' /proc/interrupts"; }
undisturbed() {
	sleep 2
	before=$(interrupts)
	wabe run --rm busybox true && wabe run --rm busybox true && sleep 2
	after=$(interrupts)
	echo "$before, then $after"
	[ $((after - before)) -le 2 ]
}
check "a guest is not woken by others' starting" undisturbed
check "the bridge's address does not come from its ports" grep -qx 00:16:3e:57:00:01 /sys/class/net/wabe0/address
check "no guest reaches dom0 past the bridge's address" sh -c '! grep wabe /proc/net/if_inet6'
wabe rm -f web

# --- beside others ----------------------------------------------------------
printf 'name="plain"\nkernel="/usr/lib/wabe/vmlinux"\nmemory=64\n' >/tmp/plain.cfg
check "xl create beside micro-domains" xl create -p /tmp/plain.cfg
check "one of xl's is none of ours" refuses 'no such' wabe destroy plain
check "a micro-domain beside it" wabe run --rm busybox true
check "xl destroy of its own" sh -c 'xl list | grep -q "^plain" && xl destroy plain'

# An unmodified Debian kernel, with a shell on its console (guests/dom0/guest).
if [ -e /wabe/guest.gz ]; then
	cat >/tmp/debian.dts <<'DTS'
/dts-v1/;
/ {
	wabe-domain {
		name = "debian";
		memory-kib = <262144>;
		kernel {
			path = "/wabe/vmlinuz";
			initrd = "/wabe/guest.gz";
			cmdline = "console=hvc0 quiet";
		};
		devices {
			disk@0 { path = "/tmp/data"; };
			net@0 { ip = "10.87.1.77/16"; };
		};
	};
};
DTS
	dd if=/dev/urandom of=/tmp/data bs=1k count=300 2>/dev/null
	check "create: Debian's kernel as a guest" wabe create /tmp/debian.dts
	up() { wabe logs debian | grep -q GUEST-UP; }
	check "... its console" until_true 120 up
	type_at() { (printf '%s\n' "$1"; sleep 2) | timeout 30 /usr/bin/wabe console debian >/dev/null & }
	type_at 'sha256sum /dev/xvda; ifconfig eth0 10.87.1.77 netmask 255.255.0.0 up; sleep 2; ping -c 3 10.87.0.1; echo all-is-$((6*7))'
	answered() { wabe logs debian | grep -q 'all-is-42'; }
	check "... a shell on it" until_true 40 answered
	has "... its disk" "$(sha256sum </tmp/data | cut -d' ' -f1)" wabe logs debian
	has "... its network" '3 packets received' wabe logs debian
	type_at 'ifconfig eth0 10.87.1.78 netmask 255.255.0.0; ping -c 2 -W 2 10.87.0.1 | sed "s/ packets received/-came/"; echo all-is-$((6*8))'
	moved() { wabe logs debian | grep -q 'all-is-48'; }
	check "... takes another address" until_true 40 moved
	has "... and is not heard from there" ' 0-came' wabe logs debian
	stored() { xenstore-ls "/local/domain/$(xl domid debian)" | grep -q 'device\|backend\|console'; }
	unstored() { ! stored; }
	check "... and no device of it in xenstored" unstored
	check "shutdown -w" wabe shutdown -w debian
	has "... it has ended by itself" 'debian .*powered off' wabe list -a
	wabe rm debian
fi

# --- beside crun, on the same image -----------------------------------------
. /wabe/beside_crun.sh

# --- partitions -------------------------------------------------------------
partition() { wabe partition list | awk -v name="$1" -v column="$2" '$1 == name { print $column }'; }
if wabe info | grep -q '^extension *: none'; then
	check "partition: refused where there are none" refuses 'no partitions' wabe partition list
	check "run --partition: refused where there are none" refuses 'no partitions' wabe run --rm --partition one busybox true
else
	check "partition create" wabe partition create one -m 160M -c 0
	check "partition create: another" wabe partition create two -m 160M
	check "partition create: a name taken" refuses 'there already' wabe partition create two -m 16M
	check "partition create: a name that would break the list" refuses 'letters, digits' wabe partition create 'a
b' -m 16M
	check "partition create: more than there is" refuses 'not that much' wabe partition create three -m 500G
	listed() { [ "$(partition one 3)" = 160 ] && [ "$(partition one 7)" = 0 ] && [ "$(partition two 7)" = all ] && [ -z "$(partition three 1)" ]; }
	check "partition list: as they were made, and nothing of what failed" listed
	check "run --partition" wabe run -d --name tenant2 --partition two busybox sleep 1000
	workers() { [ "$(grep -lx wabed-worker /proc/[0-9]*/comm | wc -l)" = 2 ]; }
	check "... has a worker of its own" workers
	before=$(partition two 4)
	all_it_can() {
		n=0
		while wabe run -d --name greedy$n --partition one -m 64 busybox sleep 1000 2>/tmp/full; do
			n=$((n + 1))
		done
		echo "$n fit"
		cat /tmp/full
		[ $n = 2 ] && [ "$(wc -l </tmp/full)" = 1 ] && grep -q 'partition has no' /tmp/full
	}
	check "a tenant takes all it can: then create says which partition is full" all_it_can
	check "... and leaves another's untouched" test "$(partition two 4)" = "$before"
	check "... who runs, and can have more" sh -c 'wabe exec tenant2 true && wabe run --rm --partition two -m 64 busybox true'
	there() { wabe vcpu-list greedy0 | grep -q ' 0$'; }
	check "its vCPUs run on the partition's processors only" there
	moved() { wabe partition resize one -c 1 && wabe partition list | grep '^one ' | grep -q ' 1$' && until_true 10 sh -c "wabe vcpu-list greedy0 | grep -q ' 1$'"; }
	check "partition resize: its processors; who runs moves" moved
	check "partition resize: not below what is used" refuses 'in use' wabe partition resize one -m 32M
	check "partition resize" wabe partition resize one -m 240M
	check "... and there is room again" wabe run --rm --partition one -m 64 busybox true
	check "partition remove: not one that is in use" refuses 'in use' wabe partition remove one
	wabe rm -f greedy0 greedy1 tenant2
	check "partition remove" sh -c 'sleep 1; wabe partition remove one && wabe partition remove two'
	check "partition remove: none of that name" refuses 'no such partition' wabe partition remove one
	one() { [ "$(wabe partition list | wc -l)" = 2 ]; }
	check "the default one is left" one
fi

# --- what run takes ---------------------------------------------------------
has "--read-only: the root cannot be written" 'Read-only' wabe run --rm --read-only busybox sh -c 'echo x >/x; true'
has "--read-only: hosts, hostname, resolv.conf are there all the same" '^three pail nameserver 10.9.8.7' \
	wabe run --rm --read-only -h pail --dns 10.9.8.7 busybox sh -c 'grep -q pail /etc/hosts && echo three $(cat /etc/hostname) $(cat /etc/resolv.conf)'
has "the root can be written, and is as it was for the next one" '^x no' \
	sh -c 'echo $(wabe run --rm busybox sh -c "echo x >/x; cat /x") $(wabe run --rm busybox sh -c "[ -e /x ] || echo no")'
dd if=/dev/urandom of=/tmp/bare bs=1k count=64 2>/dev/null
bare() { [ "$(wabe run --rm -v "$1" busybox sha256sum /dev/xvdc | cut -c1-64)" = "$(sha256sum </tmp/bare | cut -c1-64)" ]; }
check "-v FILE:xvdc: a bare disk" bare /tmp/bare:xvdc
losetup /dev/loop7 /tmp/bare
check "-v DEVICE:xvdc:r: a block device" bare /dev/loop7:xvdc:r
losetup -d /dev/loop7
has "orphans are reaped" '^0$' wabe run --rm busybox sh -c '(sleep 0 & true); sleep 1; ps -o stat | grep -c Z; true'
has "-e -w -u" '^blue /tmp 1000 1000' wabe run --rm -e COLOUR=blue -w /tmp -u 1000:1000 busybox sh -c 'echo $COLOUR $PWD $(id -u) $(id -g)'
nowhere() {
	said=$(wabe run --rm -w /nosuch busybox true 2>&1)
	echo "$said $?"
}
has "-w of a folder that is not there: which, and 126" '^wabe-init: /nosuch: No such.* 126$' nowhere
has "--network none: no eth0" '^none' wabe run --rm --network none busybox sh -c 'ls /sys/class/net | grep -q eth0 || echo none'
has "-c 2 -m 80" '^2 [5-7][0-9]' wabe run --rm -c 2 -m 80 busybox sh -c 'echo $(grep -c ^processor /proc/cpuinfo) $(($(sed -n "s/MemTotal: *\([0-9]*\).*/\1/p" /proc/meminfo) / 1000))'
# The boot has a network behind dom0, where 10.0.2.100 answers on port 7.
if ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up 2>/dev/null; then
	route add default gw 10.0.2.2
	has "the outside is reached through dom0" '^outside' wabe run --rm busybox sh -c 'sleep 3 | nc 10.0.2.100 7'
fi
lines() {
	printf 'one\ntwo\r\nthree\rfour\n\r' >/tmp/lines
	wabe run --name lines busybox sh -c 'printf "one\ntwo\r\nthree\rfour\n\r"' >/tmp/out
	wabe logs lines >/tmp/err
	wabe rm lines
	od -c /tmp/out
	cmp /tmp/lines /tmp/out && cmp /tmp/lines /tmp/err
}
check "without -t lines end as they were written; so do those of logs" lines
typed() { echo 'echo typed-$((6*7)); exit 4' | wabe run --rm -it busybox sh; [ $? = 4 ]; }
check "-it: what is typed is run; its status" typed
kept() { wabe run --rm -v keep:/data busybox sh -c 'echo precious >/data/file' && wabe run --rm -v keep:/data:ro busybox cat /data/file; }
has "-v VOLUME:/data: what is written stays" '^precious' kept
has "volume list shows it" '^keep ' wabe volume list
wabe run -d --name holder -v keep:/data busybox sleep 100 >/dev/null
check "a volume has one writer" refuses 'in use' wabe run --rm -v keep:/data busybox true
check "volume remove: not while it is in use" refuses 'in use' wabe volume remove keep
check "rmi: not while it is in use" refuses 'used by holder' wabe rmi busybox
wabe destroy holder && wabe rm holder
check "volume remove" wabe volume remove keep
check "-v FOLDER: refused" refuses 'folders of dom0' wabe run --rm -v /root:/data busybox true
long() { wabe run -d --name talker --log-size 64K busybox sh -c 'i=0; while [ $i -lt 4000 ]; do echo "line $i of a long long long long talk"; i=$((i+1)); done; sleep 100'; }
check "--log-size" long
talked() { wabe logs talker | grep -q 'line 3999'; }
check "--log-size: the last line is there" until_true 60 talked
bounded() { [ "$(wabe logs talker | wc -c)" -le 65536 ] && ! wabe logs talker | grep -q 'line 0 of'; }
check "--log-size: the first is not; it holds at most 64 KiB" bounded
wabe rm -f talker
slow_disk() {
	wabe volume create slow 64M
	start=$(seconds_of)
	wabe run --rm -v slow:/d --disk-rate 1M busybox sh -c 'dd if=/dev/zero of=/d/f bs=1M count=8 2>/dev/null; sync' || return 1
	took=$(($(seconds_of) - start))
	wabe volume remove slow
	echo "took $took s"
	[ $took -ge 8 ]
}
check "--disk-rate 1M: 8 MiB take 8 seconds" slow_disk
slow_net() {
	(sleep 60 | nc -l -p 5000 >/tmp/received) &
	start=$(seconds_of)
	wabe run --rm --net-rate 500K busybox sh -c 'dd if=/dev/zero bs=1k count=4000 2>/dev/null | nc 10.87.0.1 5000' || return 1
	took=$(($(seconds_of) - start))
	kill $! 2>/dev/null
	echo "took $took s, $(wc -c </tmp/received) bytes"
	[ $took -ge 7 ]
}
check "--net-rate 500K: 4 MB take 8 seconds" slow_net
check "an option that is none" status 2 wabe run --nonsense busybox
check "a rate that is none" status 2 wabe run --net-rate fast busybox
check "a restart that is none" refuses 'say no, on-failure' wabe run -d --restart maybe busybox true
every() {
	for verb in $(wabe --help | sed -n 's/^  \([a-z-]*\) .*/\1/p'); do
		wabe "$verb" --help | grep -q "^usage: wabe $verb" || return 1
	done
}
check "--help of every verb" every
check "no verb of that name" status 2 wabe frobnicate
events() { tr -d '\n' </tmp/events | grep -q '"name":"box"[^}]*"running".*"name":"box"[^}]*"paused".*"name":"box"[^}]*"restarting".*"name":"box"[^}]*"exited"'; }
check "events: made, paused, restarted, ended" events
kill $listener
has "nothing is left at the end" '^2$' sh -c 'sleep 1; xl list | wc -l'
[ $failures = 0 ] || explain
exit $failures
