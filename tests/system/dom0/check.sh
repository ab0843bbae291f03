# SPDX-License-Identifier: MIT
# For the scripts that run in dom0: claims, printed where the host reads them.
failures=0
# check NAME command...: the command succeeds.
check() {
	what=$1
	shift
	if "$@" >/tmp/check 2>&1; then
		echo "ok - $what"
	else
		failures=$((failures + 1))
		echo "not ok - $what"
		tail -n 6 /tmp/check | sed 's/^/    /'
	fi
}
# has NAME regex command...: the command succeeds and prints a line with it.
has() {
	what=$1 regex=$2
	shift 2
	if "$@" >/tmp/has 2>&1 && grep -q -- "$regex" /tmp/has; then
		echo "ok - $what"
	else
		failures=$((failures + 1))
		echo "not ok - $what"
		tail -n 6 /tmp/has | sed 's/^/    /'
	fi
}
