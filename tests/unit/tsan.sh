# SPDX-License-Identifier: MIT
# The tests of races under ThreadSanitizer, which the Makefile has built in
# $BUILD/tsan. Shorter than without: it is ten times slower.
build=${BUILD:-build}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export TSAN_OPTIONS="suppressions=$here/tsan.supp history_size=7 halt_on_error=0"
# A report that has lost the stack of one side cannot be told from one that is
# suppressed: run again.
races() {
	local program=$build/tsan/unit/$1_race_test try
	for try in 1 2 3; do
		MM_ROUNDS=${MM_ROUNDS:-3} timeout 280 "$program" >"$program.log" 2>&1 && return
		grep -q 'failed to restore the stack' "$program.log" || return
	done
	return 1
}
for name in mm ipc; do
	program=$build/tsan/unit/${name}_race_test
	if races $name; then
		echo "ok - races, $name: no data race, all counts right"
	else
		echo "not ok - races, $name: no data race, all counts right"
		grep -A9 'WARNING: ThreadSanitizer\|^not ok\|ERROR' "$program.log" |
			head -n 12 | sed 's/^/    /'
	fi
done
exit 0
