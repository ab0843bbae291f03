# SPDX-License-Identifier: MIT
# xl rename
small_up one
run xl rename one other
run xl domid one
check "the new name is the domain's" xl domid other
run xl rename other Domain-0
run xl rename nobody other
run xl list other
xl destroy other
