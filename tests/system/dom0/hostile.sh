# SPDX-License-Identifier: MIT
# Each attack of tests/guest/hostile in turn, while a bystander and dom0 work;
# then tools killed half way and guests that crash. What is left is counted.
. /wabe/check.sh
. /wabe/audit.sh
. /wabe/domains.sh
word() { sed -n "s/.*hostile_$1=\([0-9]*\).*/\1/p" /proc/cmdline; }
ms=$(word ms) seed=$(word seed) rounds=$(word rounds)
attacks="random plausible spin events memory rings faults race"

counts() {
	xl info | grep '^free_memory'
	xl list | awk '{print $1, $2, $3}'
	xenstore-list /local/domain
	xenstore-list /vm
	/usr/lib/xen-4.17/bin/lsevtchn 0 | wc -l
}
same_counts() { counts >/tmp/after && diff /tmp/before /tmp/after; }

# dom0's work, which never ends. How much processor it got is what the
# hypervisor counts: the host's own load does not show in that.
work() {
	while [ ! -e /tmp/stop ]; do
		sha256sum /wabe/hostile >/dev/null
	done
}
used() { xl list Domain-0 | awk 'NR == 2 {print int($6 * 100)}'; }
now() { cut -d' ' -f1 /proc/uptime | tr -d .; }
# share COMMAND...: dom0's share of one processor in 100, while that runs -> $share
share() {
	rm -f /tmp/stop
	work &
	share_used=$(used) share_from=$(now)
	"$@"
	share=$((($(used) - share_used) * 100 / ($(now) - share_from + 1)))
	touch /tmp/stop
	wait $!
}

small attacker hostile 'vcpus=4' 'memory=32' 'on_crash="destroy"'
attack() {
	sed -i '/^extra/d' /root/attacker.cfg
	echo "extra=\"$1 $2 $3\"" >>/root/attacker.cfg
	xl create -q /root/attacker.cfg || return 1
	within "$(($3 / 1000 + 4))" gone attacker
	xl destroy attacker 2>/dev/null
	true
}
# The first one leaves what is kept for the next.
attack spin 0 100
sleep 1
counts >/tmp/before

small bystander hostile "extra=\"work 0 $((rounds * 8 * (ms + 1000)))\""
xl create -q /root/bystander.cfg
for round in $(seq "$rounds"); do
	for attack in $attacks; do
		echo "# $attack, seed $seed"
		share attack "$attack" "$seed" "$ms"
		echo "# dom0 had $share of 100"
		# It is one of three on two processors: 67 of 100 are its own.
		check "$attack: dom0 gets its share" [ "$share" -ge 40 ]
		audited "after $attack"
		seed=$((seed + 1))
	done
done
console_of bystander >/tmp/bystander
within 120 heard bystander GUEST-EXIT
console_of bystander | grep -v '^$' | tail -n 6 | sed 's/^/# bystander: /'
for claim in 'it worked' 'its memory has what it wrote' 'each of its events came' \
	'it did not wait for long'; do
	check "the bystander: $claim" heard bystander "^ok - $claim"
done
within 10 gone bystander
check "attacks leave nothing behind" within 20 same_counts
. /wabe/faults.sh
audited "at the end"
exit $failures
