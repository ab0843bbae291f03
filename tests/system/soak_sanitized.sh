# SPDX-License-Identifier: MIT
# The toolstack's programs with AddressSanitizer, LeakSanitizer and
# UndefinedBehaviorSanitizer, in dom0: no report. SCRIPTS="wabe": only that.
here=$(cd "$(dirname "$0")" && pwd)
for script in ${SCRIPTS:-wabe wabe_verbs wabe_proof}; do
	SANITIZED=1 LIMIT=${LIMIT:-1700} NAME=${script}_sanitized \
		bash "$here/$script.sh" | sed 's/^\(ok\|not ok\) - /&sanitized: /'
done
exit 0
