# SPDX-License-Identifier: MIT
# Debian's unmodified Linux and Xen tools on one processor.
. "$(dirname "$0")/lib.sh"

# While it runs: the processor's own word on SMEP and SMAP (CR4 bits 20, 21),
# asked through QEMU's monitor, also where QEMU breaks a guest's iretq.
port=$((20000 + $$ % 10000))
watch_cr4() {
	timeout 600 bash -c "until grep -aq 'WABE-DOM0 up' '$out/log'; do sleep 1; done"
	for _ in 1 2 3 4 5; do
		{
			exec 3<>"/dev/tcp/127.0.0.1/$port"
			echo 'info registers' >&3
			sleep 1
			timeout 1 cat <&3
		} 2>/dev/null | tr -d '\r' | sed -n 's/.*CR4=\([0-9a-f]*\).*/\1/p'
		exec 3>&-
		sleep 1
	done >"$out/cr4"
}
watch_cr4 &
boot tools.sh -s 1 -m 1536 -t 600 -q "-monitor tcp:127.0.0.1:$port,server,nowait"
wait
cr4_has_smap() {
	local value
	[ -s "$out/cr4" ] || return 1
	while read -r value; do
		echo "CR4 $value"
		[ $((0x$value >> 20 & 3)) = 3 ] || return 1
	done <"$out/cr4"
}
claim "SMEP and SMAP are on while dom0 runs (CR4, by QEMU's monitor)" cr4_has_smap
said "the iretq quirk of QEMU is detected, or is not there" 'iretq'
said "the hypervisor's first line" '(XEN) Wabe'
said "dom0 reaches its init" 'WABE-DOM0 up'
said "1 processor, i440fx: dom0's script passes" 'WABE-EXIT 0'
clean_end "1 processor"

# starts WORDS REGEX qemu-arguments...: until the console has such a line, or for
# 20 s. $qemu goes on.
starts() {
	local words=$1 regex=$2 end=$((SECONDS + 20))
	shift 2
	: >"$out/log"
	qemu-system-x86_64 -accel tcg -cpu max -display none \
		-monitor none -serial "file:$out/log" -no-reboot -kernel "$hv" \
		-append "console=com1 com1=115200,8n1 noreboot $words" "$@" </dev/null 2>"$out/qemu" &
	qemu=$!
	until grep -aq "$regex" "$out/log" || [ $SECONDS -ge $end ]; do
		sleep 0.2
	done
	tr -d '\r' <"$out/log" >"$out/console"
}
ends() {
	kill $qemu
	wait $qemu 2>/dev/null
}
kernel=$cache/dom0/vmlinuz
starts "" 'Linux version' -m 1024 -initrd "$kernel console=hvc0 earlyprintk=xen"
said "dom0's first line" 'Linux version [0-9]'
ends

# Bad input: said on the console, and a halt. An unknown word does not stop it.
halts() {
	local what=$1 regex=$2
	shift 2
	starts "$words" 'is stopped\|Manual reset' "$@"
	said "$what: it says so" "$regex"
	claim "$what: it stops, and waits" sh -c "grep -q 'is stopped\|Manual reset' '$out/console' &&
		sleep 1 && kill -0 $qemu"
	ends
}
words=frobnicate=7
halts "no module" 'cannot start: no module' -m 512
said "a word that it does not know: a warning" 'Command line: not understood: frobnicate=7$'
words=loglvl=none # and that is said all the same
head -c 100000 "$kernel" >"$out/short"
halts "a cut-off kernel" 'dom0 cannot be started: the kernel' -m 512 -initrd "$out/short console=hvc0"
# A byte in the middle of what is compressed.
{
	head -c 3000000 "$kernel"
	tail -c +3000001 "$kernel" | head -c 1 | tr '\000-\377' '\001-\377\000'
	tail -c +3000002 "$kernel"
} >"$out/flipped"
halts "a kernel with a wrong byte" 'dom0 cannot be started: the kernel' -m 512 -initrd "$out/flipped console=hvc0"
head -c 5000 /dev/urandom >"$out/noise"
halts "a module that is no kernel" 'dom0 cannot be started: the kernel' -m 512 -initrd "$out/noise x"
halts "too little memory" 'cannot start: less than 64 MiB' -m 16 -initrd "$kernel x"
halts "too little memory for dom0" 'dom0 cannot be started: .*memory\|Not enough memory' -m 100 -initrd "$kernel x"
exit 0
