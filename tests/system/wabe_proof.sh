# SPDX-License-Identifier: MIT
# What goes wrong with micro-domains: bad input, failures at each step, a
# hostile guest. STEP=1: at every step; soak_wabe.sh also kills.
. "$(dirname "$0")/lib.sh"

"$here/stage" "$out/stage" busybox || exit 1
gcc -O2 -Wall -static "$here/dom0/inject.c" -o "$out/stage/toolstack/inject"
objcopy --strip-debug "$build/guest/rings" "$out/stage/hostile"
make_root "$out/stage"
dom0_words="wabe.step=${STEP:-9}" \
	boot wabe_proof.sh -s 2 -m 3072 -t "${LIMIT:-600}"
said "the script of failures passes" 'WABE-EXIT 0'
clean_end "failures"
exit 0
