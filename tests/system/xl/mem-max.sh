# SPDX-License-Identifier: MIT
# xl mem-max: what a domain may have at most.
small_up one
run xl mem-max one 20
limit() { xentop -b -i 1 | awk '$1 == "one" {print $7}'; }
check "it is the limit, with 1 MiB for the tools" [ "$(limit)" = $((21 * 1024)) ]
run xl mem-max one 8
check "the limit is as it was" [ "$(limit)" = $((21 * 1024)) ]
run xl list one
run xl mem-max one nonsense
run xl mem-max nobody 20
xl destroy one
