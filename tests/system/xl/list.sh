# SPDX-License-Identifier: MIT
# xl list, short and long
small one share 'vcpus=2' 'maxvcpus=3' 'cpus="0"' 'maxmem=24'
xl create -q -p /root/one.cfg
run xl list
run xl list -l one
run xl list -v one
run xl list --cpupool one
run xl list nobody
run xl uptime nobody
check "xl uptime shows it" sh -c 'xl uptime | grep -q ^one'
xl destroy one
