# SPDX-License-Identifier: MIT
# What every PC has: clock, timer, keyboard, mouse, serial ports, power button,
# and the console.
insmod /wabe/psmouse.ko
insmod /wabe/button.ko
check "the clock interrupts each second (IRQ 8)" grows "rtc" 2 /wabe/dev_legacy rtc 2
has "the clock can be read" '20[0-9][0-9]' hwclock -r
check "the timer's channel 2 counts" /wabe/dev_legacy pit
check "the hypervisor's ports are not dom0's" /wabe/dev_legacy kept
check "a process has the ports that its kernel gave it, and no others" /wabe/dev_legacy granted

keys() {
	local k line
	for k in w a b e ret; do host_tell "sendkey $k"; done
	read -r -t 15 line </dev/tty1
	echo "got: $line"
	[ "$line" = wabe ]
}
check "keys arrive (IRQ 1)" grows " *1: .*i8042" 10 keys
mouse() {
	local reader
	cat /dev/input/mice >/tmp/mouse &
	reader=$!
	sleep 1
	host_tell "mouse_move 20 10"
	soon test -s /tmp/mouse
	kill $reader
	[ -s /tmp/mouse ]
}
check "the mouse moves (IRQ 12)" grows "12: .*i8042" 3 mouse
button() {
	local before
	before=$(count acpi)
	host_tell system_powerdown
	soon eval '[ "$(count acpi)" -gt '"$before"' ]'
}
check "the power button is noticed (SCI, a level)" button
# The interrupt is there while the port is open.
serial() {
	local code
	head -c 4096 /dev/urandom | hexdump -v >/tmp/ttyS1
	exec 6<>/dev/ttyS1
	stty raw 115200 -echo -opost <&6 && grows ttyS1 2 cp /tmp/ttyS1 /dev/ttyS1
	code=$?
	sleep 1
	exec 6>&-
	echo "SERIAL $(md5sum </tmp/ttyS1)" >/dev/console
	return $code
}
check "a second serial port sends by interrupt" serial

# The console: lines typed by the host, and its way to the hypervisor.
lines() {
	local i line
	stty -echo
	for i in $(seq "$1"); do
		host_type "line $i of what the host types into dom0's console\\n"
		read -r -t 15 line || return 1
		[ "$line" = "line $i of what the host types into dom0's console" ] || {
			echo "got: $line"
			return 1
		}
	done
}
# More than the hypervisor takes at one interrupt, faster than dom0 reads.
paste() {
	local i line
	for i in 1 2 3; do
		host_type "$(printf '%01500d' "$i")\\n"
		read -r -t 15 line
		echo "${#line} characters"
		[ ${#line} = 1500 ] || return 1
	done
}
check "the host types, dom0 reads it" lines $((4 * scale))
check "pasted text arrives whole" paste
host_type '\001\001\001'
sleep 1
host_type 'q'
sleep 1
host_type '\001\001\001'
sleep 1
check "and again, after three Ctrl-A twice" lines 1
