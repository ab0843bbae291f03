# SPDX-License-Identifier: MIT
# GRUB starts the hypervisor by multiboot 2, under BIOS and under UEFI.
. "$(dirname "$0")/lib.sh"

make_root
"$here/iso" "$hv" "$cache/dom0/vmlinuz" "$out/root.gz" \
	"quiet wabe.run=small.sh" "$out/wabe.iso" || exit 1

# boot_iso NAME SECONDS qemu-arguments...
boot_iso() {
	local what=$1 limit=$2
	shift 2
	: >"$out/log"
	timeout "$limit" qemu-system-x86_64 -accel tcg -cpu max -m 2048 \
		-display none -monitor none -serial "file:$out/log" -no-reboot \
		-cdrom "$out/wabe.iso" "$@" </dev/null
	tr -d '\r' <"$out/log" >"$out/console"
	grep -a '^not ok - \|^    ' "$out/console"
	said "GRUB starts it under $what: dom0's script passes" 'WABE-EXIT 0'
	clean_end "$what"
}
boot_iso "BIOS, i440fx" 600
boot_iso "UEFI, q35" 600 -machine q35 -bios /usr/share/ovmf/OVMF.fd
exit 0
