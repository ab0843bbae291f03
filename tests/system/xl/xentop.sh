# SPDX-License-Identifier: MIT
# xentop: a line each domain; times and memory.
small_up one
run xentop -b -i 1
run xentop -b -i 1 -v -f
run xentop -b -i 1 -n -x
check "twice" sh -c '[ $(xentop -b -d 1 -i 2 | grep -c " one ") = 2 ]'
type_to one 's 0 9999999'
busy() { xentop -b -d 2 -i 2 | awk '$1 == "one" {p = $4} END {print p; exit !(p > 25 && p < 110)}'; }
check "who does nothing else has much of a processor" busy
xl destroy one
