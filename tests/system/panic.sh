# SPDX-License-Identifier: MIT
# An assertion of the hypervisor that does not hold: reason, registers and stack
# on the console, all processors stopped, a reset unless `noreboot`. gdb breaks
# it: the lock that the console is about to take is the processor's already.
. "$(dirname "$0")/lib.sh"

gdb_port=$((20000 + $$ % 10000))
monitor_port=$((gdb_port + 10000))
# monitor COMMAND: what QEMU's monitor says to it.
monitor() {
	exec 3<>"/dev/tcp/127.0.0.1/$monitor_port" || return 1
	echo "$1" >&3
	timeout 2 cat <&3 | tr -d '\r'
	exec 3>&-
}
# within SECONDS command...: tried until it succeeds.
within() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.2
	done
}
# assertion WORDS: a test guest as dom0 on two processors, until it has happened.
assertion() {
	: >"$out/log"
	timeout 120 qemu-system-x86_64 -accel tcg -cpu max -m 512 -smp 2 -display none \
		-monitor "tcp:127.0.0.1:$monitor_port,server,nowait" -no-reboot -S \
		-gdb "tcp:127.0.0.1:$gdb_port" -serial "file:$out/log" -kernel "$hv" \
		-append "console=com1 com1=115200,8n1 dom0_mem=64M,max:64M $1" \
		-initrd "$build/guest/hello hello" </dev/null 2>"$out/qemu" &
	qemu=$!
	within 20 monitor "info status"
	timeout 60 gdb -batch -nx -ex "target remote 127.0.0.1:$gdb_port" \
		-ex 'hbreak console_write_dom0' -ex continue \
		-ex 'set var console_lock.held = ((struct cpu *)$gs_base)->id + 1' \
		-ex delete -ex detach "${hv%/*}/wabe.elf" >"$out/gdb" 2>&1
	within 20 grep -aq 'Rebooting\|Manual reset' "$out/log"
	tr -d '\r' <"$out/log" >"$out/console"
}
gone() { ! kill -0 $qemu 2>/dev/null; }
# Each processor halted, with interrupts off (IF is 0x200).
all_stopped() {
	monitor "info registers -a" >"$out/registers"
	awk '/^RIP=/ { n++; match($0, /RFL=[0-9a-f]*/)
			flags = substr($0, RSTART + 4, RLENGTH - 4)
			if (index("2367abef", substr(flags, length(flags) - 2, 1))) on++
			halted += /HLT=1/ }
		END { print n, "processors,", halted, "halted,", on + 0, "with interrupts"
			exit !(n == 2 && halted == 2 && !on) }' "$out/registers"
}

assertion noreboot
said "an assertion that fails is named, with its place" \
	'BUG: lock_is_mine(l) at hypervisor/lib/lock.c:[0-9]'
said "and its processor" 'Panic on CPU [01]:'
said "with the control registers" 'cr0: [0-9a-f]\{16\}   cr4: [0-9a-f]\{16\}'
said "with the guest's registers" 'RIP: .*\[<ffffffff[0-9a-f]*>\]'
# The addresses on the stack are those of the way there.
way() {
	sed -n '/Addresses on the stack/,$s/.*\[<\([0-9a-f]*\)>\].*/\1/p' "$out/console" |
		addr2line -fi -e "${hv%/*}/wabe.elf" | grep -x 'call_console_io\|console_write_dom0'
}
claim "with the stack that led there" way
said "noreboot: it waits for a hand" 'Manual reset required'
claim "noreboot: all processors are stopped" within 10 all_stopped
claim "noreboot: for good" sh -c "sleep 3; kill -0 $qemu"
kill $qemu
wait $qemu

assertion ""
said "without noreboot: it says that it starts again" 'Rebooting'
claim "without noreboot: it does" within 20 gone
exit 0
