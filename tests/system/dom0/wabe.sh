# SPDX-License-Identifier: MIT
# Containers, each alone in a micro-domain.
. /wabe/check.sh
for image in busybox batch httpd; do
	check "import $image" wabe import "/wabe/images/$image" "$image"
done
check "the creator starts" sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do [ -S /run/wabe/creator.sock ] && exit 0; sleep 1; done; exit 1'
has "images lists them" '^batch' wabe images
batch() {
	wabe run --rm -m 64 batch >/tmp/batch
	[ $? = 7 ] && grep -q 'step 4' /tmp/batch
}
check "a batch job: its output and its exit status come back" batch
check "a web server starts" wabe run -d -m 64 --name web httpd
has "list shows it" 'web' wabe list
has "xl list shows it by name" 'web' xl list
fetch_page() {
	ip=$(wabe info web | sed -n 's/.*"ip": *"\([0-9.]*\).*/\1/p' | head -n 1)
	for i in 1 2 3 4 5 6 7 8 9 10; do
		wget -q -O - "http://$ip:8080/" && return 0
		sleep 1
	done
	return 1
}
has "its page is served over the micro-domain network" 'Served from a micro-domain' fetch_page
check "pause and unpause" sh -c 'wabe pause web && wabe unpause web'
check "destroy" sh -c 'wabe destroy web && ! wabe list | grep -q web'
has "nothing is left" '^Domain-0' sh -c 'sleep 1; xl list | tail -n 1'
check "an image that is not there is one line" sh -c 'wabe run nothing 2>&1 | grep -q nothing'
# Debian's Xen has no audit.
wabe info | grep -q '^extension *: none' ||
	check "the audit finds nothing wrong" sh -c 'xl debug-keys A && xl dmesg | grep -q "Audit: 0 "'
exit $failures
