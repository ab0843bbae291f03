# SPDX-License-Identifier: MIT
# How a domain ends: by its watchdog, by a crash; xl says why, and what is kept
# of it can still be read.
small_up one 'on_watchdog="preserve"' 'on_crash="preserve"' 'on_poweroff="preserve"'
type_to one 'd 2 3'
check "a watchdog that is fed lets it go on" within 60 heard one '^fed 3 times'
check "it goes on" state_is one '^[-r][-b]----$'
check "one that is not ends it" within 60 state_is one s
run xl list -v one
run xl destroy one
small_up one 'on_watchdog="preserve"'
type_to one 'd 0 0'
check "one without a time ends it at once" within 60 state_is one s
run xl list -v one
run xl destroy one
small_up one 'on_watchdog="preserve"' 'on_crash="preserve"'
type_to one 'e 3'
check "it crashes" within 60 state_is one c
run xl list -v one
run xl dump-core one /tmp/core
check "all its memory is in the dump" sh -c '[ $(wc -c </tmp/core) -gt 16777216 ]'
rm -f /tmp/core
check "its registers are there" sh -c "xenctx $(id_of one) 0 | grep -q '^rip: ffffffff8'"
run xl destroy one
small_up one 'on_crash="restart"'
id_before=$(id_of one)
fresh_log one
type_to one 'e 3'
other_id() { [ "$(id_of one)" != "$id_before" ]; }
check "or it starts again, as another" within 60 other_id
check "from the start" within 60 heard one obeys
type_to one 'e 0'
check "one that switches itself off is gone" within 60 gone one
