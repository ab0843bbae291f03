# SPDX-License-Identifier: MIT
# Hostile guests beside a bystander and dom0, and dom0's tools killed half way.
# MS (1000): how long each attack lasts; SEED: the first seed (both are printed).
. "$(dirname "$0")/lib.sh"

make_root "$build/guest/hostile" "$build/guest/share"
dom0_words="hostile_ms=${MS:-1000} hostile_seed=${SEED:-1} hostile_rounds=${ROUNDS:-1}" \
	boot hostile.sh -s 2 -m 1536 -t "${LIMIT:-600}" -a \
	"console=com1 com1=115200,8n1 dom0_mem=512M,max:512M"
said "hostile guests: dom0's script passes" 'WABE-EXIT 0'
silent "the hypervisor does not panic" 'panic\|BUG\|exception .* in the hypervisor'
silent "Linux in dom0 has no complaint" \
	'WARNING: CPU\|Call Trace\|rcu:.*stall\|Oops\|segfault\|soft lockup'
exit 0
