# SPDX-License-Identifier: MIT
# What a micro-domain is given; the forms of verbs and options that wabe_verbs.sh
# does not use, and what each verb says to a name that is none.
. /wabe/verbs_lib.sh
dd if=/dev/urandom of=/tmp/bare bs=1k count=64 2>/dev/null
. /wabe/wabe_given.sh

# --- each verb that takes a name --------------------------------------------
named='inspect destroy pause unpause stop shutdown reboot wait kill logs console vcpu-list stats rm info'
# refused_by VERBS NAME WORD: each ends with 1 and one line with WORD.
refused_by() {
	for verb in $1; do
		status 1 wabe "$verb" "$2" && [ "$(wc -l </tmp/said)" = 1 ] && grep -q "^wabe $verb: .*$3" /tmp/said || {
			echo "$verb: $(cat /tmp/said)"
			return 1
		}
	done
}
check "every verb: a name that is none is one line, and 1" refused_by "$named rmi" nobody 'no such'
check "mem-set: the same" refuses 'no such' wabe mem-set nobody 64
check "logs -f, rm -f: the same" sh -c '! wabe logs -f nobody 2>/tmp/said && grep -q "no such" /tmp/said && ! wabe rm -f nobody 2>/tmp/said && grep -q "no such" /tmp/said'

# --- long words, numbers for names --------------------------------------------
long() {
	wabe run --detach --name long --memory 48M --vcpus 2 --env COLOUR=red --workdir /tmp --user nobody \
		--hostname pail --publish 8083:80 busybox sh -c 'echo $COLOUR $PWD $(id -u) $(hostname); exec sleep 1000'
}
check "run, its options in long words" long
said() { wabe logs long | grep -q '^red /tmp 65534 pail'; }
check "... say the same" until_true 20 said
id=$(xl domid long) uuid=$(wabe info long | sed -n 's/.*"uuid": *"\([0-9a-f]*\)-.*/\1/p')
called() {
	for name in "$id" "$uuid"; do
		wabe info "$name" | grep -q '"name": *"long"' && wabe stats "$name" | grep -q '^wabe_vcpus{name="long".* 2$' &&
			wabe vcpu-list "$name" | grep -q '^long' && wabe exec "$name" true || {
			echo "$name does not do"
			return 1
		}
	done
}
check "a name may be an id, or how the uuid begins" called
has "vcpu-list without a name: all" '^long .* 1 ' wabe vcpu-list
has "list -q" '^long$' wabe list -q
check "rm: not one that runs" refuses 'running\|runs' wabe rm long
check "run: a name that is taken" refuses 'name long is taken' wabe run --rm --name long busybox true
address=$(wabe info long | sed -n 's/.*"ip": *"\([0-9.]*\).*/\1/p')
check "--ip: one that is taken" refuses "$address" wabe run --rm --ip "$address" busybox true
rounds() { wabe top -b -n 2 -d 0.2 >/tmp/top && [ "$(grep -c '^long ' /tmp/top)" = 2 ]; }
check "top -n 2 -d 0.2" rounds
check "exec -e: no value" status 2 wabe exec -e COLOUR long true
check "mem-set: what is no size" status 2 wabe mem-set long lots
wabe rm -f long

# --- ends ---------------------------------------------------------------------
# shellcheck disable=SC2016
for name in deaf1 deaf2 deaf3; do
	wabe run -d --name $name busybox sh -c 'trap "" TERM; echo READY; while :; do sleep 0.2; done' >/dev/null
done
all_ready() { for name in deaf1 deaf2 deaf3; do wabe logs $name | grep -q READY || return 1; done; }
until_true 40 all_ready
check "shutdown without -w: asked, and no more" sh -c 'wabe shutdown deaf1 && wabe list | grep -q "^deaf1.*running"'
destroyed() { wabe stop -t 1 deaf1 && [ "$(wabe wait deaf1)" = 137 ]; }
check "stop -t 1: who does not hear is destroyed; wait says 137" destroyed
check "pause, unpause, destroy: several at once" \
	sh -c 'wabe pause deaf2 deaf3 && [ "$(wabe list | grep -c "^deaf.*paused")" = 2 ] && wabe unpause deaf2 deaf3 && wabe destroy deaf2 deaf3'
some() { ! wabe destroy deaf2 nobody 2>/dev/null; }
check "... one of which is not there: 1" some
check "every verb: one that has exited is one line, and 1" refused_by "pause unpause stop shutdown reboot kill" deaf1 exited
check "exec: the same, and 125" sh -c 'wabe exec deaf1 true 2>/tmp/said; [ $? = 125 ] && [ "$(wc -l </tmp/said)" = 1 ] && grep -q exited /tmp/said'
has "logs -f of it: all, and the end" READY wabe logs -f deaf1
check "rm: several" wabe rm deaf1 deaf2 deaf3
fallen() { wabe run --rm --cmdline 'console=hvc0 loglevel=1 rdinit=/none init=/none' busybox true >/tmp/said 2>&1; [ $? = 125 ] && grep -q "^wabe run: .*kernel" /tmp/said; }
check "a guest's kernel that finds no first process: said, and 125" fallen

# --- disks, input -------------------------------------------------------------
wabe volume create first 16M
wabe run --rm -v first:/data busybox sh -c 'echo precious >/data/file'
cp /var/lib/wabe/volumes/first.img /tmp/copy.img
has "-v FILE:/PATH:ro: a file with a file system" '^precious' wabe run --rm -v /tmp/copy.img:/data:ro busybox cat /data/file
has "--volume, the long word" '^precious' wabe run --rm --volume first:/data busybox cat /data/file
check "volume create: a name that is taken" refuses 'first' wabe volume create first
check "volume remove: a name that is none" refuses 'second' wabe volume remove second
wabe volume remove first
rm /tmp/copy.img
slow_requests() {
	start=$(seconds_of)
	wabe run --rm -v /tmp/bare:xvdc:r --disk-rate 100M,10 busybox dd if=/dev/xvdc of=/dev/null bs=1k iflag=direct || return 1
	took=$(($(seconds_of) - start))
	echo "took $took s"
	[ $took -ge 5 ]
}
check "--disk-rate 100M,10: 64 requests take 6 seconds" slow_requests
typed_plain() { echo 'echo typed-$((6*7)); exit 4' | wabe run --rm -i busybox sh >/tmp/said; [ $? = 4 ] && grep -q typed-42 /tmp/said; }
check "-i without -t: input without a terminal's keys" typed_plain

# --- what is wrong with an option -----------------------------------------------
for wrong in '-p 80' '-p 80:99999' '--restart maybe' '--ip nowhere' '--partition nosuch' '--kernel /no/kernel' \
	'--initrd /no/initrd' '-u nobody-of-that-name' '-v a:b' '-v /tmp:xvdb' '-c 99' '-m 1M'; do
	# shellcheck disable=SC2086
	set -- $wrong
	one_line() {
		wabe run --rm "$@" busybox true >/tmp/said 2>&1
		got=$?
		cat /tmp/said
		{ [ $got = 125 ] || [ $got = 2 ]; } && [ "$(wc -l </tmp/said)" = 1 ]
	}
	check "run $wrong: one line" one_line "$@"
done
check "create: no file of that name" refuses '/no/file.dts' wabe create /no/file.dts
check "import: nothing there" refuses '/no/image' wabe import /no/image
check "no verb: usage, 2" status 2 wabe
exit $failures
