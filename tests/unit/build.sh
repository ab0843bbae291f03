# SPDX-License-Identifier: MIT
# The hypervisor builds from nothing: with gcc, with clang, and with assertions;
# without a warning (they are errors), in less than a minute. What clang made,
# and what has assertions, run.
build=$(realpath -m "${BUILD:-build}")
TIMEFORMAT='%U %S'

# builds FORM VARIABLE...: `make VARIABLE...` -> $build/from/FORM. The minute is of
# the processors' time, which others that work meanwhile do not lengthen.
builds() {
	local form=$1 dir=$build/from/$1 seconds code
	shift
	rm -rf "$dir"
	mkdir -p "$dir"
	{ time make --no-print-directory -j2 BUILD="$dir" "$@" "$dir/wabe" \
		>"$dir/said" 2>&1; } 2>"$dir/time"
	code=$?
	seconds=$(awk '{print int($1 + $2 + 1)}' "$dir/time")
	if [ $code = 0 ] && [ "$seconds" -lt 60 ] && ! grep -qi 'warning' "$dir/said"; then
		echo "ok - build: $form, $seconds s of one processor"
	else
		echo "not ok - build: $form, $seconds s of one processor"
		grep -i 'error\|warning' "$dir/said" | head -n 8 | sed 's/^/    /'
	fi
}
# runs FORM GUEST...: test guests on what was built, its own place for what they say.
runs() {
	local form=$1 dir=$build/from/$1
	shift
	ln -s "$build/guest" "$dir/guest"
	BUILD=$dir HV=$dir/wabe tests/guest/run "$@" |
		sed "s/^\(ok\|not ok\) - /&$form: /"
}
builds gcc CC=gcc
builds clang CC=clang
builds assertions CC=gcc DEBUG=1
runs clang hello traps mmu
runs assertions mmu ptwr grants evtchn
exit 0
