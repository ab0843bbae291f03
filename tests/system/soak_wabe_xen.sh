# SPDX-License-Identifier: MIT
# The toolstack does without Wabe's hypervisor: its scripts on Debian's Xen.
here=$(cd "$(dirname "$0")" && pwd)
cache=${WABE_CACHE:-$HOME/.cache/wabe}
for script in wabe wabe_verbs; do
	HV=$cache/dom0/xen BOOT="-c max,-smap" NAME=${script}_xen \
		bash "$here/$script.sh" | sed 's/^\(ok\|not ok\) - /&on Xen: /'
done
exit 0
