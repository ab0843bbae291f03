# SPDX-License-Identifier: MIT
# The long form of wabe_proof.sh: a worker killed 1,000 times under load, and
# every step of a creation.
KILLS=1000 STEP=1 LIMIT=7200 . "$(dirname "$0")/wabe_proof.sh"
