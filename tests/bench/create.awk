# SPDX-License-Identifier: MIT
# What create.sh said and when the plugin saw what, to raw lines of the bench.
function median(list, n,    i, j, t) {
	for (i = 2; i <= n; i++) {
		for (j = i; j > 1 && list[j] < list[j - 1]; j--) {
			t = list[j]; list[j] = list[j - 1]; list[j - 1] = t
		}
	}
	return list[int((n + 1) / 2)]
}
function note(what, value, inside,    key) {
	key = what " with " others[sample]
	if (!(key in count)) order[++rows] = key
	values[key, ++count[key]] = value
	hvs[key, count[key]] = inside
}
function line(key,    i, v, h) {
	for (i = 1; i <= count[key]; i++) { v[i] = values[key, i]; h[i] = hvs[key, i] }
	printf "%s;create;%s;%d;%d\n", of, key, median(v, count[key]), median(h, count[key])
}
{ gsub(/\r/, "") }
FILENAME == ARGV[1] && $1 == "create" && $2 == "sample" { tool[++samples] = $3; others[samples] = $4 }
FILENAME == ARGV[1] && $1 == "create" && $2 == "left" {
	if (!left_first) { left_first = 1; n0 = $3; machine0 = $4; dom00 = $5 }
	n1 = $3; machine1 = $4; dom01 = $5
}
FILENAME == ARGV[1] { next }
$1 == "begin" { sample++; split("", seen) }
!sample || ($1 in seen) { next }
{ seen[$1] = 1; at[$1] = $2; hv[$1] = $3 }
tool[sample] == "wabe" && $1 == "request" { note("command", at["request"] - at["begin"], hv["request"] - hv["begin"]) }
tool[sample] == "wabe" && $1 ~ /^(first|init|output)$/ { note($1, $2 - at["request"], $3 - hv["request"]) }
tool[sample] == "xl" && $1 ~ /^(first|init)$/ { note("xl " $1, $2 - at["begin"], $3 - hv["begin"]) }
END {
	for (i = 1; i <= rows; i++) line(order[i])
	if (n1 > n0) {
		printf "%s;create;machine memory;%d;0\n", of, ((machine0 - machine1) / (n1 - n0) - mib) * 1048576
		printf "%s;create;dom0 memory;%d;0\n", of, (dom00 - dom01) / (n1 - n0) * 1024
	}
}
