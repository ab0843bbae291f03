# SPDX-License-Identifier: MIT
# xl at length: every script on 2 processors and on 1; 200 domains come and go,
# 50 saves and restores; four guests under load beside dom0 for five minutes.
# PARTS="scripts cycles load": only those.
. "$(dirname "$0")/xl_run.sh"
parts=${PARTS:-scripts cycles load}

xl_root
for part in $parts; do
	case $part in
	scripts)
		for cpus in 2 1; do
			LIMIT=3000 xl_scripts $cpus $(cat "$here/xl/order" "$here/xl/order-long")
		done
		;;
	cycles)
		echo "${CYCLES:-200}" >"$out/stage/cycles"
		make_root "$out/stage"
		LIMIT=2400 xl_scripts 2 cycles save-cycles
		;;
	load)
		"$top/guests/dom0/guest" "$cache/dom0" "$out/stage/guest.gz" \
			"$out/stage/stress" "$out/stage/dev_io"
		make_root "$out/stage"
		dom0_words="wabe.load=${LOAD:-300}" boot xl_load.sh -s 2 -m 2560 -t 1500
		said "four guests under load: dom0's script passes" 'WABE-EXIT 0'
		clean_end "four guests under load"
		;;
	esac
done
exit 0
