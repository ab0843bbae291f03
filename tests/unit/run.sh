# SPDX-License-Identifier: MIT
# The host tests, one claim a test case. The Makefile has built them.
build=${BUILD:-build}
for program in "$build"/unit/*_test; do
	name=$(basename "$program" _test)
	CMOCKA_MESSAGE_OUTPUT=TAP timeout 120 "$program" >"$program.log" 2>&1
	code=$?
	sed -n "s/^\(ok\|not ok\) [0-9]* - \(.*\)/\1 - unit $name: \2/p" "$program.log"
	if [ $code -ne 0 ] && ! grep -q '^not ok' "$program.log"; then
		echo "not ok - unit $name ended with status $code"
		tail -n 12 "$program.log" | sed 's/^/    /'
	fi
done
exit 0
