# SPDX-License-Identifier: MIT
# What a micro-domain is given at its start: a seed of its own, a name server;
# and what a worker that is killed leaves of it. Part of wabe_options.sh.

# --- entropy ----------------------------------------------------------------
# Asks the store for wabe/seed: message 2 (read), 10 bytes.
# shellcheck disable=SC2016
ask='exec 3<>/dev/xen/xenbus
printf "\2\0\0\0\0\0\0\0\0\0\0\0\12\0\0\0wabe/seed\0" >&3'
# A first process that shows its seed. That is 64 digits behind 16 bytes.
mkdir -p /tmp/look/bin /tmp/look/dev
cp /bin/busybox /tmp/look/bin/
cat >/tmp/look/init <<INIT
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
$ask
echo "seed \$(/bin/busybox dd bs=1 count=80 2>/dev/null <&3 | /bin/busybox tail -c 64)"
exec /bin/busybox poweroff -f
INIT
chmod +x /tmp/look/init
(cd /tmp/look && find . | cpio -o -H newc 2>/dev/null) | gzip -1 >/tmp/look.gz
seed() { wabe run --rm --kernel /usr/lib/wabe/vmlinux --initrd /tmp/look.gz busybox true | tr -d '\r' | grep -o '^seed [0-9a-f]\{64\}$'; }
seeds() {
	one=$(seed) two=$(seed)
	echo "$one, $two"
	[ -n "$one" ] && [ -n "$two" ] && [ "$one" != "$two" ]
}
check "--kernel --initrd: another first process; each finds another seed in its store" seeds
# The kernel counts 256 bits only once it was given them.
ready_first() {
	wabe run --rm --cmdline 'console=hvc0 loglevel=6' busybox sh -c 'echo STARTED' | tr -d '\r' >/tmp/boot
	grep -n 'crng init done\|STARTED' /tmp/boot
	grep 'crng init done\|STARTED' /tmp/boot | head -n 1 | grep -q crng
}
check "--cmdline: more words; the random numbers are ready before the workload" ready_first
seeded='[ "$(cat /proc/sys/kernel/random/entropy_avail)" = 256 ] && head -c 16 /dev/urandom | od -An -tx1'
unlike() {
	one=$(wabe run --rm busybox sh -c "$seeded") && two=$(wabe run --rm busybox sh -c "$seeded") || return 1
	echo "$one, $two"
	[ -n "$one" ] && [ "$one" != "$two" ]
}
check "... all 256 bits are there at its start; two read different ones" unlike
has "... the workload's store has no seed any more" '^ 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00' \
	wabe run --rm busybox sh -c "$ask; dd bs=1 count=16 2>/dev/null <&3 | od -An -tx1"
rm -rf /tmp/look /tmp/look.gz /tmp/boot

# --- names ------------------------------------------------------------------
# A network behind dom0 with a name server, that knows no way to 10.87.0.0/16.
/wabe/names names0 home.wabe.test 10.87.0.1 >/tmp/asked &
server=$!
networked() { ifconfig names0 192.0.2.1 netmask 255.255.255.0 up; }
until_true 5 networked
[ ! -e /etc/resolv.conf ] || mv /etc/resolv.conf /tmp/resolv.conf
echo 'nameserver 192.0.2.53' >/etc/resolv.conf
wabe run -d --name page -p 8082:80 busybox httpd -f -h /etc >/dev/null
until_true 20 wget -q -O /dev/null http://10.87.0.1:8082/passwd
has "a workload's name server is dom0's" '^nameserver 192.0.2.53$' wabe exec page cat /etc/resolv.conf
has "... who resolves a name for it" 'root' wabe exec page wget -q -O - http://home.wabe.test:8082/passwd
has "... asked through dom0's address, as the outside is" '^192.0.2.1 home.wabe.test 1$' cat /tmp/asked
has "... and says of others that there are none" "bad address" wabe exec page sh -c 'wget -q -O - http://elsewhere.wabe.test/; true'
has "... to the workload's own resolver, too" '^Address.* 10.87.0.1' wabe exec page sh -c 'nslookup home.wabe.test; true'
has "its own name is in its hosts file: nobody is asked" 'PING page' wabe exec page ping -c 1 page
not_asked() { ! grep -q ' page' /tmp/asked; }
check "... really" not_asked
has "--dns: another name server" '10.87.0.1' \
	wabe run --rm --dns 192.0.2.99 busybox sh -c 'grep -q 192.0.2.99 /etc/resolv.conf && nslookup home.wabe.test; true'
echo 'nameserver 127.0.0.53' >/etc/resolv.conf
has "dom0's name server is itself: nothing a guest could use" '^none' \
	wabe run --rm busybox sh -c 'grep nameserver /etc/resolv.conf || echo none'
rm /etc/resolv.conf
[ ! -e /tmp/resolv.conf ] || mv /tmp/resolv.conf /etc/resolv.conf
wabe rm -f page
kill $server

# --- ports ------------------------------------------------------------------
# A worker that is killed leaves the ports of its sessions; the next one closes
# them, however high their numbers are.
/wabe/ports 16500 >/tmp/held &
holder=$!
until_true 60 grep -q held /tmp/held
wabe run -d --name high busybox sleep 1000 >/dev/null
wabe exec high true
ports() { lsevtchn 0 | wc -l; }
few_ports() { [ "$(ports)" = "$before" ] && wabe exec high true; }
closed() {
	before=$(ports)
	/usr/bin/wabe exec high sleep 999 &
	executor=$!
	sleep 2
	[ "$(ports)" -gt "$before" ] || return 1
	kill -KILL $(pidof wabed-worker | cut -d' ' -f1)
	wait $executor
	until_true 5 few_ports
	result=$?
	echo "before: $before, now: $(ports)"
	return $result
}
check "ports over 16384: a worker that is killed leaves none behind" closed
wabe rm -f high
kill $holder
rm -f /tmp/asked /tmp/held
