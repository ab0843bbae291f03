# SPDX-License-Identifier: MIT
# Debian's unmodified xl: the scripts that xl/order lists, in one boot.
# SCRIPTS="a b": only those. CPUS=1: on one processor. RECORD=1: see xl_run.sh.
. "$(dirname "$0")/xl_run.sh"

xl_root
scripts=${SCRIPTS:-$(cat "$here/xl/order")}
xl_scripts "${CPUS:-2}" $scripts
if [ -n "${RECORD:-}" ]; then
	for model in $(cd "$here/xl" && sed -n 's/^# Processor: //p' ./*.sh | sort -u); do
		MODEL=$model xl_scripts "${CPUS:-2}" $scripts
	done
fi
exit 0
