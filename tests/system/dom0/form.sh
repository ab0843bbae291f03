# SPDX-License-Identifier: MIT
# A machine of some form: it starts again, CPUs go and come, disk and network,
# forks, files, a load like that of builds, then all of tools.sh. Disks: one
# that the host filled, one that is empty.
. /wabe/dev_lib.sh
. /wabe/audit.sh
disk=$(driver_disk virtio-pci 1) mark=$(driver_disk virtio-pci 2)
if [ -n "$mark" ] && ! grep -q '^again' "$mark"; then
	echo again >"$mark"
	sync
	reboot -f
	sleep 60
	echo "not ok - dom0 starts the machine again"
fi
. /wabe/hotplug.sh
STORM=30
. /wabe/storm.sh
if [ -n "$disk" ]; then
	check "a disk: requests of many, all data right" \
		grows 'virtio.*-req' 60 /wabe/dev_io work "$disk" 60 4
	if=$(driver_net virtio_net)
	check "the network is up" net_up "$if"
	check "a file by UDP arrives whole" grows 'virtio.*-(in|out)put' 300 net_get
	check "a stream by TCP" net_stream 2
	net_down "$if"
fi
audited "after the storms"
LOAD_SECONDS=$(word wabe.load)
if [ -n "$LOAD_SECONDS" ]; then
	. /wabe/builds.sh
fi
audited "at the end"
. /wabe/tools.sh
