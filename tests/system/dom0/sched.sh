# SPDX-License-Identifier: MIT
# Who gets how much of the processors. Guests (tests/guest/share) are told a
# window of system time to run or sleep in, and say what they got.
. /wabe/check.sh
. /wabe/domains.sh
cpus=$(xl info | sed -n 's/^nr_cpus *: *//p')

start_guests() {
	for g in "$@"; do
		small "$g" share
		xl create -q "/root/$g.cfg" || return 1
	done
	for g in "$@"; do
		within 20 heard "$g" obeys || return 1
		eval "tty_$g=$(tty_of "$g")"
	done
}

uptime_ms() { awk '{printf "%d\n", $1 * 1000}' /proc/uptime; }
machine_ms() {
	xl debug-keys q
	xl dmesg | sed -n 's/.*Domains, at \([0-9]*\) ms.*/\1/p' | tail -n 1
}

# run MS LETTER:GUEST...: each does as told for the same MS; then $ran_GUEST and
# $late_GUEST have what it said.
run() {
	run_ms=$1
	shift
	for who in "$@"; do
		eval "before_${who#*:}=$(lines_of "${who#*:}")"
	done
	from=$(($(uptime_ms) + ahead + 300 * cpus))
	for who in "$@"; do
		eval "echo ${who%:*} $from $((from + run_ms)) >\$tty_${who#*:}"
	done
	usleep $((run_ms * 1000 + 300000 * cpus))
	for who in "$@"; do
		g=${who#*:}
		eval "run_before=\$before_$g"
		within 20 run_said "$g" || return 1
		said=$(console_of "$g" | tail -n "+$((run_before + 1))")
		echo "$said" | grep -q '^late' && echo "$g was told too late"
		eval "ran_$g='$(echo "$said" | sed -n 's/.* ran \([0-9]*\) of.*/\1/p')'"
		eval "took_$g='$(echo "$said" | sed -n 's/.* took \([0-9]*\) of.*/\1/p')'"
		eval "late_$g='$(echo "$said" | sed -n 's/.*99%: \([0-9]*\) us.*/\1/p')'"
	done
}
run_said() { console_of "$1" | tail -n "+$((run_before + 1))" | grep -q ' ran \|woke'; }

# between NAME VALUE LOW HIGH: a claim; the value is in its name.
between() {
	check "$1: $2 in $3..$4" [ "${2:-0}" -ge "$3" -a "${2:-0}" -le "$4" ]
}
# ms that processor $1 has been in HLT
idle_ms() {
	xl dmesg -c >/dev/null
	xl debug-keys r
	xl dmesg | sed -n "s/.*CPU$1: .*idle \([0-9]*\) ms.*/\1/p" | tail -n 1
}
# where NAME: the processor it is on
where() { xl vcpu-list "$1" | awk 'NR == 2 {print $4}'; }

check "guests start" start_guests a b
up=$(uptime_ms)
ahead=$(($(machine_ms) - up))
echo "# system time is $ahead ms ahead"

one_processor() {
	start_guests c
	run 1000 s:a
	between "alone, a domain gets all, in 1/10000" "$ran_a" 9700 10000
	xl sched-credit2 -d a -w 256
	xl sched-credit2 -d b -w 512
	has "xl sched-credit2 shows the weight" '^b  *[0-9]*  *512' xl sched-credit2
	run 1500 s:a s:b w:c
	between "weight 256 beside 512, of 3333" "$((ran_a * 10000 / (ran_a + ran_b)))" 3167 3500
	between "weight 512 beside 256, of 6667" "$((ran_b * 10000 / (ran_a + ran_b)))" 6334 7000
	between "a sleeper beside two spinners: 99% wake within us" "$late_c" 1 1000
	between "no time is lost, of 10000" "$((ran_a + ran_b + took_c))" 9600 10000
	xl sched-credit2 -d b -w 256
	xl sched-credit2 -d a -c 25
	has "xl sched-credit2 shows the cap" '^a  *[0-9]*  *256  *25' xl sched-credit2
	run 1500 s:a s:b
	between "cap 25 beside a spinner, of 2500" "$ran_a" 2300 2700
	between "the other gets the rest, of 7500" "$ran_b" 7000 7700
	run 1500 s:a
	between "cap 25 alone, of 2500" "$ran_a" 2300 2700
	xl sched-credit2 -d a -c 0
	run 500 s:a
	between "without the cap again, of 10000" "$ran_a" 9700 10000
	before=$(idle_ms 0)
	sleep 2
	between "idle for 2 s: ms in HLT" "$(($(idle_ms 0) - before))" 1700 2600
}

two_processors() {
	xl vcpu-pin 0 all 0
	xl vcpu-pin a 0 1 && xl vcpu-pin b 0 1
	run 1000 s:a s:b
	between "both on processor 1 by hard affinity: a, of 5000" "$ran_a" 4700 5200
	between "both on processor 1 by hard affinity: b, of 5000" "$ran_b" 4700 5200
	has "xl vcpu-list shows hard affinity" '^a  *[0-9]*  *0  *1 .* 1 / all' xl vcpu-list a
	xl vcpu-pin a 0 0 && xl vcpu-pin b 0 all all
	(usleep 1000000 && where a >/tmp/where) &
	run 1500 s:a
	between "hard affinity to 0: it is on processor" "$(cat /tmp/where)" 0 0
	xl vcpu-pin a 0 all 1
	(usleep 1000000 && where a >/tmp/where) &
	run 1500 s:a
	between "soft affinity to 1, alone: a, of 10000" "$ran_a" 9700 10000
	between "it has gone to processor" "$(cat /tmp/where)" 1 1
	xl vcpu-pin a 0 all 1 && xl vcpu-pin b 0 all 1
	run 1000 s:a s:b
	# The rest of the time is dom0's own.
	between "both like 1, but none waits: a, of 10000" "$ran_a" 8000 10000
	between "both like 1, but none waits: b, of 10000" "$ran_b" 8000 10000
	xl vcpu-pin a 0 all all && xl vcpu-pin b 0 all all
	start_guests c
	run 1500 s:a s:b s:c
	sum=$((ran_a + ran_b + ran_c))
	between "three on two processors use both, of 20000" "$sum" 17000 20000
	for g in a b c; do
		eval "ran=\$ran_$g"
		between "and share them: $g, of 3333" "$((ran * 10000 / sum))" 3000 3667
	done
}
if [ "$cpus" = 1 ]; then
	one_processor
else
	two_processors
fi
check "the guests go" sh -c 'for g in a b c; do xl destroy $g; done'
check "the audit finds nothing wrong" sh -c \
	'xl debug-keys A && xl dmesg | grep -q "Audit: 0 "'
exit $failures
