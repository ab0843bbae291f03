# SPDX-License-Identifier: MIT
# What `make run` shows: the machine, then three workloads, each alone in a
# micro-domain: a web server, a database, a batch job.
. /wabe/check.sh
demo() {
	xl info | grep 'xen_version\|nr_cpus\|total_memory\|free_memory'
	for image in httpd redis batch; do
		wabe import "/wabe/images/$image" "$image" || return 1
	done
	wabe run -d -m 64 --name web httpd && wabe run -d -m 96 --name db redis || return 1
	wabe run --rm -m 64 batch
	[ $? = 7 ] || return 1
	echo "the batch job ended with status 7, as it should"
	wabe list
	xl list
}
address() { wabe info "$1" | sed -n 's/.*"ip": *"\([0-9.]*\).*/\1/p' | head -n 1; }
page() {
	for i in 1 2 3 4 5 6 7 8 9 10; do
		wget -q -O - "http://$(address web):8080/" && return 0
		sleep 1
	done
	return 1
}
pong() { wabe run --rm -m 64 redis redis-cli -h "$(address db)" ping; }
demo || failures=1
has "the web server's page" 'Served from a micro-domain' page
cat /tmp/has
has "the database answers a client in a micro-domain of its own" PONG pong
cat /tmp/has
exit $failures
