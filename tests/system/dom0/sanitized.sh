# SPDX-License-Identifier: MIT
# Runs another script with programs that have sanitizers. Each process writes
# what it finds to a file (tests/system/sanitizer.c); there must be none.
. /wabe/check.sh
script=$(sed -n 's/.*\bwabe.script=\([^ ]*\).*/\1/p' /proc/cmdline)
reports=/wabe/sanitizer
# reported NAME: there is a report by it; it is taken away.
reported() {
	for try in 1 2 3 4 5 6 7 8 9 10; do
		sleep 1
		found=$(grep -l "$1" $reports/* 2>/dev/null) && rm $found && return
	done
	ls -l $reports
	return 1
}
none() {
	for report in $reports/*; do
		[ ! -e "$report" ] || cat "$report"
	done >/tmp/reports
	grep -m 3 'ERROR:\|runtime error' /tmp/reports
	grep '^ *#[0-9]' /tmp/reports | grep -v -m 12 'libc\|interceptor\|sanitizer'
	sed 's/^/# /' /tmp/reports >/dev/console
	[ ! -s /tmp/reports ]
}
sh "/wabe/$script"
code=$?
creator() { pidof wabed | tr ' ' '\n' | tail -n 1; }
# How it ends: leaks are looked for.
wabed_ends() {
	kill "$(creator)" || return 1
	for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
		sleep 1
		pidof wabed >/dev/null || return 0
	done
	return 1
}
check "the creator ends when it is told to" wabed_ends
check "nothing of the toolstack made a report" none

# Would there be one? Each is made to fail, the worker behind its filter.
rm -f $reports/*
wabed -d
until [ -S /run/wabe/creator.sock ]; do sleep 1; done
wabe run -d -m 32 --name last busybox sleep 1000 >/dev/null
kill -SEGV "$(grep -lx wabed-worker /proc/[0-9]*/comm | tail -n 1 | cut -d/ -f3)"
check "a worker that fails makes a report, for all its filter" reported 'worker_main'
wabe wait last &
sleep 4
kill -SEGV $!
check "so does the command" reported 'AddressSanitizer: SEGV'
kill -SEGV "$(creator)"
check "so does the creator" reported 'in main.*creator'
[ $code = 0 ] && [ $failures = 0 ]
