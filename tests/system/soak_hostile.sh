# SPDX-License-Identifier: MIT
# Hostile guests for long: each attack again and again, from changing seeds.
export MS=${MS:-10000} ROUNDS=${ROUNDS:-4} SEED=${SEED:-$(date +%j%H%M)} LIMIT=1800
exec bash "$(dirname "$0")/hostile.sh"
