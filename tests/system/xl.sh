# SPDX-License-Identifier: MIT
# Debian's unmodified xl: the scripts that xl/order lists, in one boot.
# SCRIPTS="a b": only those. CPUS=1: on one processor. RECORD=1: see xl_run.sh.
. "$(dirname "$0")/xl_run.sh"

xl_root
xl_scripts "${CPUS:-2}" ${SCRIPTS:-$(cat "$here/xl/order")}
exit 0
