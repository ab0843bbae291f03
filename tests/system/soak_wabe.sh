# SPDX-License-Identifier: MIT
# wabe_proof.sh at its full size, every step; a worker killed 1,000 times under
# load (about 20 minutes); the creator killed at every step of a creation.
# PARTS="workers": only that.
. "$(dirname "$0")/lib.sh"

"$here/stage" "$out/stage" busybox || exit 1
gcc -O2 -Wall -static "$here/dom0/inject.c" -o "$out/stage/toolstack/inject"
objcopy --strip-debug "$build/guest/rings" "$out/stage/hostile"
make_root "$out/stage"
for part in ${PARTS:-proof workers creators}; do
	script=wabe_kills.sh
	case $part in
	proof) script=wabe_proof.sh dom0_words="wabe.step=1" ;;
	workers) dom0_words="wabe.kills=${KILLS:-1000}" ;;
	creators) dom0_words="wabe.step=${STEP:-1}" ;;
	esac
	boot $script -s 2 -m 3072 -t "${LIMIT:-2400}"
	cp "$out/console" "$out/console.$part"
	said "$part: dom0's script passes" 'WABE-EXIT 0'
	clean_end "$part"
done
exit 0
