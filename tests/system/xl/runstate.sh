# SPDX-License-Identifier: MIT
# A guest is told what its vCPUs were in for how long: Linux counts time in which
# it wanted to run and did not as stolen.
linux_up
in_guest linux '(while :; do :; done) & echo $! >/tmp/job'
stolen() { in_guest linux "awk '/^cpu / {print \$9}' /proc/stat"; }
before=$(stolen)
xl pause linux
sleep 3
xl unpause linux
sleep 1
known() { echo "$before, $(stolen) hundredths of a second" && [ $(($(stolen) - before)) -ge 250 ]; }
check "three seconds in which it was paused are stolen time to it" within 30 known
in_guest linux 'kill $(cat /tmp/job); rm /tmp/job'
