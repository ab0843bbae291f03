# SPDX-License-Identifier: MIT
# xl cpupool-list, and the commands that would change pools
small_up one
run xl cpupool-list
run xl cpupool-list -c
run xl cpupool-list Pool-0
run xl cpupool-list nobody
run xl cpupool-migrate one Pool-0
xl destroy one
