# SPDX-License-Identifier: MIT
# Twenty boots in a row, and a machine that starts itself again.
. "$(dirname "$0")/lib.sh"

for i in $(seq "${BOOTS:-20}"); do
	boot small.sh -s 4 -m 2048 -t 180 >/dev/null
	said "boot $i: dom0's script passes" 'WABE-EXIT 0'
	clean_end "boot $i"
done
# Without -no-reboot in QEMU, the machine comes up again.
: >"$out/log"
timeout 150 qemu-system-x86_64 -accel tcg -cpu max -m 2048 -smp 2 -display none \
	-monitor none -serial "file:$out/log" -kernel "$hv" \
	-append "console=com1 com1=115200,8n1 dom0_mem=512M,max:512M" \
	-initrd "$cache/dom0/vmlinuz console=hvc0 quiet wabe.run=reboot.sh,$out/root.gz" \
	</dev/null
tr -d '\r' <"$out/log" >"$out/console"
again() { [ "$(grep -ac 'WABE-DOM0 up' "$out/console")" -ge 2 ]; }
claim "dom0 starts the machine again" again
clean_end "reboot"
exit 0
