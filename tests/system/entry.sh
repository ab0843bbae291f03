# SPDX-License-Identifier: MIT
# What the hypervisor's handlers start with, seen from outside: QEMU prints the
# registers each time one is called, while tests/guest/entry comes in with all
# the flags and registers it can set. With AC set SMAP would be off, with DF the
# string instructions run backwards; a guest's values left in registers are what
# speculation can use; with the guest's GS its memory is the hypervisor's data.
. "$(dirname "$0")/lib.sh"

# The last two hypercalls get r8 and r10 from the guest, which is their right.
handlers="trap_plain trap_pf trap_gp trap_ud trap_int80 trap_syscall64 irq_entry
	call_xen_version call_iret"
nm "${hv%/*}/wabe.elf" >"$out/names"
filter=$(awk -v handlers="$(echo $handlers)" '
	BEGIN { n = split(handlers, a, " "); for (i in a) want[a[i]] = 1 }
	$3 in want { printf "%s0x%s+1", comma, $1; comma = "," }' "$out/names")
BUILD=$build QEMU_ARGS="-d cpu,nochain -dfilter $filter -D $out/registers" \
	"$here/../guest/run" -x "$hv" entry

# A line for each call: handler, flags, GS base, rbp r12 r13 r14 r15, r8 r9.
awk 'NR == FNR { name["RIP=" $1] = $3; next }
	{ gsub(/ *= */, "=") }
	/^R[A-Z0-9]*=/ { for (i = 1; i <= NF; i++) {
		split($i, kv, "="); r[kv[1]] = kv[2] } }
	/^RIP=/ { at = name[$1] }
	/^GS=/ { print at, r["RFL"], $2, r["RBP"], r["R12"], r["R13"], r["R14"],
		r["R15"], at ~ /^call_/ ? "" : r["R8"] " " r["R9"] }' \
	"$out/names" "$out/registers" >"$out/entries"

for handler in $handlers; do
	grep -q "^$handler " "$out/entries" || echo "$handler: not called"
done >"$out/claim"
check() {
	if [ -s "$out/claim" ]; then not_ok "$1" "$out/claim"; else ok "$1"; fi
}
check "each way in is taken ($(wc -l <"$out/entries") calls of handlers)"
# TF 0x100, IF 0x200, DF 0x400, NT 0x4000, AC 0x40000.
while read -r handler flags rest; do
	(((0x$flags & 0x44700) == 0)) || echo "$handler starts with flags $flags"
done <"$out/entries" >"$out/claim"
check "no handler starts with AC, NT, DF, IF or TF set"
grep -v '^[a-z0-9_]* [0-9a-f]* ffff82' "$out/entries" >"$out/claim"
check "each starts with the hypervisor's GS"
grep -i 5ec7e7 "$out/entries" >"$out/claim"
check "no guest's value is left in a register that is not an argument"
exit 0
