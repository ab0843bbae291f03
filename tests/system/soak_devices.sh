# SPDX-License-Identifier: MIT
# devices.sh at length: a hundred thousand level interrupts, not one lost.
export SCALE=${SCALE:-20} LEVELS=${LEVELS:-100000}
. "$(dirname "$0")/devices.sh"
