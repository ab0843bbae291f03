# SPDX-License-Identifier: MIT
# xenctx: registers and stack of a vCPU, of a running and of a paused domain.
small_up one
run xenctx "$(id_of one)" 0
xl pause one
run xenctx --all "$(id_of one)" 0
xenctx "$(id_of one)" 0 >/tmp/context
# in_function NAME COLUMNS...: one of the words is an address in it.
in_function() {
	awk -v name="$1" -v what="$2" 'NR == FNR {if ($3 == name) from = $1; else if (from && !to) to = $1; next}
		$0 ~ what {for (i = 1; i <= NF; i++) {gsub(/[][<>]/, "", $i); if (length($i) == 16 && $i "" >= from && $i "" < to) found = 1}}
		END {exit !found}' /wabe/share.map /tmp/context
}
check "it waits, which is a hypercall" in_function hypercall_entry '^rip:'
check "and its stack says for whom" in_function guest_main '^ '
check "its stack's pointer is in its image" grep -q '^rsp: ffffffff8' /tmp/context
# What is not another one each time.
fixed() { xenctx --all "$(id_of one)" 0 | sed -n 's/^\(cr0\|dr[67]\): 0*/\1 /p'; }
run fixed
check "its code is what is in memory" sh -c "xenctx $(id_of one) 0 | grep -q ' 0f 05 <'"
xl unpause one
run xenctx "$(id_of one)" 5
run xenctx 32000
xl destroy one
linux_up
check "of Linux: both vCPUs" sh -c "xenctx $(id_of linux) 0 | grep -q rip: && xenctx $(id_of linux) 1 | grep -q rip:"
