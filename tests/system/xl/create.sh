# SPDX-License-Identifier: MIT
# xl create: a domain runs; the same name again, and what is no configuration.
small one share
fresh_log one
run xl create /root/one.cfg
check "it runs" within 60 heard one obeys
run xl list one
run xl create /root/one.cfg
echo 'name=' >/root/bad.cfg
run xl create /root/bad.cfg
run xl create /root/nowhere.cfg
run xl create -n /root/one.cfg
xl destroy one
