# SPDX-License-Identifier: MIT
# xl console: what the guest says, what is typed.
linux_up
/wabe/talk 120 '' "$(printf '\r')" '# ' "$(printf 'echo typed $((7 * 7))\r')" 'typed 49' \
	"$(printf '\035')" -- xl console linux >/tmp/talk
check "both ways, and Ctrl-] leaves" [ $? = 0 ]
/wabe/talk 120 '' "$(printf '\r')" '# ' "$(printf 'dd if=/dev/zero bs=1k count=200 2>/dev/null | tr "\\\\0" x | fold -w 64 ; echo; echo long $((5 * 5))\r')" 'long 25' \
	"$(printf '\035')" -- xl console linux >/tmp/talk
check "200 KiB arrive" [ "$(tr -cd x </tmp/talk | wc -c)" -ge 204800 ]
run xl console nobody
check "the guest still answers" guest_says linux 'echo $((6 * 8))' 48
