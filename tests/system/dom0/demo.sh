# SPDX-License-Identifier: MIT
# What `make run` shows: the machine, then three workloads, each alone in a
# micro-domain: a web server, a database, a batch job. With wabe.host on the
# kernel's command line somebody outside fetches the page, through port 8080.
. /wabe/check.sh
ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up 2>/dev/null &&
	route add default gw 10.0.2.2
address() { wabe info "$1" | sed -n 's/.*"ip": *"\([0-9.]*\).*/\1/p' | head -n 1; }
say() { echo "--- $*"; }

say "the machine"
xl info
wabe info
say "importing three images"
for image in httpd redis batch; do
	check "import $image" wabe import "/wabe/images/$image" "$image"
done
say "a web server, published on port 8080; a database"
check "wabe run -d -p 8080:8080 --name web httpd" \
	wabe run -d -m 64 -p 8080:8080 --name web httpd -v
check "wabe run -d --name db redis" wabe run -d -m 96 --name db redis
say "a batch job"
batch() {
	wabe run --rm -m 64 batch
	[ $? = 7 ]
}
has "its output and its exit status (7) come back" 'step 4' batch
cat /tmp/has
wabe list
xl list

# Until it answers; what it said is in /tmp/has.
patiently() {
	for i in 1 2 3 4 5 6 7 8 9 10; do
		"$@" && return 0
		sleep 1
	done
	return 1
}
if grep -q wabe.host /proc/cmdline; then
	fetched() { wabe logs web | grep response:200; }
	has "somebody outside fetched the page through the published port" 200 patiently fetched
fi
page() { wget -q -O - "http://$(address web):8080/"; }
has "the web server's page over the micro-domain network" 'Served from a micro-domain' patiently page
cat /tmp/has
# dom0 has no redis-cli of its own: the image's, started in dom0.
mount -t erofs -o loop,ro /var/lib/wabe/images/redis/root.erofs /mnt
pong() { chroot /mnt redis-cli -h "$(address db)" ping; }
has "the database answers redis-cli in dom0" PONG patiently pong
cat /tmp/has
chroot /mnt redis-cli -h "$(address db)" set answer 42 >/dev/null
has "and the same in its micro-domain: wabe exec db redis-cli get answer" 42 \
	wabe exec db redis-cli get answer
umount /mnt
exit $failures
