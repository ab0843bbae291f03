# SPDX-License-Identifier: MIT
# Completion of `wabe` for bash: verbs and options from its own help, names
# from what is there.
_wabe() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local verb=${COMP_WORDS[1]} words=
	if [ "$COMP_CWORD" = 1 ]; then
		words=$(wabe --help | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p')
	elif [[ $word == -* ]]; then
		words=$(wabe "$verb" --help 2>/dev/null |
			grep -o -- '--*[a-z][a-z-]*' | sort -u)
	else
		case $verb:$before in
		*:--restart) words='no on-failure always' ;;
		*:--network) words='none wabe0' ;;
		*:--partition | partition:resize | partition:remove)
			words=$(wabe partition list 2>/dev/null | awk 'NR > 1 {print $1}') ;;
		partition:*) words='create list resize remove' ;;
		volume:volume) words='create list remove' ;;
		volume:remove) words=$(wabe volume list 2>/dev/null | awk 'NR > 1 {print $1}') ;;
		run:* | spec:* | rmi:*) words=$(wabe images -q 2>/dev/null) ;;
		import:* | create:*)
			mapfile -t COMPREPLY < <(compgen -f -- "$word")
			return ;;
		*) words=$(wabe list -a -q 2>/dev/null) ;;
		esac
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -o filenames -F _wabe wabe
