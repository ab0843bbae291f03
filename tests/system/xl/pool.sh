# SPDX-License-Identifier: MIT
# xl create with pool=: memory and processors come from a partition, which is
# a pool to xl.
# Alone: Debian's Xen has no partitions.
PATH=$PATH:/wabe/partition
wabed -d
last=$((cpus - 1))
in_tenant() { wabe partition list | awk -v column="$1" '$1 == "tenant" {print $column}'; }
check "a partition is made" wabe partition create tenant -m 48M -c $last
has "xl shows it as a pool" "^tenant  *1  *credit2  *y  *0" xl cpupool-list
has "with its processors" "^tenant  *$last\$" xl cpupool-list -c
free_before=$(in_tenant 4) pool_free=$(free_memory)
small_up one 'pool="tenant"'
check "a domain is made in it" heard one obeys
has "xl list says so" "^one .* tenant\$" xl list --cpupool one
has "and xl cpupool-list" "^tenant  *1  *credit2  *y  *1" xl cpupool-list
took() {
	in_tenant 4
	[ "$(in_tenant 4)" -le $((free_before - 16)) ]
}
check "its memory is the partition's" took
type_to one 's 0 9999999'
on() { xl vcpu-list one | awk -v cpu="$1" 'NR > 1 {n++} NR > 1 && $4 != cpu {exit 1} END {exit !n}'; }
check "it runs on the partition's processor" within 30 on $last
# refused MESSAGE LINES...: xl create with those lines fails with the message.
refused() {
	refused_why=$1
	shift
	small two share "$@"
	! xl create -q /root/two.cfg >/tmp/refused 2>&1 && gone two && cat /tmp/refused &&
		grep -q "$refused_why" /tmp/refused
}
check "no more memory than the partition's" refused 'memory' 'pool="tenant"' 'memory=64'
check "no domain in a pool that is not there" refused 'nobody' 'pool="nobody"'
check "nothing moves between them" sh -c '! xl cpupool-migrate one Pool-0'
check "a partition in use stays" sh -c '! wabe partition remove tenant'
xl destroy one
# What the hypervisor keeps for the next domain stays.
sleep 3
free_before=$(in_tenant 4)
small one share 'pool="1"'
check "a pool may be named by its number" xl create -q -p /root/one.cfg
has "it is that one" "^one .* tenant\$" xl list --cpupool one
xl destroy one
check "all memory comes back" within 30 sh -c "[ \$(wabe partition list | awk '\$1 == \"tenant\" {print \$4}') = $free_before ]"
check "the partition goes" within 30 wabe partition remove tenant
check "xl no longer shows it" sh -c '! xl cpupool-list | grep tenant && ! xenstore-ls -f /local/pool | grep tenant'
check "nothing else has less" within 30 sh -c "[ \$(xl info | sed -n 's/^free_memory *: *//p') -ge $pool_free ]"
kill "$(pidof wabed)"
