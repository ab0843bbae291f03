# SPDX-License-Identifier: MIT
# xl mem-max: what a domain may have at most.
small_up one
run xl mem-max one 20
run xl mem-max one 8
run xl list one
run xl mem-max one nonsense
run xl mem-max nobody 20
xl destroy one
