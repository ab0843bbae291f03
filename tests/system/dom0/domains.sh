# SPDX-License-Identifier: MIT
# For the scripts that run in dom0 and make other domains.
logs=/var/log/xen

# config NAME WORDS...: /root/NAME.cfg of a Linux guest; WORDS are lines more.
config() {
	config_name=$1
	shift
	{
		printf 'name="%s"\ntype="pv"\nkernel="/wabe/vmlinuz"\n' "$config_name"
		printf 'ramdisk="/wabe/guest.gz"\nextra="console=hvc0 quiet"\n'
		printf 'memory=128\nvcpus=1\n'
		printf '%s\n' "$@"
	} >"/root/$config_name.cfg"
}

# small NAME GUEST WORDS...: one of a test guest, /wabe/GUEST.
small() {
	config_name=$1 config_guest=$2
	shift 2
	{
		printf 'name="%s"\ntype="pv"\nkernel="/wabe/%s"\n' "$config_name" "$config_guest"
		printf 'memory=16\nvcpus=1\n'
		printf '%s\n' "$@"
	} >"/root/$config_name.cfg"
}

# within SECONDS command...: tried until it succeeds.
within() {
	local within_end # what it tries may use it as well
	within_end=$(($(date +%s) + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt "$within_end" ] || return 1
		usleep 300000
	done
}

# A guest's console: what it said; type a line; wait for an answer to it.
console_of() { tr -d '\r' <"$logs/guest-$1.log"; }
tty_of() { xenstore-read "/local/domain/$(xl domid "$1")/console/tty"; }
type_to() { echo "$2" >"$(tty_of "$1")"; }
heard() { console_of "$1" | grep -q -- "$2"; }
lines_of() { console_of "$1" 2>/dev/null | wc -l; }
# ask NAME COMMAND REGEX [SECONDS]: type it; a new line answers with REGEX.
ask() {
	ask_before=$(lines_of "$1")
	type_to "$1" "$2"
	within "${4:-15}" ask_answered "$1" "$3" || {
		console_of "$1" | tail -n 5
		return 1
	}
}
ask_answered() { console_of "$1" | tail -n "+$((ask_before + 1))" | grep -q -- "$2"; }

gone() { ! xl domid "$1"; }
free_memory() { xl info | sed -n 's/^free_memory *: *//p'; }
