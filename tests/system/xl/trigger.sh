# SPDX-License-Identifier: MIT
# xl trigger nmi: the guest takes one on its vCPU.
linux_up
# nmis VCPU; came VCPU: one more than before.
nmis() { in_guest linux "awk '/NMI:/ {print \$$(($1 + 2))}' /proc/interrupts"; }
came() { [ "$(nmis "$1")" = $((before + 1)) ]; }
before=$(nmis 0)
run xl trigger linux nmi 0
check "one NMI came" within 60 came 0
before=$(nmis 1)
run xl trigger linux nmi 1
check "one NMI came to the other vCPU" within 60 came 1
run xl trigger linux nonsense
run xl trigger nobody nmi
check "it goes on" guest_says linux 'echo $((6 * 8))' 48
