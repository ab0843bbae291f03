# SPDX-License-Identifier: MIT
# xl shutdown: the guest is asked, obeys and is gone.
linux_up
run xl shutdown -w linux
check "it is gone" within 30 gone linux
run xl shutdown linux
small_up one
run xl shutdown one
check "one that does not listen stays" state_is one '[rb]'
xl destroy one
