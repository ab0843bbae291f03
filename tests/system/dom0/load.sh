# SPDX-License-Identifier: MIT
# A minute and more of hard work on all CPUs.
. /wabe/check.sh
. /wabe/audit.sh
cpus=$(grep -c ^processor /proc/cpuinfo)
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
	/wabe/stress storm ${LOAD_SECONDS:-60} $((cpus * 2)) || return 1
	touch /tmp/enough
	for p in $pids; do wait "$p" || return 1; done
}
check "a minute of builds, forks and maps on all CPUs" builds
audited "after a minute of load"
STORM=100
. /wabe/storm.sh
. /wabe/hotplug.sh
audited "at the end"
. /wabe/tools.sh
