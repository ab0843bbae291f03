# SPDX-License-Identifier: MIT
# What the options of `run` come to, as `wabe spec` prints it; descriptions as
# text and as blobs. Without a hypervisor.
build=$(realpath "${BUILD:-build}")
wabe=$build/toolstack/wabe
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export WABE_IMAGES=$tmp/store WABE_VOLUMES=$tmp/volumes
claim() {
	if "${@:2}" >"$tmp/said" 2>&1; then echo "ok - spec: $1"; else
		echo "not ok - spec: $1"
		sed 's/^/    /' "$tmp/said" | tail -n 8
	fi
}
# An image as an import leaves it.
mkdir -p "$WABE_IMAGES/one"
echo '{"config": {"Entrypoint": ["/bin/serve", "-a"], "Cmd": ["-b"], "Env": ["HOME=/h"], "WorkingDir": "/w",
"User": "7:8", "StopSignal": "SIGINT"}}' >"$WABE_IMAGES/one/config.json"
touch "$WABE_IMAGES/one/root.erofs" "$tmp/disk" "$tmp/kernel"

# says WORD OPTION...: the description has that line.
says() {
	"$wabe" spec "${@:2}" >"$tmp/spec" || return 1
	cat "$tmp/spec"
	tr -d '\t' <"$tmp/spec" | grep -qx -- "$1"
}
refuses() {
	"$wabe" spec "${@:2}" >"$tmp/spec" 2>&1
	[ $? = 2 ] && cat "$tmp/spec" && [ "$(wc -l <"$tmp/spec")" = 1 ] &&
		grep -q -- "$1" "$tmp/spec"
}
claim "the image's command" says 'argv = "/bin/serve", "-a", "-b";' one
claim "its environment" says 'env = "HOME=/h".*;' one
claim "its folder, user, stop signal" says 'cwd = "/w";' one
claim "... user" says 'user = "7:8.*";' one
claim "... stop signal" says 'stop-signal = "SIGINT";' one
claim "words after it are the entrypoint's" says 'argv = "/bin/serve", "-a", "x", "y";' one x y
claim "--entrypoint" says 'argv = "/bin/sh", "x";' --entrypoint /bin/sh one x
claim "-w over the image's" says 'cwd = "/v";' -w /v one
claim "-u over the image's" says 'user = "1:2";' -u 1:2 one
claim "-h" says 'hostname = "pail";' -h pail one
claim "--hostname" says 'hostname = "pail";' --hostname pail one
claim "--name" says 'name = "web";' --name web one
claim "-m" says 'memory-kib = <131072>;' -m 128M one
claim "--memory" says 'memory-kib = <1048576>;' --memory 1G one
claim "-m: a plain number is MiB" says 'memory-kib = <32768>;' -m 32 one
claim "-c" says 'vcpus = <3>;' -c 3 one
claim "-e NAME=VALUE" says 'env = .*"A=b c".*;' -e 'A=b c' one
passed() { A=from-here says 'env = .*"A=from-here".*;' -e A one; }
claim "-e NAME: from here" passed
not_passed() { ! says 'env = .*"NOT_HERE.*' -e NOT_HERE one; }
claim "-e NAME: not where it is not set" not_passed
claim "-p" says 'ports = "80:8080", "81:8081";' -p 80:8080 -p 81:8081 one
claim "-v VOLUME:/PATH" says 'mount = "/data";' -v keep:/data one
claim "... its file" says "path = \"$tmp/volumes/keep.img\";" -v keep:/data one
claim "... which is not made by spec" test ! -e "$tmp/volumes"
claim "... writable" says 'mode = "w";' -v keep:/data one
read_only() { says 'mount = "/data";' -v keep:/data:ro one && ! grep -q 'mode = "w"' "$tmp/spec"; }
claim "-v VOLUME:/PATH:ro" read_only
claim "-v FILE:xvdX" says 'dev = "xvdf";' -v "$tmp/disk:xvdf" one
claim "--restart" says 'restart = "on-failure:3";' --restart on-failure:3 one
claim "--log-size" says 'log-kib = <128>;' --log-size 128K one
claim "--net-rate" says 'byte-rate = <512000>;' --net-rate 500K one
claim "--disk-rate" says 'byte-rate = <10485760>;' --disk-rate 10M,200 one
claim "... and requests" says 'request-rate = <200>;' --disk-rate 10M,200 one
claim "--dns" says 'dns = "10.9.8.7";' --dns 10.9.8.7 one
claim "--ip" says 'ip = "10.87.3.4/16";' --ip 10.87.3.4/16 one
claim "--read-only" says 'read-only;' --read-only one
no_net() { "$wabe" spec --network none one >"$tmp/spec" && ! grep -q 'net@' "$tmp/spec"; }
claim "--network none" no_net
claim "--partition" says 'partition = "tenant";' --partition tenant one
claim "--kernel" says "path = \"$tmp/kernel\";" --kernel "$tmp/kernel" one
claim "--initrd" says "initrd = \"$tmp/disk\";" --initrd "$tmp/disk" one
claim "--cmdline" says 'cmdline = "console=hvc0 quiet";' --cmdline 'console=hvc0 quiet' one
claim "--vcpus" says 'vcpus = <3>;' --vcpus 3 one
claim "--env" says 'env = .*"A=b c".*;' --env 'A=b c' one
claim "--workdir" says 'cwd = "/v";' --workdir /v one
claim "--user" says 'user = "1:2";' --user 1:2 one
claim "--volume" says 'mount = "/data";' --volume keep:/data one
claim "--publish" says 'ports = "80:8080";' --publish 80:8080 one
claim "-v FILE:/PATH" says "path = \"$tmp/disk\";" -v "$tmp/disk:/data" one
claim "-m: what is no size" refuses 'say 64M' -m lots one
claim "-c: what is no number" refuses 'how many' -c few one
claim "--log-size: too little" refuses 'say 64K' --log-size 1K one
claim "--network: what there is not" refuses 'say none or wabe0' --network host one
claim "-v: no place named" refuses 'say VOLUME' -v keep one
claim "-v: no such mode" refuses 'mode is' -v keep:/data:x one

