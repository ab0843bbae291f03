# SPDX-License-Identifier: MIT
# Targets and raw log in, PROMISES.md out.
function k(n) { return n >= 100000 ? sprintf("%.0f", n / 1000) : n >= 10000 ? sprintf("%.1f", n / 1000) : sprintf("%.2f", n / 1000) }
function m(n) { return sprintf("%.1f", n / 1000000) }
function more(a, key) { return a["wabe", key] > a["xen", key] }
function costly(s, key,    bold) {
	bold = s == "wabe" && (more(cr, key) || more(wrmsr, key) || more(invlpg, key) || more(port, key)) ? "**" : ""
	return bold counts(s, key) bold
}
function counts(s, key) { return cr[s, key] "/" wrmsr[s, key] "/" invlpg[s, key] "/" port[s, key] }
function verdict(value, goal) { return value <= goal ? "kept" : "**not yet**" }
function ratio(a, b) { return b > 0 ? sprintf("%.2f", a / b) : "" }

/^#/ || NF < 3 { next }
FILENAME == ARGV[1] { target[$1, $2] = $3; next }
{
	system_name = $1; key = $2 SUBSEP $3
	all[$1, key] = $4; hv[$1, key] = $5; cr[$1, key] = $6
	wrmsr[$1, key] = $7; invlpg[$1, key] = $8; port[$1, key] = $9
	if (!(key in seen)) { seen[key] = 1; order[++n] = key }
}

function row_linux(key, name,    goal) {
	goal = (all["native", key] + all["xen", key]) / 2
	printf "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", name,
		k(all["wabe", key]), k(all["xen", key]), ratio(all["wabe", key], all["xen", key]),
		k(all["native", key]), k(goal), verdict(all["wabe", key], goal),
		k(hv["wabe", key]), k(hv["xen", key]), costly("wabe", key), costly("xen", key)
}
function row_boot(key, name,    goal) {
	goal = target[key]
	printf "| %s | %s | %s | %s | %s | %s |\n", name, m(all["wabe", key]),
		m(all["xen", key]), ratio(all["wabe", key], all["xen", key]),
		goal ? m(goal) : "", goal ? verdict(all["wabe", key], goal) : ""
}
function row_xl(key, name) {
	printf "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", name, m(all["wabe", key]),
		m(all["xen", key]), ratio(all["wabe", key], all["xen", key]),
		verdict(all["wabe", key], all["xen", key]), m(hv["wabe", key]),
		m(hv["xen", key]), costly("wabe", key), costly("xen", key)
}
function row_bench(key, name,    goal) {
	goal = target[key]
	printf "| %s | %d | %d | %s | %s | %s | %d | %d | %s | %s |\n", name, all["wabe", key],
		all["xen", key], ratio(all["wabe", key], all["xen", key]),
		goal, goal ? verdict(hv["wabe", key], goal) : "",
		hv["wabe", key], hv["xen", key], costly("wabe", key), costly("xen", key)
}
function table(which, heading,    i, part, dashes) {
	print heading
	dashes = heading
	gsub(/[^|]+/, "---:", dashes); sub(/---:/, "---", dashes)
	print dashes
	for (i = 1; i <= n; i++) {
		split(order[i], part, SUBSEP)
		if (part[1] != which) continue
		if (which == "linux") row_linux(order[i], part[2])
		else if (which == "xl") row_xl(order[i], part[2])
		else if (which == "boot") row_boot(order[i], part[2])
		else row_bench(order[i], part[2])
	}
	print ""
}

