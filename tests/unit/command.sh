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
if command -v g++ >/dev/null; then
	claim "the library from C++" from_cpp
fi
exit 0
