# SPDX-License-Identifier: MIT
# A load like that of builds, with forks and maps, on all CPUs. Sourced after
# check.sh; LOAD_SECONDS: how long.
build() {
	mkdir -p "/tmp/build.$1" && cd "/tmp/build.$1" || return 1
	until [ -e /tmp/enough ]; do
		for file in a b c d e f; do
			seq 2000 >$file.c
			sed 's/1/one/g' $file.c | gzip -1 >$file.o || return 1
		done
		cat ./*.o >all && tar cf - . | md5sum >sum || return 1
		rm -f ./*
	done
}
builds() {
	pids=
	for c in $(seq $((cpus * 2))); do build "$c" & pids="$pids $!"; done
	/wabe/stress storm "${LOAD_SECONDS:-60}" $((cpus * 2)) || return 1
	touch /tmp/enough
	for p in $pids; do wait "$p" || return 1; done
}
check "builds, forks and maps on all CPUs for ${LOAD_SECONDS:-60} s" builds
