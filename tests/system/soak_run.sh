# SPDX-License-Identifier: MIT
# `make run` without a terminal, once all is built: its steps, its summary, its
# status, and its time (SECONDS_MOST=90; a machine that is busy takes longer).
. "$(dirname "$0")/lib.sh"

begun=$SECONDS
claim "make run ends with 0" env BUILD="$build" WABE_CACHE="$cache" \
	bash "$here/play" </dev/null
tr -d '\r' <"$out/claim" >"$out/console"
took=$((SECONDS - begun))
said "it shows xl info" 'xen_version *: 4\.17'
said "the machine is switched off" 'reboot: Power down'
said "its summary: all went well, the page came" '^run: [0-9]* steps went well, 0 did not; the web page came'
said "a batch job's output and status" '^ok - its output and its exit status (7) come back'
said "redis-cli in dom0" '^ok - the database answers redis-cli in dom0'
said "redis-cli by exec" '^ok - and the same in its micro-domain'
said "somebody outside fetched the page" '^ok - somebody outside fetched the page'
said "wabe list shows them" '^db  *[0-9]'
echo "    $took seconds"
claim "it takes at most ${SECONDS_MOST:-90} seconds" test $took -le "${SECONDS_MOST:-90}"
clean_end "make run"
exit 0
