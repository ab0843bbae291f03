# SPDX-License-Identifier: MIT
# To source: runs the scripts of xl/ in dom0 and compares what each says with
# the transcript that Debian's Xen made: xl/NAME.out, or NAME.1.out where one
# processor makes a difference. RECORD=1: boot Debian's Xen and write them.
. "$(dirname "$0")/lib.sh"

xl_root() {
	local program
	"$top/guests/dom0/guest" "$cache/dom0" "$out/guest.gz"
	mkdir -p "$out/stage/xl"
	for program in talk dev_io stress; do
		"${CC:-gcc}" -O2 -static -pthread -o "$out/stage/$program" \
			"$here/dom0/$program.c" || exit 1
	done
	"${CC:-gcc}" -O2 -o "$out/stage/controls" "$here"/dom0/controls.c \
		"$here"/dom0/resources.c -lxencall -lxenctrl -lxenforeignmemory || exit 1
	cp "$here"/xl/*.sh "$out/stage/xl/"
	mkdir -p "$out/stage/partition"
	for program in wabe wabed; do
		strip -o "$out/stage/partition/$program" "$build/toolstack/$program" || exit 1
	done
	cp "$cache/dom0/vmlinuz" "$out/guest.gz" "$build/guest/share" \
		"$cache/dom0/tree/usr/lib/grub-xen/grub-x86_64-xen.bin" "$out/stage/"
	nm "$build/guest/share" | sort >"$out/stage/share.map"
	[ -n "${RECORD:-}" ] || touch "$out/stage/audit"
	make_root "$out/stage"
}

# What differs from run to run and says nothing.
normal() { tr '\r' '\n' <"$1" | sed -E -f "$here/xl/normal.sed"; }

# transcript NAME CPUS: the file that has what Debian's Xen says.
transcript() {
	if [ "$2" = 1 ] && [ -e "$here/xl/$1.1.out" ]; then
		echo "$here/xl/$1.1.out"
	else
		echo "$here/xl/$1.out"
	fi
}
# expected NAME CPUS: what it should say here, where that differs on purpose:
# NAME.differences has `-` what Debian's Xen says, `+` what is said instead, and
# why.
expected() {
	awk 'FILENAME == ARGV[1] {
		if (/^-/) old = substr($0, 2)
		if (/^\+/) new[old] = substr($0, 2)
		next
	}
	{ print ($0 in new) ? new[$0] : $0 }' \
		<(cat /dev/null "$here/xl/$1.differences" 2>/dev/null) "$(transcript "$1" "$2")"
}
passes() { ! grep -q '^not ok\|does not answer' "$2" && grep -q "^end of $1" "$2"; }
record() {
	if ! passes "$@"; then
		not_ok "xl $1: recorded" "$2"
	elif [ "$3" != 1 ]; then
		cp "$2" "$here/xl/$1.out"
		ok "xl $1: recorded, $(wc -l <"$2") lines"
	elif cmp -s "$2" "$here/xl/$1.out"; then
		rm -f "$here/xl/$1.1.out"
		ok "xl $1: recorded, the same on one processor"
	else
		cp "$2" "$here/xl/$1.1.out"
		ok "xl $1: recorded on one processor"
	fi
}
compare() {
	sed -n "s/^ok - /&xl $1: /p" "$2"
	if [ ! -e "$(transcript "$1" "$3")" ]; then
		# Nothing to compare with: Debian's Xen cannot (the script says
		# why), or was not asked yet.
		if passes "$1" "$2"; then
			ok "xl $1: passes, without a transcript of Debian's Xen"
		else
			not_ok "xl $1: passes" "$2"
		fi
	elif diff <(expected "$1" "$3") "$2" >"$2.diff"; then
		ok "xl $1: says what it says on Debian's Xen, $(wc -l <"$2") lines"
	else
		grep '^[<>]' "$2.diff" >"$out/claim"
		not_ok "xl $1: differs from Debian's Xen" "$out/claim"
	fi
}

# gdb reads what xl dump-core wrote: the guest waits for a line at its console.
core_read() {
	"$here/gdb_core" "$1" "$out/core.gdb" && gdb -batch -nx -ex bt \
		-ex 'print line' -ex 'print *start_info' -ex 'x/i $rip' "$build/guest/share" \
		"$out/core.gdb" >"$out/gdb" 2>&1
	cat "$out/gdb"
	rm -f "$out/core.gdb" "$1"
	grep -q 'guest_main ()' "$out/gdb" && grep -q 'line_read ()' "$out/gdb" &&
		grep -q 'magic = "xen-3.0-x86_64"' "$out/gdb"
}

# Can Debian's Xen do what the script NAME does, on the processor MODEL?
recorded_here() {
	! grep -q '^# Alone: ' "$here/xl/$1.sh" &&
		[ "$(sed -n 's/^# Processor: //p' "$here/xl/$1.sh")" = "${MODEL:-}" ]
}

# xl_scripts CPUS NAME...: in one boot.
xl_scripts() {
	local xl_cpus=$1 name names verdict=compare model=max
	shift
	[ -z "${RECORD:-}" ] || {
		verdict=record model=${MODEL:-max,-smap}
		hv=$cache/dom0/xen
		read -ra names < <(for name in "$@"; do
			recorded_here "$name" && printf '%s ' "$name"
		done)
		set -- "${names[@]}"
	}
	[ $# -gt 0 ] || return 0
	truncate -s 256M "$out/disk"
	dom0_words="wabe.scripts=$(echo "$@" | tr ' ' :)" \
		boot xl.sh -s "$xl_cpus" -c "$model" -m 2048 -t "${LIMIT:-900}" \
		-q "-drive file=$out/disk,format=raw,if=virtio,cache=unsafe"
	rm -rf "$out/said.$xl_cpus"
	mkdir -p "$out/said.$xl_cpus"
	tar -xf "$out/disk" -C "$out/said.$xl_cpus" 2>/dev/null
	rm -f "$out/disk"
	for name in "$@"; do
		touch "$out/said.$xl_cpus/$name"
		normal "$out/said.$xl_cpus/$name" >"$out/$name.$xl_cpus"
		$verdict "$name" "$out/$name.$xl_cpus" "$xl_cpus"
	done
	[ ! -e "$out/said.$xl_cpus/core" ] ||
		claim "xl dump-core: gdb reads the guest's stack" core_read "$out/said.$xl_cpus/core"
	[ -n "${RECORD:-}" ] || clean_end "xl on $xl_cpus processors"
}
