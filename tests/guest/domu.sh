# SPDX-License-Identifier: MIT
# In dom0: run each guest of /wabe/guests (a list) as a domU by xl, one after
# another, and print what each said on its console.
while read -r name; do
	printf 'name="%s"\nkernel="/wabe/%s"\nextra="%s"\nmemory=16\nvcpus=1\n' \
		"$name" "$name" "$name" >"/tmp/$name.cfg"
	echo 'tsc_mode="native"' >>"/tmp/$name.cfg"
	xl create -q "/tmp/$name.cfg"
	for _ in $(seq 200); do
		xl domid "$name" >/dev/null 2>&1 || break
		usleep 100000
	done
	xl destroy "$name" >/dev/null 2>&1
	echo "DOMU-BEGIN $name"
	cat "/var/log/xen/guest-$name.log"
	echo "DOMU-END $name"
done </wabe/guests
