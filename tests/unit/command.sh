# SPDX-License-Identifier: MIT
# What goes with the command: man page, completion, library, `make install`.
build=${BUILD:-build}
wabe=$build/toolstack/wabe
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
claim() {
	if "${@:2}" >"$tmp/said" 2>&1; then echo "ok - command: $1"; else
		echo "not ok - command: $1"
		sed 's/^/    /' "$tmp/said" | tail -n 8
	fi
}
verbs() { "$wabe" --help | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p'; }
in_manual() {
	[ "$(verbs | wc -l)" -gt 25 ] || return 1
	verbs | while read -r verb; do
		grep -q "^\.SS \"wabe ${verb//-/\\\\-} " "$build/toolstack/wabe.1" ||
			grep -q "^\.SS \"wabe ${verb//-/\\\\-}\"" "$build/toolstack/wabe.1" ||
			{ echo "$verb is not in it"; return 1; }
	done
}
claim "the man page has every verb" in_manual
# complete WORD...: what the last word may become, a line each.
complete_words() {
	PATH=$(dirname "$(realpath "$wabe")"):$PATH bash -c '
		. toolstack/wabe.bash
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_wabe
		printf "%s\n" "${COMPREPLY[@]}"' _ "$@"
}
completes() { complete_words "${@:2}" | grep -qx -- "$1"; }
claim "completion: a verb" completes vcpu-list wabe vc
claim "completion: an option" completes --restart wabe run --re
claim "completion: what an option takes" completes on-failure wabe run --restart on
cat >"$tmp/use.cc" <<'CODE'
#include <wabe.h>
int main()
{
	wabe_error err;
	wabe *w;
	return wabe_open(&w, "/nowhere", &err) < 0 && err.text[0] ? 0 : 1;
}
CODE
from_cpp() {
	g++ -Wall -Wextra -Werror -Itoolstack/include -o "$tmp/use" "$tmp/use.cc" \
		"$build/toolstack/libwabe.a" -lfdt && "$tmp/use"
}
# Nothing kept between calls, nothing said, and no end but a child's.
modest() {
	size -A "$build/toolstack/libwabe.a" | awk '($1 == ".data" || $1 == ".bss") && $2 { print; bad = 1 }
		END { exit bad }' || return 1
	! nm "$build/toolstack/libwabe.a" |
		grep -w 'U \(exit\|printf\|puts\|putchar\|perror\|stdout\|stderr\)'
}
claim "the library has no variables, prints nothing, ends nobody" modest
no_volume() {
	WABE_VOLUMES=$tmp/volumes "$@" && return 1
	[ -z "$(ls -A "$tmp/volumes")" ]
}
mkdir "$tmp/volumes"
claim "a volume that is too large leaves nothing" no_volume "$wabe" volume create big 999999999G
claim "run that fails makes no volume" no_volume "$wabe" run -v new:/data nothing
if command -v g++ >/dev/null; then
	claim "the library from C++" from_cpp
fi

# Without a creator: what becomes of `run`'s options.
export WABE_IMAGES=$tmp/store
mkdir -p "$tmp/store/img"
echo '{"config": {"Cmd": ["true"]}}' >"$tmp/store/img/config.json"
devs() { "$wabe" spec "$@" img | sed -n 's/.*dev = "\(.*\)";/\1/p' | tr '\n' ' '; }
disks_apart() { [ "$(devs -v /x.img:xvdc -v /y.img:/data)" = "xvda xvdc xvdb " ]; }
claim "-v: each disk has a name of its own" disks_apart
# Several at once: one is made, and it is whole.
export WABE_VOLUMES=$tmp/volumes
volume_once() {
	local round i
	for round in 1 2 3 4 5 6 7 8 9 10; do
		for i in 1 2 3 4; do
			"$wabe" volume create "v$round" 64M >/dev/null 2>&1 && echo made >>"$tmp/made$round" &
		done
		wait
		[ "$(wc -l <"$tmp/made$round")" = 1 ] && e2fsck -fn "$tmp/volumes/v$round.img" || return 1
	done
	[ "$(ls "$tmp/volumes" | wc -l)" = 10 ]
}
if command -v mkfs.ext4 >/dev/null; then
	claim "volume create: four at once make one" volume_once
fi
# What is built is put where it belongs, and the command runs from there.
installed() {
	make -s -o "$build/linux/vmlinux" BUILD="$build" DESTDIR="$tmp/root" PREFIX=/usr install-all || return 1
	find "$tmp/root" -type f | sed "s,^$tmp/root,," | LC_ALL=C sort | diff - <(printf '%s\n' /boot/wabe \
		/usr/bin/wabe /usr/bin/wabed /usr/bin/wabed-worker /usr/include/wabe.h /usr/lib/libwabe.a \
		/usr/lib/wabe/init.cpio.gz /usr/lib/wabe/vmlinux /usr/share/bash-completion/completions/wabe \
		/usr/share/man/man1/wabe.1) && "$tmp/root/usr/bin/wabe" --help >/dev/null
}
if [ -e "$build/linux/vmlinux" ] && [ -e "$build/wabe" ]; then
	claim "make install" installed
fi
refuses() { ! "${@:2}" >"$tmp/out" 2>&1 && grep -q -- "$1" "$tmp/out" || { cat "$tmp/out"; return 1; }; }
claim "-v: a name given twice is refused" refuses 'disk@2: dev xvdc: another' "$wabe" spec -v /x.img:xvdc -v /y.img:xvdc img
claim "a word too long for a guest is refused" refuses 'argv: word 2 is over 4096' "$wabe" spec img echo "$(printf '%5000s' x)"
exit 0
