# SPDX-License-Identifier: MIT
# Runs scripts of tests/system/xl, those that wabe.scripts= lists, each in a
# shell of its own. What they print goes to the disk /dev/vda as a tar file.
mkdir -p /tmp/out
word() { sed -n "s/.*\b$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
keep() {
	tar -cf - -C /tmp/out . | dd of=/dev/vda bs=64k iflag=fullblock conv=fsync 2>/dev/null
}
(while sleep 20; do keep; done) & # what a script that never ends said
for name in $(word wabe.scripts | tr : ' '); do
	start=$(cut -d. -f1 /proc/uptime)
	sh -c ". /wabe/xl_lib.sh; . /wabe/xl/$name.sh" xl >"/tmp/out/$name" 2>&1
	echo "end of $name" >>"/tmp/out/$name"
	echo "xl $name: $(($(cut -d. -f1 /proc/uptime) - start)) s"
	keep
done
kill %1
[ ! -e /wabe/audit ] || . /wabe/audit.sh
