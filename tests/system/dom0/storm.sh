# SPDX-License-Identifier: MIT
# Address spaces come and go: forks, execs, maps, on all vCPUs.
cpus=$(grep -c ^processor /proc/cpuinfo)
storm() {
	i=0
	while [ $i -lt "$1" ]; do
		/bin/busybox true || return 1
		echo "$i" | cat >/dev/null || return 1
		i=$((i + 1))
	done
}
storms() {
	pids=
	for c in $(seq "$cpus"); do
		storm "$1" &
		pids="$pids $!"
	done
	for p in $pids; do
		wait "$p" || return 1
	done
}
check "a fork storm on all vCPUs" storms "${STORM:-150}"
check "files are written, packed and compared under load" sh -c '
	mkdir -p /tmp/w && cd /tmp/w && head -c 4000000 /dev/urandom >a &&
	gzip -c a >a.gz && gunzip -c a.gz >b && cmp a b && rm -rf /tmp/w'
