# SPDX-License-Identifier: MIT
# xl create -c: its console is this terminal, from its first word, both ways.
linux_before=$(xl domid linux 2>/dev/null)
[ -z "$linux_before" ] || xl destroy linux
linux_config
fresh_log linux
/wabe/talk 300 GUEST-UP "$(printf 'echo typed $((6 * 7))\r')" 'typed 42' "$(printf '\035')" \
	-- xl create -c -q /root/linux.cfg >/tmp/talk
check "the terminal shows it, takes input, Ctrl-] leaves" [ $? = 0 ]
check "it showed the kernel's start" grep -q GUEST-UP /tmp/talk
check "the domain goes on" state_is linux '[rb]'
check "its console as well" guest_says linux 'echo $((6 * 8))' 48
