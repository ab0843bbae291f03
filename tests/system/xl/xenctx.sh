# SPDX-License-Identifier: MIT
# xenctx: registers and stack of a vCPU, of a running and of a paused domain.
small_up one
run xenctx "$(id_of one)" 0
xl pause one
run xenctx --all "$(id_of one)" 0
xl unpause one
run xenctx "$(id_of one)" 5
run xenctx 32000
xl destroy one
linux_up
check "of Linux: both vCPUs" sh -c "xenctx $(id_of linux) 0 | grep -q rip: && xenctx $(id_of linux) 1 | grep -q rip:"
