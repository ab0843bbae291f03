# SPDX-License-Identifier: MIT
# Control calls as they are, good ones and bad ones, about a domain that is there:
# the same errno each. dom0/controls.c has them.
small one share 'on_watchdog="preserve"'
xl create -q -p /root/one.cfg
run /wabe/controls "$(id_of one)"
run xl list one
xl destroy one
