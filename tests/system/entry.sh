# SPDX-License-Identifier: MIT
# What the hypervisor's handlers start with, seen from outside: QEMU prints the
# registers each time one is called, while tests/guest/entry comes in with all
# the flags and registers it can set. With AC set SMAP would be off, with DF the
# string instructions run backwards; a guest's values left in registers are what
# speculation can use; with the guest's GS its memory is the hypervisor's data.
. "$(dirname "$0")/lib.sh"

# watch CPU HANDLER...: run the guest -> $out/entries, a line for each call of a
# handler: its name, flags, GS base, rbp r12 r13 r14 r15, and r8 r9, but for
# hypercalls, which get those from the guest.
watch() {
	local cpu=$1 filter
	shift
	filter=$(awk -v handlers="$*" '
		BEGIN { n = split(handlers, a, " "); for (i in a) want[a[i]] = 1 }
		$3 in want { printf "%s0x%s+1", comma, $1; comma = "," }' "$out/names")
	BUILD=$build QEMU_ARGS="-d cpu,nochain -dfilter $filter -D $out/registers" \
		"$here/../guest/run" -x "$hv" -c "$cpu" entry >"$out/guest"
	awk 'NR == FNR { name["RIP=" $1] = $3; next }
		{ gsub(/ *= */, "=") }
		/^R[A-Z0-9]*=/ { for (i = 1; i <= NF; i++) {
			split($i, kv, "="); r[kv[1]] = kv[2] } }
		/^RIP=/ { at = name[$1] }
		/^GS=/ { print at, r["RFL"], $2, r["RBP"], r["R12"], r["R13"],
			r["R14"], r["R15"],
			at ~ /^call_/ ? "" : r["R8"] " " r["R9"] }' \
		"$out/names" "$out/registers" >"$out/entries"
	for handler; do
		grep -q "^$handler " "$out/entries" || echo "$handler: not called"
	done >"$out/claim"
}
check() {
	if [ -s "$out/claim" ]; then not_ok "$1" "$out/claim"; else ok "$1"; fi
}
# TF 0x100, IF 0x200, DF 0x400, NT 0x4000, AC 0x40000.
check_all() {
	while read -r handler flags rest; do
		(((0x$flags & 0x44700) == 0)) || echo "$handler starts with flags $flags"
	done <"$out/entries" >"$out/claim"
	check "$1: no handler starts with AC, NT, DF, IF or TF set"
	grep -v '^[a-z0-9_]* [0-9a-f]* ffff82' "$out/entries" >"$out/claim"
	check "$1: each starts with the hypervisor's GS"
	grep -i 5ec7e7 "$out/entries" >"$out/claim"
	check "$1: no guest's value is left in a register that is not an argument"
}

nm "${hv%/*}/wabe.elf" >"$out/names"
watch max trap_plain trap_pf trap_gp trap_ud trap_int80 trap_syscall64 trap_irq \
	call_xen_version call_iret
check "AMD: each way in is taken ($(wc -l <"$out/entries") calls of handlers)"
cat "$out/guest"
check_all AMD
# SYSRET to an address that is not canonical faults in ring 0, on the guest's
# stack, on Intel's processors, which QEMU does not do (XSA-7): rcx is seen first.
sysret() {
	local at
	at=$(sed -n 's/^\([0-9a-f]*\) t exit_sysret$/0x\1+1/p' "$out/names")
	BUILD=$build QEMU_ARGS="-d cpu,nochain -dfilter $at -D $out/registers" \
		"$here/../guest/run" -x "$hv" entry >"$out/guest"
	sed -n 's/^RAX=.* RCX=\([0-9a-f]*\) .*/\1/p' "$out/registers" | sort -u >"$out/to"
	[ -s "$out/to" ] || echo "SYSRET was not seen" >"$out/claim"
	grep -v '^00007\|^0000[0-6]\|^ffff[89a-f]' "$out/to" >>"$out/claim"
	grep -q '^iret in_syscall to 4000' "$build/test/guest-xen/entry.out" ||
		cat "$out/guest" >>"$out/claim"
	check "SYSRET goes to canonical addresses only ($(wc -l <"$out/to") of them)"
}
sysret
watch max,vendor=GenuineIntel trap_sysenter call_iret trap_ud
check "Intel: sysenter is taken"
check_all Intel
grep -q '^sysenter: vector 103 rip 0 flags 240400$' "$build/test/guest-xen/entry.out" ||
	tail -n 4 "$build/test/guest-xen/entry.out" >"$out/claim"
check "Intel: the guest's kernel gets sysenter, with NT cleared"
exit 0
