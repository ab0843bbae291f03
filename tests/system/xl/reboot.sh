# SPDX-License-Identifier: MIT
# xl reboot: the guest is asked, ends, and starts again as another domain.
linux_up
id_before=$(id_of linux)
in_guest linux 'echo x >/tmp/x'
fresh_log linux
run xl reboot linux
other_id() { [ "$(id_of linux)" != "$id_before" ]; }
check "another domain of that name is there" within 120 other_id
check "it starts again" within 240 heard linux GUEST-UP
check "with nothing of its past" guest_says linux 'ls /tmp' ''
