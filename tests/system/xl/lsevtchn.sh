# SPDX-License-Identifier: MIT
# lsevtchn: the event channels of a domain
small_up one
run lsevtchn "$(id_of one)"
xl destroy one
check "dom0 has its own" sh -c 'lsevtchn 0 | grep -q "Virtual IRQ 3"'
run lsevtchn 32000
