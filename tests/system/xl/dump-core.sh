# SPDX-License-Identifier: MIT
# xl dump-core: a file that the host reads with gdb afterwards.
small_up one
run xl dump-core one /tmp/core
check "it goes on" state_is one '[rb]'
cp /tmp/core /tmp/out/core
rm -f /tmp/core
xl destroy one
run xl dump-core nobody /tmp/core
