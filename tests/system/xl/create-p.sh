# SPDX-License-Identifier: MIT
# xl create -p: made, and not running until unpaused.
small one share
fresh_log one
run xl create -p /root/one.cfg
check "it is paused" state_is one p
check "it has used no time" [ "$(time_of one)" = 0 ]
check "it has said nothing" sh -c '! grep obeys /var/log/xen/guest-one.log'
run xl unpause one
check "it runs" within 60 heard one obeys
xl destroy one
