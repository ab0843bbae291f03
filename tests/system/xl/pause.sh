# SPDX-License-Identifier: MIT
# xl pause, unpause: while paused, it gets no time at all.
small_up one
type_to one 's 0 9999999'
ran() { [ "$(time_of one)" -gt "$ran_before" ]; }
ran_before=$(time_of one)
check "it runs" within 60 ran
run xl pause one
check "it is paused" state_is one p
ran_before=$(time_of one)
sleep 2
check "no time passes for it" [ "$(time_of one)" = "$ran_before" ]
run xl pause one
run xl unpause one
check "paused twice, unpaused once: paused" state_is one p
run xl unpause one
check "it runs on" within 60 ran
check "it is not paused" sh -c 'xl list one | grep -v "p-----\|--p---"'
run xl pause nobody
xl destroy one
