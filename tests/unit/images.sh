# SPDX-License-Identifier: MIT
# Importing images on this machine, without a hypervisor: what layers do to
# each other, and archives made to do harm.
wabe=$(realpath "${BUILD:-build}/toolstack/wabe")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export WABE_IMAGES=$tmp/store
claim() {
	if "${@:2}" >"$tmp/said" 2>&1; then echo "ok - images: $1"; else
		echo "not ok - images: $1"
		sed 's/^/    /' "$tmp/said" | tail -n 8
	fi
}
if [ "$(id -u)" != 0 ] || ! command -v mkfs.erofs >/dev/null; then
	echo "ok - images # SKIP needs root and mkfs.erofs"
	exit 0
fi

# blob FILE: into the layout; its digest and size as JSON.
blob() {
	local sum
	sum=$(sha256sum "$1" | cut -d' ' -f1)
	mkdir -p "$tmp/layout/blobs/sha256"
	cp "$1" "$tmp/layout/blobs/sha256/$sum"
	echo "\"digest\": \"sha256:$sum\", \"size\": $(stat -c %s "$1")"
}
# layout NAME LAYER.tar...: an OCI layout in $tmp/layout, of that name.
layout() {
	local list='' layer
	rm -rf "$tmp/layout"
	echo '{"config": {"Cmd": ["/bin/true"]}}' >"$tmp/config"
	for layer in "${@:2}"; do list="$list${list:+, }{$(blob "$layer")}"; done
	echo "{\"config\": {$(blob "$tmp/config")}, \"layers\": [$list]}" >"$tmp/manifest"
	printf '{"manifests": [{%s, "annotations": {"org.opencontainers.image.ref.name": "%s"}}]}\n' \
		"$(blob "$tmp/manifest")" "$1" >"$tmp/layout/index.json"
}
# files_of IMAGE: the paths in its root.
files_of() {
	rm -rf "$tmp/root"
	fsck.erofs --extract="$tmp/root" "$WABE_IMAGES/$1/root.erofs" >/dev/null &&
		(cd "$tmp/root" && find . -mindepth 1 | sort)
}
refuses() { ! "${@:2}" >"$tmp/out" 2>&1 && grep -q -- "$1" "$tmp/out" || { cat "$tmp/out"; return 1; }; }
nothing_left() { ! ls -A "$WABE_IMAGES" | grep -q '^\.import'; }

# Lower: d/old, d/.rc. Upper: its own d/.rc and d/a, then that d is opaque,
# which comes behind them, as a walk by name has it.
mkdir -p "$tmp/1/d/sub" "$tmp/2/d/sub"
touch "$tmp/1/d/old" "$tmp/1/d/.rc" "$tmp/1/d/sub/old" "$tmp/1/gone"
touch "$tmp/2/d/.rc" "$tmp/2/d/a" "$tmp/2/d/sub/new" "$tmp/2/d/.wh..wh..opq" "$tmp/2/.wh.gone"
tar -C "$tmp/1" -cf "$tmp/lower.tar" .
tar -C "$tmp/2" --no-recursion -cf "$tmp/upper.tar" ./d ./d/.rc ./d/a ./d/sub \
	./d/sub/new ./d/.wh..wh..opq ./.wh.gone
upper_stays() {
	layout opaque "$tmp/lower.tar" "$tmp/upper.tar"
	"$wabe" import "$tmp/layout" opaque && files_of opaque >"$tmp/list" || return 1
	cat "$tmp/list"
	grep -qx ./d/.rc "$tmp/list" && grep -qx ./d/a "$tmp/list" &&
		grep -qx ./d/sub/new "$tmp/list" &&
		! grep -q 'old\|gone\|\.wh\.' "$tmp/list"
}
claim "a whiteout takes away what is below, and nothing of its own layer" upper_stays

# docker NAME LAYER...: a docker-archive of the files in $tmp/d, $tmp/d.tar.
docker() {
	local list='' layer
	for layer in "${@:2}"; do list="$list${list:+, }\"$layer\""; done
	[ -e "$tmp/d/config.json" ] || cp "$tmp/config" "$tmp/d/config.json"
	echo "[{\"Config\": \"config.json\", \"RepoTags\": [\"$1\"], \"Layers\": [$list]}]" >"$tmp/d/manifest.json"
	tar -C "$tmp/d" -cf "$tmp/d.tar" .
}
fresh() { rm -rf "$tmp/d"; mkdir "$tmp/d"; }
link_inside() { # as older versions of docker name a layer that is there twice
	fresh
	mkdir "$tmp/d/a" "$tmp/d/b"
	cp "$tmp/lower.tar" "$tmp/d/a/layer.tar"
	ln -s ../a/layer.tar "$tmp/d/b/layer.tar"
	docker link:1 b/layer.tar
	"$wabe" import "$tmp/d.tar" && files_of link:1 | grep -qx ./d/old
}
claim "a link to another layer of the archive" link_inside
link_outside() {
	fresh
	ln -s "$tmp/lower.tar" "$tmp/d/layer.tar"
	docker evil:1 layer.tar
	refuses 'layer.tar' "$wabe" import "$tmp/d.tar" &&
		refuses 'layer.tar' "$wabe" import "$tmp/d" && [ ! -e "$WABE_IMAGES/evil:1" ]
}
claim "a link that leads out of the archive" link_outside
no_file() {
	fresh
	"${@:2}" "$tmp/d/$1"
	docker evil:1 layer.tar
	refuses "$1" timeout 10 "$wabe" import "$tmp/d.tar"
}
claim "a pipe for a layer" no_file layer.tar mkfifo
claim "a pipe for a configuration" no_file config.json mkfifo
node() { mknod "$1" c 1 5; }
claim "a device for a layer" no_file layer.tar node
device_index() {
	fresh
	node "$tmp/d/manifest.json"
	docker evil:1 layer.tar
	refuses neither timeout 10 "$wabe" import "$tmp/d.tar"
}
claim "a device for an index" device_index
claim "nothing of all this is left" nothing_left

