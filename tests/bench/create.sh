# SPDX-License-Identifier: MIT
# Run in dom0: make micro-domains, and the same with xl, with few and with many
# others running. Says what it does in lines that begin with "create ".
word() { sed -n "s/.*\bbench.$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
mib=$(word mib) others=$(word others | tr : " ")
mkdir -p /var/lib/wabe
ln -s /wabe/store /var/lib/wabe/images
cat >/root/hello.cfg <<CFG
name="hello"
type="pv"
kernel="/usr/lib/wabe/vmlinux"
ramdisk="/usr/lib/wabe/init.cpio.gz"
extra="console=hvc0 loglevel=1 tsc=reliable"
memory=$mib
vcpus=1
CFG
running=0
# What the machine (MiB) and dom0 (KiB) have left.
left() {
	echo 3 >/proc/sys/vm/drop_caches
	echo "create left $running $(xl info | sed -n 's/^free_memory *: *//p')" \
		"$(sed -n 's/^MemFree: *\([0-9]*\) kB/\1/p' /proc/meminfo)"
}
gone() { until [ "$(wabe list -q | wc -l)" = "$running" ]; do usleep 100000; done; }
wabe run --rm -m $mib hello >/dev/null
for count in $others; do
	while [ $running -lt $count ]; do
		wabe run -d -m $mib busybox sleep 1000000 >/dev/null || exit 1
		running=$((running + 1))
	done
	sleep 5
	left
	for sample in 1 2 3; do
		echo create sample wabe $count
		/wabe/mark wabe run -d --rm -m $mib hello >/dev/null
		gone
	done
	for sample in 1 2 3; do
		echo create sample xl $count
		/wabe/mark xl create -q /root/hello.cfg
		sleep 2
		xl destroy hello
	done
done
