# SPDX-License-Identifier: MIT
# For the scripts about the verbs of `wabe`: what a command must end with.
. /wabe/check.sh

# status N command...: it ends with status N. What it said is in /tmp/said.
status() {
	want=$1
	shift
	"$@" >/tmp/said 2>&1
	got=$?
	[ $got = "$want" ] || {
		echo "status $got"
		cat /tmp/said
		return 1
	}
}
# refuses WORD command...: it ends with another status than 0, and one line
# with WORD.
refuses() {
	word=$1
	shift
	if "$@" >/tmp/said 2>&1; then
		echo "it is taken"
		return 1
	fi
	cat /tmp/said
	[ "$(wc -l </tmp/said)" = 1 ] && grep -q -- "$word" /tmp/said
}
# until SECONDS command...: it succeeds before that.
until_true() {
	left=$(($1 * 5))
	shift
	until "$@" >/dev/null 2>&1; do
		left=$((left - 1))
		[ $left -gt 0 ] || return 1
		sleep 0.2
	done
}

wabe() {
	timeout 100 /usr/bin/wabe "$@"
}
wabe import /wabe/images/busybox busybox >/dev/null
seconds_of() { cut -d. -f1 /proc/uptime; }
