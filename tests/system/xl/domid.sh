# SPDX-License-Identifier: MIT
# xl domid, xl domname
small_up one
id=$(xl domid one)
check "xl domid says a number" [ "$id" -gt 0 ]
run xl domname "$id"
run xl domid Domain-0
run xl domname 0
run xl domid nobody
run xl domname 32000
xl destroy one
