# SPDX-License-Identifier: MIT
# For the scripts of this folder, which run on the host: boots with a dom0
# script, and claims about what the console said.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
cache=$(realpath -m "${WABE_CACHE:-$HOME/.cache/wabe}")
hv=$(realpath -m "${HV:-$build/wabe}")
# BOOT: more options of ./boot, as Debian's Xen (HV=) needs `-c max,-smap`.
read -ra boot_words <<<"${BOOT:-}"
name=${NAME:-$(basename "$0" .sh)}
out=$build/test/$name
rm -rf "$out"
mkdir -p "$out"

# root [FILE...]: dom0's initramfs with the dom0 scripts and FILEs -> $out/root
make_root() {
	"$top/guests/dom0/root" "$cache/dom0" "$out/root.gz" "$here/dom0" "$@"
}

# boot SCRIPT [options of ./boot]: console in $out/log, also printed;
# claims made inside dom0 appear as they are. Status: the script's.
# SANITIZED=1: the toolstack's programs are those with sanitizers (stage).
boot() {
	local script=$1 code=0
	shift
	if [ -n "${SANITIZED:-}" ]; then
		dom0_words="${dom0_words:-} wabe.script=$script"
		script=sanitized.sh
	fi
	[ -e "$out/root.gz" ] || make_root
	"$here/boot" -x "$hv" -i "$out/root.gz" -k "$cache/dom0/vmlinuz" \
		-l "$out/log" "$@" ${boot_words[@]+"${boot_words[@]}"} \
		-d "quiet wabe.run=$script ${dom0_words:-}" >"$out/said" 2>&1 || code=$?
	tr -d '\r' <"$out/log" >"$out/console"
	grep -a '^\(ok\|not ok\) - \|^    ' "$out/console" || true
	return $code
}

ok() { echo "ok - $1"; }
not_ok() {
	echo "not ok - $1"
	sed 's/^/    /' "${2:-/dev/null}" | tail -n 10
}
# claim NAME command...: the command succeeds.
claim() {
	local what=$1
	shift
	if "$@" >"$out/claim" 2>&1; then ok "$what"; else not_ok "$what" "$out/claim"; fi
}
# said NAME regex: the console of the last boot has a line with it.
said() {
	if grep -aq -- "$2" "$out/console"; then ok "$1"; else
		tail -n 10 "$out/console" >"$out/claim"
		not_ok "$1" "$out/claim"
	fi
}
# silent NAME regex: it has no such line.
silent() {
	if grep -a -- "$2" "$out/console" >"$out/claim"; then
		not_ok "$1" "$out/claim"
	else ok "$1"; fi
}
# Every boot ends with this: nothing went wrong on the way.
clean_end() {
	silent "$1: no panic, no crash" 'panic\|BUG\|domain_crash\|crashed'
	silent "$1: Linux has no complaint" 'WARNING: CPU\|Call Trace\|rcu:.*stall\|Oops\|segfault\|soft lockup'
}