# Micro-domains: a row for what is measured, a column for how many others run.
function create_value(s, what, n) { return all[s, "create" SUBSEP what " with " n] }
function create_cell(s, what, n,    v) { v = create_value(s, what, n); return v ? m(v) : "" }
function row_create(name, s, what, goal,    a, z) {
	a = create_value(s, what, 1); z = create_value(s, what, 100)
	printf "| %s | %s | %s | %s | %s | %s |\n", name, create_cell(s, what, 1), create_cell(s, what, 50),
		create_cell(s, what, 100), a && z ? sprintf("%+.1f%%", (z / a - 1) * 100) : "", goal
}
function create_goals(    a, x, z) {
	a = create_value("wabe", "first", 1); x = create_value("wabe", "xl first", 1)
	z = create_value("wabe", "first", 100)
	return sprintf("a quarter of xl: %s; growth under 5%%: %s",
		a && x ? sprintf("%.2f, %s", a / x, verdict(a, x / 4)) : "not measured",
		a && z ? verdict(z, a * 1.05) : "not measured")
}
function table_create() {
	print "## Micro-domains\n"
	print "In millions, the median of three, on one processor. *Command*: from the start of `wabe run -d` until its request"
	print "has reached the resident creator. The others count from there: to the first instruction of the guest\047s Linux, to"
	print "its init, to the first output of a workload that only says hello, with 24 MiB, a disk and an interface. *xl create*, from"
	print "the start of the command: the same kernel and initrd, without devices. The columns say how many"
	print "micro-domains run already (on Wabe, with Debian\047s 6.1 as dom0). Frames that another has left are scrubbed by"
	print "processors that idle, or where none has yet, as in most samples here, when they are given: 3.6 of each figure.\n"
	print "| | 1 | 50 | 100 | growth | goal |\n|---|---:|---:|---:|---:|---:|"
	row_create("command", "wabe", "command", "")
	row_create("to the first instruction", "wabe", "first", create_goals())
	row_create("to init", "wabe", "init", "")
	row_create("to the first output", "wabe", "output", "")
	row_create("xl create to the first instruction", "wabe", "xl first", "")
	row_create("xl create to init", "wabe", "xl init", "")
	row_create("on Debian\047s Xen: to the first instruction", "xen", "first", "")
	row_create("on Debian\047s Xen: xl create to the first instruction", "xen", "xl first", "")
	print ""
	if (!(("wabe", "create" SUBSEP "dom0 memory") in all)) {
		return
	}
	hv_kib = all["wabe", "create" SUBSEP "machine memory"] / 1024
	dom0_kib = all["wabe", "create" SUBSEP "dom0 memory"] / 1024
	print "Memory of an idle micro-domain (24 MiB) beyond its own RAM, in KiB, in the mean of 99:\n"
	print "| hypervisor | dom0 | together | goal | |\n|---:|---:|---:|---:|---|"
	printf "| %d | %d | %d | 256 | %s |\n\n", hv_kib, dom0_kib, hv_kib + dom0_kib,
		verdict(hv_kib + dom0_kib, 256)
}

function table_xl() {
	print "## xl and the kernel's back ends\n"
	print "In millions. Debian's xl with a guest of 16 MiB; a Linux guest's network on a bridge and disk on a"
	print "loop device, dom0 and guest together. No row may be more than on Xen. More INVLPG: places filled in"
	print "the map cache (no direct map of guests' memory); more CR loads: who wakes may interrupt after 0.2 ms, on Xen after 1.\n"
	table("xl", "| | Wabe | Xen | ratio | | in Wabe | in Xen | costly, Wabe | costly, Xen |")
}

END {
	if (only) {
		if (only == "xl") table_xl()
		else table_create()
		exit
	}
	print "# The numbers we hold ourselves to\n"
	print "Written by `make bench` from its raw log; not edited by hand. Unit: instructions executed,"
	print "counted by QEMU (`-icount shift=0`, one processor), kernel and hypervisor together; the median"
	print "of many samples. Instructions are not time: what costs more than one is counted beside them,"
	print "as *CR3 and CR4 loads / WRMSR / INVLPG / port accesses* of the hypervisor. With one processor"
	print "there are no IPIs. Bold: one of them is more than Xen's. Where that is INVLPG, it is the filling of"
	print "a place in the map cache: Wabe has no direct map of guests' memory. Debian's Xen 4.17 runs on"
	print "`-cpu max,-smap` (it does not start with SMAP), Wabe on `-cpu max`, and pays for STAC and CLAC.\n"
	print "## What a program sees in Debian's Linux as dom0\n"
	print "In thousands of instructions. *None*: the same kernel without a hypervisor. The goal is half of"
	print "Xen's toll: halfway between Xen and none. *In*: inside the hypervisor.\n"
	table("linux", "| operation | Wabe | Xen | ratio | none | goal | | in Wabe | in Xen | costly, Wabe | costly, Xen |")
	print "## Boot\n"
	print "In millions. *Reset to init*: the whole way to dom0's first process, decompression of the kernel"
	print "and the hypervisor's waits included, 2 GiB. *Work*: from the hypervisor's first instruction to"
	print "dom0's, with the kernel as plain ELF and 512 MiB for dom0, less *waiting*: instructions between"
	print "two looks at a clock or a port at most 1,000 apart.\n"
	table("boot", "| | Wabe | Xen | ratio | goal | |")
	for (i = 1; i <= n; i++) {
		found = found || order[i] ~ /^bench/
		created = created || order[i] ~ /^create/
		xl = xl || order[i] ~ /^xl/
	}
	if (xl) {
		table_xl()
	}
	if (created) {
		table_create()
	}
	if (!found) {
		exit
	}
	print "## Primitives\n"
	print "A small guest without an operating system, as dom0; the guest's own few instructions included; the goal is for what is in the hypervisor.\n"
	table("bench", "| operation | Wabe | Xen | ratio | goal | | in Wabe | in Xen | costly, Wabe | costly, Xen |")
}