# 10 KiB of archive.
huge() {
	truncate -s 100T "$1/huge" && tar -C "$1" -S -cf "$tmp/huge.tar" huge && rm "$1/huge"
}
too_huge() {
	if ! huge "$tmp" 2>/dev/null && ! { mkdir -p "$shm" && huge "$shm"; }; then
		echo "no file system here has files so large"
		return 0
	fi
	WABE_IMAGES=$shm/store
	layout huge "$tmp/huge.tar"
	refuses 'larger than the file system' timeout 20 "$wabe" import "$tmp/layout"
}
shm=/dev/shm/wabe-images-$$
trap 'rm -rf "$tmp" "$shm"' EXIT
claim "a hole larger than any disk" too_huge
WABE_IMAGES=$tmp/store
killed_alone() { # an mkfs.erofs that takes its time
	local i
	mkdir -p "$tmp/bin"
	printf '#!/bin/sh\nexec sleep 3%s\n' $$ >"$tmp/bin/mkfs.erofs"
	chmod +x "$tmp/bin/mkfs.erofs"
	layout killed "$tmp/lower.tar"
	PATH=$tmp/bin:$PATH "$wabe" import "$tmp/layout" &
	for i in $(seq 100); do pgrep -fx "sleep 3$$" >/dev/null && break; sleep 0.05; done
	[ "$i" != 100 ] || return 1
	kill -9 $!
	wait $! 2>/dev/null
	for i in $(seq 20); do pgrep -fx "sleep 3$$" >/dev/null || return 0; sleep 0.05; done
	kill "$(pgrep -fx "sleep 3$$")"
	return 1
}
claim "nothing goes on when an import is killed" killed_alone

# Names go into a folder's name, and onto terminals.
bad_name() {
	layout "$1" "$tmp/lower.tar"
	refuses 'image name' "$wabe" import "$tmp/layout" &&
		refuses 'image name' "$wabe" import "$tmp/layout" "$(printf '%b' "$1")"
}
claim "a name with an escape sequence" bad_name 'x\u001b[31m'
claim "a name that a list would show as another" bad_name 'a+b'
own_name() {
	layout registry:5000/a/b:1.2-x_y "$tmp/lower.tar"
	"$wabe" import "$tmp/layout" && "$wabe" images -q | grep -qx registry:5000/a/b:1.2-x_y
}
claim "a name with a registry, a path and a tag" own_name

progress() {
	layout shown "$tmp/lower.tar"
	script -qec "$wabe import $tmp/layout" /dev/null >"$tmp/out" &&
		grep -aq "$tmp/layout .* MiB" "$tmp/out" || return 1
	[ "$("$wabe" import "$tmp/layout" 2>&1)" = shown ]
}
if command -v script >/dev/null; then
	claim "progress is shown on a terminal, and nowhere else" progress
fi

# An import that is killed has no end at which it could clean up.
swept() {
	layout swept "$tmp/lower.tar"
	mkdir -p "$WABE_IMAGES/.import-killed/root" "$WABE_IMAGES/.import-runs/root"
	exec 8<"$WABE_IMAGES/.import-runs"
	flock 8
	"$wabe" import "$tmp/layout" || return 1
	[ ! -e "$WABE_IMAGES/.import-killed" ] && [ -d "$WABE_IMAGES/.import-runs/root" ] || return 1
	exec 8<&-
	"$wabe" import "$tmp/layout" && nothing_left
}
# Imported again and again, an image is there at every moment.
always_there() {
	local missing=0 i
	layout again "$tmp/lower.tar"
	"$wabe" import "$tmp/layout" || return 1
	(for i in 1 2 3 4 5 6 7 8; do "$wabe" import "$tmp/layout" || echo failed >"$tmp/failed"; done) &
	while kill -0 $! 2>/dev/null; do
		for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
			[ -e "$WABE_IMAGES/again" ] || missing=$((missing + 1))
		done
	done
	echo "missing $missing times"
	[ $missing = 0 ] && [ ! -e "$tmp/failed" ]
}
claim "what a killed import left goes with the next; one that runs stays" swept
claim "an image that is imported again is never missing" always_there
exit 0
