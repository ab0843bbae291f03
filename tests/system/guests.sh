# SPDX-License-Identifier: MIT
# The test guests, each as dom0's kernel, say what they say on Debian's Xen.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
"$here/../guest/run"
"$here/../guest/run" -u -t 400
