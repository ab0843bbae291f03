# SPDX-License-Identifier: MIT
# What no mask holds back: NMI and machine check are reported, never silent.
. "$(dirname "$0")/lib.sh"

port=$((20000 + $$ % 10000))
# Tell QEMU's monitor what dom0 asks for on its console.
: >"$out/log"
tail -n +1 -s 0.1 --pid=$$ -f "$out/log" | while read -r cue text; do
	[ "$cue" != HOST-TELL ] || {
		exec 3<>"/dev/tcp/127.0.0.1/$port"
		echo "${text//$'\r'/}" >&3
		timeout 1 cat <&3 >/dev/null
		exec 3>&-
	}
done 2>/dev/null &
boot nmi.sh -s 2 -m 1024 -t 120 -a "console=com1 com1=115200,8n1 dom0_mem=512M,max:512M" \
	-q "-monitor tcp:127.0.0.1:$port,server,nowait"
said "an uncorrected machine check is reported" 'Machine check, CPU 1 bank 1: b000000000000000'
said "it stops the machine" 'Panic on CPU 1'
said "with its reason" 'Machine check, uncorrected'
said "with its registers" 'cr0: .*cr4: '
said "and starts it again" 'Rebooting'
silent "and does not go on" '^not ok'
exit 0
