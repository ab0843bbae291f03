# SPDX-License-Identifier: MIT
# Debian's dom0 on machines of many forms: each starts again once, works with
# disk and network, bears a minute of load, and is switched off.
# FORMS="MACHINE:PROCESSORS:MIB ...": only those. LOAD=N: seconds of load.
. "$(dirname "$0")/lib.sh"
. "$here/stress.sh"

gcc -O2 -static -o "$out/dev_io" "$here/dom0/dev_io.c" || exit 1
mkdir -p "$out/tftp"
head -c 600000 /dev/urandom >"$out/tftp/f"
(cd "$out/tftp" && md5sum f >"$out/sums")
printf '#!/bin/sh\ncat %s/tftp/f\n' "$out" >"$out/send"
chmod +x "$out/send"
stress_root "$out/dev_io" "$out/sums"

again() { [ "$(grep -ac 'WABE-DOM0 up' "$out/console")" = 2 ]; }
form() {
	local what="$1, $2 processors, $3 MiB"
	rm -f "$out/disk"
	"$out/dev_io" fill "$out/disk" 8
	truncate -s 0 "$out/mark" && truncate -s 1M "$out/mark"
	dom0_words="wabe.load=${LOAD:-60}" boot form.sh -s "$2" -m "$3" -t 900 \
		-q "-machine $1 -action reboot=reset" \
		-q "-drive if=none,id=d1,format=raw,file=$out/disk" \
		-q "-drive if=none,id=d2,format=raw,file=$out/mark" \
		-q "-device virtio-blk-pci,drive=d1,addr=0x10" \
		-q "-device virtio-blk-pci,drive=d2,addr=0x11" \
		-q "-netdev user,id=n,tftp=$out/tftp,guestfwd=tcp:10.0.2.100:80-cmd:$out/send" \
		-q "-device virtio-net-pci,netdev=n,addr=0x12"
	said "$what: dom0's script passes" 'WABE-EXIT 0'
	claim "$what: dom0 started the machine again" again
	said "$what: dom0 switches the machine off" 'reboot: Power down'
	claim "$what: the disk holds what was written" "$out/dev_io" check "$out/disk"
	clean_end "$what"
}
forms=
for machine in pc q35; do
	for cpus in 1 2 4; do
		for mib in 2048 4096 16384; do
			forms="$forms $machine:$cpus:$mib"
		done
	done
done
for f in ${FORMS:-$forms}; do
	# shellcheck disable=SC2086
	form ${f//:/ }
done
[ -z "${FORMS:-}" ] || exit 0

# All of the machine's memory is dom0's.
boot form.sh -s 2 -m 3072 -t 400 -a "console=com1 com1=115200,8n1"
said "dom0 with all memory: dom0's script passes" 'WABE-EXIT 0'
clean_end "dom0 with all memory"
# Not only what QEMU's `max` has.
for model in qemu64,+fsgsbase Skylake-Server-v4 EPYC max,-smap,-smep,-pcid,-x2apic; do
	boot form.sh -s 2 -m 2048 -t 400 -c $model
	said "CPU $model: dom0's script passes" 'WABE-EXIT 0'
	clean_end "CPU $model"
done
exit 0
