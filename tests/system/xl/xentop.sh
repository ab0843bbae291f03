# SPDX-License-Identifier: MIT
# xentop: a line each domain; times and memory.
small_up one
run xentop -b -i 1
run xentop -b -i 1 -v -f
run xentop -b -i 1 -n -x
check "twice" sh -c '[ $(xentop -b -d 1 -i 2 | grep -c " one ") = 2 ]'
xl destroy one
