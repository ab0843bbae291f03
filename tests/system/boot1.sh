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

# Bad input: said on the console, and a halt.
halts() {
	local what=$1 regex=$2
	shift 2
	: >"$out/log"
	timeout 8 qemu-system-x86_64 -accel tcg -cpu max -display none \
		-monitor none -serial "file:$out/log" -no-reboot -kernel "$hv" \
		-append "console=com1 com1=115200,8n1 noreboot" "$@" </dev/null
	tr -d '\r' <"$out/log" >"$out/console"
	said "$what" "$regex"
}
halts "no module: it says so" '[Mm]odule' -m 512
head -c 100000 "$cache/dom0/vmlinuz" >"$out/short"
halts "a cut-off kernel: it says so" '[Kk]ernel' -m 512 -initrd "$out/short console=hvc0"
head -c 5000 /dev/urandom >"$out/noise"
halts "a module that is no kernel: it says so" '[Kk]ernel\|module' -m 512 -initrd "$out/noise x"
halts "too little memory: it says so" '[Mm]emory\|RAM' -m 16 -initrd "$cache/dom0/vmlinuz x"
exit 0
