# SPDX-License-Identifier: MIT
# What goes wrong with micro-domains, and what is left after it: nothing.
# wabe.step: every how many-th step of a creation is broken.
. /wabe/wabe_lib.sh

# refuses STATUS WORD command...: it ends so, with one line that has WORD.
refuses() {
	want=$1 text=$2
	shift 2
	"$@" >/tmp/said 2>&1
	got=$?
	cat /tmp/said
	[ $got = "$want" ] && [ "$(wc -l </tmp/said)" = 1 ] && grep -q -- "$text" /tmp/said
}

# --- bad input --------------------------------------------------------------
beside_start
before=$(counted all)
check "a missing image" refuses 125 'nothing: no such image' wabe run nothing
echo 'junk' >/tmp/junk.dts
check "a description that is none" refuses 1 'junk.dts:1: expected' wabe create /tmp/junk.dts
wabe spec -m 32 busybox sleep 1000 >/tmp/good.dts
sed 's/memory-kib/memory-kilos/' /tmp/good.dts >/tmp/bad.dts
check "a property that is none" refuses 1 'bad.dts: wabe-domain: memory-kilos' wabe create /tmp/bad.dts
sed 's,/usr/lib/wabe/vmlinux,/no/kernel,' /tmp/good.dts >/tmp/bad.dts
check "a kernel that is not there" refuses 1 'kernel /no/kernel: No such file' wabe create /tmp/bad.dts
sed 's,/usr/lib/wabe/vmlinux,/tmp/junk.dts,' /tmp/good.dts >/tmp/bad.dts
check "a kernel that is none" refuses 1 'junk.dts: neither' wabe create /tmp/bad.dts
check "a disk that is not there" refuses 125 'disk /no/disk: No such file' wabe run -v /no/disk:xvdb busybox true
check "no memory left" refuses 125 'memory-kib' wabe run -m 100G busybox true
check "a name taken" refuses 125 'name beside is taken' wabe run --name beside busybox true
check "... makes no volume" sh -c 'wabe run -v fresh:/data --name beside busybox true 2>/dev/null; ! wabe volume list | grep fresh'
check "a micro-domain that is not there" refuses 1 'nobody: no such micro-domain' wabe destroy nobody
check "an option that is none" sh -c 'wabe run --nonsense busybox 2>/dev/null; [ $? = 2 ]'
check "a creator that is not there" refuses 1 'no creator at /tmp/none' env WABE_SOCKET=/tmp/none wabe list
check "nothing is left of them" nothing_left all
ends() { wabe run --rm -m 32 busybox sh -c "$2" >/dev/null 2>&1; [ $? = "$1" ]; }
check "a workload's code comes back" ends 7 'exit 7'
check "... and its signal, as 128 and more" ends 137 'kill -9 $$'
check "a command that is not there: 127" ends 127 'exec nothing'

# --- memory -----------------------------------------------------------------
least() {
	for mib in 20 24 28; do
		[ "$(timeout 40 wabe run --rm --network none -m $mib busybox echo hello 2>/dev/null)" = hello ] && break
	done
	echo "hello needs $mib MiB"
	[ $mib -le 24 ]
}
has "hello runs in 24 MiB" 'needs' least
cat /tmp/has

# --- what the worker may ----------------------------------------------------
confined() {
	p=$(worker)
	ls -l "/proc/$p/fd" | grep -o '/dev/[a-z/]*' | sort | uniq -c
	grep '^Uid\|^CapEff\|^NoNewPrivs\|^Seccomp:' "/proc/$p/status"
	! ls -l "/proc/$p/fd" | grep -q privcmd &&
		ls -l "/proc/$p/fd" | grep -q xen/gntdev &&
		grep -q '^Uid:.65534.65534.65534.65534' "/proc/$p/status" &&
		grep -q '^CapEff:.0*$' "/proc/$p/status" &&
		grep -q '^NoNewPrivs:.1' "/proc/$p/status" &&
		grep -q '^Seccomp:.2' "/proc/$p/status"
}
check "the worker: no privcmd, nobody, no capability, a filter" confined

# --- a hostile guest --------------------------------------------------------
if [ -e /wabe/hostile ]; then
	dd if=/dev/zero of=/tmp/disk bs=64k count=1 2>/dev/null
	cat >/tmp/hostile.dts <<-'DTS'
	/dts-v1/;
	/ { wabe-domain { name = "hostile"; memory-kib = <16384>;
		kernel { path = "/wabe/hostile"; cmdline = "hostile"; };
		devices { disk@0 { path = "/tmp/disk"; mode = "r"; }; net@0 { }; };
	}; };
	DTS
	wabe create /tmp/hostile.dts >/dev/null
	ended() { ! wabe list -q | grep -q hostile; }
	check "a guest that breaks its rings is ended with its store" within 60 ended
	wabe logs hostile | tr -d '\r' | grep 'ok - ' | sed 's/ok - /ok - hostile guest: /'
	for device in vbd/51712 vif/0 console store; do
		has "the log says it lost $device" "lost $device" grep hostile /var/log/wabe/wabed.log
	done
	wabe rm hostile
	check "its neighbour did not notice" beside
	check "nothing is left of it" nothing_left all
fi

# --- `wabe run` killed at any moment ----------------------------------------
# (What is traced cannot be searched for leaks: only a build with sanitizers
# knows that word.)
run_killed() {
	n=1
	while ASAN_OPTIONS=detect_leaks=0 inject kill $n self wabe run --rm -m 32 busybox sleep 2 >/dev/null 2>&1; do
		gone() { [ "$(wabe list -q)" = beside ]; }
		within 10 gone || { echo "killed at its call $n it leaves $(wabe list -q)"; return 1; }
		n=$((n + step))
	done
	echo "killed at $((n / step)) moments"
	[ $n -gt 20 ]
}
has "wabe run killed at any moment leaves no orphan" 'moments' run_killed
tail -n 1 /tmp/has
check "nothing is left of it" nothing_left all

# --- each step of a creation fails ------------------------------------------
cp /tmp/good.dts /tmp/victim.dts
fail_each() {
	n=1
	while inject fail $n "$(pids_of wabed)" wabe create --name victim /tmp/victim.dts >/tmp/said 2>&1; do
		# What only helps (NAT, a log line) may fail without harm.
		wabe rm -f victim >/dev/null 2>&1
		nothing_left all || { echo "at step $n: $(cat /tmp/said)"; return 1; }
		beside || { echo "step $n: the neighbour is gone"; return 1; }
		n=$((n + step))
	done
	echo "$((n / step)) steps failed"
	wabe rm -f victim
	[ $n -gt 20 ]
}
# A sanitizer's own memory is taken the same way, and it ends where it gets none.
if [ ! -d /wabe/sanitizer ]; then
	has "a creation that fails at any step leaves nothing" 'steps failed' fail_each
	tail -n 3 /tmp/has
fi

check "the audit finds nothing wrong" sh -c 'xl debug-keys A && xl dmesg | grep -q "Audit: 0 "'
exit $failures
