# SPDX-License-Identifier: MIT
# dom0 starts the machine again.
reboot -f
