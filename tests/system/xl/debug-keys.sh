# SPDX-License-Identifier: MIT
# xl debug-keys: the hypervisor prints to its console, which xl dmesg shows.
small_up one
xl dmesg -c >/dev/null
# prints KEY REGEX: a line with that, beside the one that names the key.
prints() {
	run xl debug-keys "$1"
	xl dmesg -c >/tmp/keys
	check "it prints what was asked for" sh -c "grep -v pressed /tmp/keys | grep -qi '$2'"
}
id=$(id_of one)
prints q "domain $id\\b\|d$id:"
prints r 'cpu.*0'
prints m 'memory\|heap'
prints e "domain $id\\b\|d$id"
prints i 'irq'
xl destroy one
run xl debug-keys qr
run xl debug-keys
