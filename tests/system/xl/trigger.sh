# SPDX-License-Identifier: MIT
# xl trigger nmi: the guest takes one on its vCPU.
linux_up
nmis() { in_guest linux "awk '/NMI:/ {print \$2}' /proc/interrupts"; }
before=$(nmis)
run xl trigger linux nmi 0
came() { [ "$(nmis)" = $((before + 1)) ]; }
check "one NMI came" within 60 came
run xl trigger linux nonsense
run xl trigger nobody nmi
check "it goes on" guest_says linux 'echo $((6 * 8))' 48
