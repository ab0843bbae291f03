# SPDX-License-Identifier: MIT
# Devices do I/O by interrupt: message interrupts on q35, lines on i440fx.
# SCALE=N: N times as much of it; LEVELS=N: so many level interrupts; PARTS: one.
. "$(dirname "$0")/lib.sh"
scale=${SCALE:-1}
limit=$((500 * (scale + 1)))
modules=$cache/dom0/tree/lib/modules

for p in dev_io dev_legacy; do
	gcc -O2 -static -o "$out/$p" "$here/dom0/$p.c" || exit 1
done
mkdir -p "$out/tftp"
head -c 600000 /dev/urandom >"$out/tftp/f"
(cd "$out/tftp" && md5sum f >"$out/sums")
make_root "$out/dev_io" "$out/dev_legacy" "$out/sums" \
	$(find "$modules" -name e1000.ko -o -name psmouse.ko -o -name button.ko)

# Do what dom0 asks for on its console: type into it, tell QEMU's monitor.
hands() {
	tail -n +1 -s 0.1 --pid="$1" -f "$out/log" | while read -r cue text; do
		text=${text//$'\r'/}
		case $cue in
		HOST-TYPE) printf '%b' "$text" >&3 ;;
		HOST-TELL) echo "$text" >&4 ;;
		esac
	done
}
# QEMU's arguments for a disk, and for a network card with QEMU's own network.
disk() {
	[ -e "$out/$1" ] || "$out/dev_io" fill "$out/$1" 8
	args+=(-drive "if=${3:-none},id=$1,format=raw,file=$out/$1")
	[ -z "$2" ] || args+=(-device "$2,drive=$1")
}
nic() {
	args+=(-netdev "user,id=$1,tftp=$out/tftp,guestfwd=tcp:10.0.2.100:80-cmd:cat $out/tftp/f,guestfwd=tcp:10.0.2.101:80-cmd:dd of=$out/$1.put"
		-device "$2,netdev=$1")
}
# machine WORDS: boot with `args` and a console that can be typed into.
machine() {
	local qemu
	rm -f "$out"/mon.in "$out"/mon.out "$out"/type
	mkfifo "$out/mon.in" "$out/mon.out" "$out/type"
	exec 3<>"$out/type" 4<>"$out/mon.in" 5<>"$out/mon.out"
	: >"$out/log"
	timeout "$limit" qemu-system-x86_64 -accel tcg -cpu max -m 2048 -smp 2 \
		-display none -chardev stdio,id=con,signal=off -serial chardev:con \
		-chardev pipe,id=mon,path="$out/mon" -mon chardev=mon,mode=readline \
		-serial "file:$out/ttyS1" -no-reboot "${args[@]}" -kernel "$hv" \
		-append "console=com1 com1=115200,8n1 dom0_mem=1024M,max:1024M" \
		-initrd "$cache/dom0/vmlinuz console=hvc0 quiet wabe.run=devices.sh wabe.scale=$scale $1,$out/root.gz" \
		<"$out/type" >"$out/log" 2>&1 &
	qemu=$!
	hands $qemu &
	cat <&5 >/dev/null &
	drain=$!
	ended=0
	wait $qemu || ended=$?
	kill $drain
	tr -d '\r' <"$out/log" >"$out/console"
	grep -a '^\(ok\|not ok\) - \|^    ' "$out/console"
}
disks_right() {
	local d
	for d in "$@"; do
		"$out/dev_io" check "$out/$d" || return 1
	done
}

messages() {
	args=(-machine q35)
	disk virtio.img virtio-blk-pci
	disk nvme.img nvme,serial=1
	disk ahci.img ide-hd
	nic n1 virtio-net-pci
	nic n2 e1000e
	machine wabe.part=msi
	said "q35, messages: dom0's script passes" 'WABE-EXIT 0'
	claim "the disks hold what was written" disks_right virtio.img nvme.img ahci.img
	claim "the streams arrived" sh -c "cmp $out/tftp/f $out/n1.put && cmp $out/tftp/f $out/n2.put"
	serial=$(md5sum <"$out/ttyS1")
	said "the second serial port's file arrived whole" "^SERIAL $serial"
	said "three Ctrl-A reach the hypervisor" 'Serial input to Xen'
	said "a key typed then is a debug key" "^(XEN) 'q' pressed"
	said "dom0 switches the machine off" 'reboot: Power down'
	claim "and QEMU ends" [ "$ended" = 0 ]
	clean_end "q35, messages"
}
lines() {
	args=(-machine pc -device ich9-ahci,id=ahci)
	disk virtio.img virtio-blk-pci,vectors=0
	disk nvme.img nvme,serial=1
	disk ahci.img ide-hd,bus=ahci.0
	disk ide.img "" ide
	nic n1 virtio-net-pci
	nic n2 e1000e
	nic n3 e1000
	machine "wabe.part=line pci=nomsi threadirqs wabe.levels=${LEVELS:-3000}"
	said "i440fx, lines: dom0's script passes" 'WABE-EXIT 0'
	claim "the disks hold what was written" disks_right virtio.img nvme.img ahci.img ide.img
	said "dom0 restarts the machine" 'reboot: Restarting system'
	claim "and QEMU sees it" [ "$ended" = 0 ]
	clean_end "i440fx, lines"
}
for part in ${PARTS:-messages lines}; do
	rm -f "$out"/*.img "$out"/*.put
	$part
done
exit 0
