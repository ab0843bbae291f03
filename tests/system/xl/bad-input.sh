# SPDX-License-Identifier: MIT
# What cannot be: xl says so, and nothing is left behind.
small_up one
xl destroy one
small_up one 'vcpus=4'
xl destroy one
check "all is quiet" settled
# fails WHAT LINES...: xl create of a configuration with those lines; xl's words
# come into the transcript.
fails() {
	fails_what=$1
	shift
	small wrong share "$@"
	echo "--- $fails_what"
	run xl create -q /root/wrong.cfg
	check "$fails_what: nothing is left behind" nothing_left
}
fails "too much memory" 'memory=100000'
fails "more memory than there is free" "memory=$(($(free_memory) + 10))" | sed 's/memory=[0-9]*/memory=N/'
fails "a kernel that is none" 'kernel="/etc/xen/xl.conf"'
fails "no kernel" 'kernel="/nowhere"'
head -c 20000 /wabe/share >/tmp/cut
fails "a kernel cut off" 'kernel="/tmp/cut"'
fails "no ramdisk" 'ramdisk="/nowhere"'
fails "no disk" "disk=['phy:/dev/nowhere,xvda,w']"
mkdir -p /srv
truncate -s 1M /srv/disk
fails "the second disk missing" \
	"disk=['vdev=xvda,access=w,script=block-loop,target=/srv/disk', 'vdev=xvdb,access=w,script=block-loop,target=/srv/nowhere']"
fails "no bridge" "vif=['bridge=nowhere']"
fails "too many vCPUs" 'vcpus=5000'
fails "a processor that is not there" 'cpus="99"'
fails "too little memory" 'memory=1'
check "what is right still starts" small_up one
xl destroy one
check "and leaves nothing behind" nothing_left
rm -f /srv/disk /tmp/cut
