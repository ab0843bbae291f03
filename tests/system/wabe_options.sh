# SPDX-License-Identifier: MIT
# What a micro-domain is given (a seed, a name server), and the options of
# `wabe` that wabe_verbs.sh has no claim about.
. "$(dirname "$0")/lib.sh"

"$here/stage" "$out/stage" busybox || exit 1
for program in names ports; do
	gcc -O2 -Wall -static "$here/dom0/$program.c" -o "$out/stage/$program" || exit 1
done
make_root "$out/stage"
boot wabe_options.sh -s 2 -m 3072 -t "${LIMIT:-400}"
said "the script of options passes" 'WABE-EXIT 0'
clean_end "options"
exit 0
