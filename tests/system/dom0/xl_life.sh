# SPDX-License-Identifier: MIT
# xl: domains come, stop, go on and go.
state_of() { xl list "$1" | awk 'NR == 2 {print $5}'; }
state_is() { state_of "$1" | grep -q "$2"; }
id_of() { xl domid "$1"; }

mem_before=$(free_memory)
config linux 'vcpus=2' 'maxvcpus=2' 'memory=96' 'maxmem=128'
check "xl create -p" xl create -q -p /root/linux.cfg
check "it is paused" state_is linux p
has "xl list -l describes it" '"name": "linux"' xl list -l linux
check "xl unpause: it boots to its shell" sh -c '. /wabe/domains.sh
	xl unpause linux && within 150 heard linux GUEST-UP'
check "it has two processors" heard linux 'GUEST-UP.* 2 cpus'
check "xl domname" [ "$(xl domname "$(xl domid linux)")" = linux ]
check "what is typed at its console is answered" ask linux 'echo answer $((6 * 7))' 'answer 42'
# xenconsole is what xl console starts; it wants a terminal or this word.
console_answers() {
	(sleep 1 && echo 'echo console $((9 * 9))' && sleep 30) |
		xenconsole "$(xl domid linux)" --interactive >/tmp/console 2>&1 &
	within 25 grep -q 'console 81' /tmp/console
}
has "xl console shows what it says" 'answer 42' sh -c '
	(sleep 4 | xl console linux) & sleep 3; kill %1 2>/dev/null; pkill xenconsole$; true'
check "xenconsole carries both ways" console_answers
check "xl pause" xl pause linux
check "it is paused" state_is linux p
check "xl unpause: it goes on" sh -c '. /wabe/domains.sh
	xl unpause linux && ask linux "echo goes \$((1 + 1))" "goes 2"'
check "xl rename" sh -c 'xl rename linux other && xl domid other && ! xl domid linux'
xl rename other linux
has "xl vcpu-list shows both vCPUs" '^linux  *[0-9]*  *1 ' xl vcpu-list linux
check "xl vcpu-pin, hard and soft" sh -c 'xl vcpu-pin linux 1 0 1 && xl vcpu-list linux | grep -q "^linux  *[0-9]*  *1 .* 0 / 1"'
check "xl vcpu-set 1: one goes" sh -c '. /wabe/domains.sh
	xl vcpu-set linux 1 && sleep 1 && ask linux nproc "^1\$" && xl vcpu-list linux | grep -q "^linux  *[0-9]*  *1  *-  *--p"'
check "xl vcpu-set 2: it comes back" sh -c '. /wabe/domains.sh
	xl vcpu-set linux 2 && sleep 1 && ask linux "echo 1 >/sys/devices/system/cpu/cpu1/online; nproc" "^2\$"'
check "xl sched-credit2 -w -c" sh -c 'xl sched-credit2 -d linux -w 300 -c 50 && xl sched-credit2 -d linux | grep -q "300  *50"'
xl sched-credit2 -d linux -c 0

# Memory really moves.
mem() { xl list "$1" | awk 'NR == 2 {print $3}'; }
mem_is() { [ "$(mem "$1")" -le "$2" ] && [ "$(mem "$1")" -ge "$3" ]; }
mem_free=$(free_memory)
check "xl mem-set 72: the balloon gives memory back" sh -c '. /wabe/domains.sh
	xl mem-set linux 72 && within 20 sh -c "[ \$(xl list linux | awk \"NR == 2 {print \\\$3}\") -le 73 ]"'
check "the machine has it: $mem_free, $(free_memory)" [ "$(free_memory)" -ge $((mem_free + 22)) ]
check "xl mem-max and mem-set 120: it takes more" sh -c '. /wabe/domains.sh
	xl mem-max linux 140 && xl mem-set linux 120 && within 20 sh -c "[ \$(xl list linux | awk \"NR == 2 {print \\\$3}\") -ge 119 ]"'
check "the guest can use it" ask linux 'dd if=/dev/zero of=/dev/null bs=40M count=1; echo used $?' 'used 0' 30
check "xl mem-set 96" sh -c '. /wabe/domains.sh
	xl mem-set linux 96 && within 20 sh -c "[ \$(xl list linux | awk \"NR == 2 {print \\\$3}\") -le 97 ]"'

check "xl trigger nmi: it arrives" sh -c '. /wabe/domains.sh
	ask linux "echo 1 >/proc/sys/kernel/panic_on_unrecovered_nmi; echo 0 >/proc/sys/kernel/panic_on_unrecovered_nmi; grep NMI: /proc/interrupts" NMI
	xl trigger linux nmi && sleep 1 && ask linux "dmesg | grep -c -i \"nmi\"; grep NMI: /proc/interrupts" "NMI: *[1-9]"'
check "xl sysrq h: its kernel obeys" sh -c '. /wabe/domains.sh
	xl sysrq linux h && sleep 1 && ask linux "dmesg | grep -c sysrq:" "^[1-9]"'
has "xentop shows it" 'linux' xentop -b -i 1
has "xenctx shows its registers" 'rip:' sh -c "/usr/lib/xen-4.17/bin/xenctx $(id_of linux) 0"
has "lsevtchn shows its channels" 'Interdomain' sh -c "/usr/lib/xen-4.17/bin/lsevtchn $(id_of linux)"
check "xen-lowmemd starts" sh -c '/usr/lib/xen-4.17/bin/xen-lowmemd & p=$!; sleep 1; kill $p'
check "xl dmesg -c clears" sh -c 'xl dmesg -c >/dev/null; [ -z "$(xl dmesg)" ]'
has "xl debug-keys q prints it" "d$(id_of linux):" sh -c 'xl debug-keys q; xl dmesg'

id_before=$(id_of linux)
ups=$(console_of linux | grep -c GUEST-UP)
check "xl reboot" xl reboot linux
again() { [ "$(console_of linux | grep -c GUEST-UP)" -gt "$ups" ]; }
check "it starts again" within 150 again
check "as another domain" [ "$(id_of linux)" != "$id_before" ]
# Save, restore, save and go on.
type_to linux 'echo kept >/tmp/kept'
check "xl save" xl save linux /tmp/saved
check "it is gone" gone linux
check "xl restore" sh -c 'xl restore /tmp/saved && xl domid linux'
check "it goes on" ask linux 'cat /tmp/kept; echo two $(nproc)' 'two 2' 30
check "its memory is what it was" heard linux '^kept'
check "its clocks go on" ask linux 'sleep 1; echo slept $?' 'slept 0'
check "xl save -c" xl save -c linux /tmp/saved2
check "it goes on" ask linux 'echo after $((40 + 3))' 'after 43' 30
rm -f /tmp/saved /tmp/saved2
check "xl dump-core" sh -c 'xl dump-core linux /tmp/core && [ $(stat -c %s /tmp/core) -gt 98000000 ] && head -c 4 /tmp/core | grep -q ELF'
rm -f /tmp/core
check "it goes on" ask linux 'echo dumped $((50 + 3))' 'dumped 53' 30

# xl save -c ended the xl that looked after it.
check "xl destroy" xl destroy linux
check "it is gone" gone linux
check "free memory is what it was: $mem_before, $(free_memory)" [ "$(free_memory)" = "$mem_before" ]
