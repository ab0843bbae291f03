# SPDX-License-Identifier: MIT
# xl destroy: at once; what is not there cannot be destroyed.
small_up one
run xl destroy one
run xl domid one
run xl list one
run xl destroy one
run xl destroy 0