documented() {
	grep -oh 'FIELD(struct wabe_[a-z]*, "[a-z-]*"' toolstack/lib/spec.c |
		sed 's/.*"\(.*\)"/\1/' | sort -u >"$tmp/fields"
	[ "$(wc -l <"$tmp/fields")" -gt 25 ] || return 1
	while read -r field; do
		grep -q "^| \`$field\` |" toolstack/spec.md || { echo "$field is not in spec.md"; return 1; }
	done <"$tmp/fields"
}
claim "spec.md lists every property" documented

# Text to blob, and back.
"$wabe" spec -m 48 -e A=b -v keep:/data one >"$tmp/one.dts"
cat >"$tmp/blob.c" <<'CODE'
#include <stdlib.h>
#include <wabe.h>
int main(int argc, char **argv)
{
	struct wabe_spec *spec;
	struct wabe_error err;
	size_t bytes;
	void *blob;
	int bad = wabe_spec_read(&spec, argv[1], &err) ||
		  wabe_spec_blob(spec, &blob, &bytes, &err) ||
		  fwrite(blob, bytes, 1, stdout) != 1;

	if (!bad) {
		wabe_spec_free(spec);
		free(blob);
	}
	return bad;
}
CODE
same() {
	gcc -Wall -Werror -Itoolstack/include -o "$tmp/blob" "$tmp/blob.c" \
		"$build/toolstack/libwabe.a" -lfdt || return 1
	"$tmp/blob" "$tmp/one.dts" >"$tmp/one.dtb" &&
		"$wabe" spec "$tmp/one.dtb" | diff "$tmp/one.dts" -
}
claim "a blob says what the text does" same
damaged() {
	head -c 200 "$tmp/one.dtb" >"$tmp/short.dtb"
	"$wabe" spec "$tmp/short.dtb" >"$tmp/spec" 2>&1
	[ $? = 1 ] && [ "$(wc -l <"$tmp/spec")" = 1 ] && grep -q 'short.dtb' "$tmp/spec"
}
claim "a blob that is cut off: one line with the file's name" damaged
exit 0
