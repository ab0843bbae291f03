# SPDX-License-Identifier: MIT
# Who gets how much of the processors. Guests (tests/guest/share) are told a
# window of system time to run or sleep in, and say what they got.
. /wabe/check.sh
. /wabe/domains.sh

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
# run MS LETTER:GUEST...: each does as told for the same MS; then $ran_GUEST and
# $late_GUEST have what it said.
run() {
	run_ms=$1
	shift
	for who in "$@"; do
		eval "before_${who#*:}=$(lines_of "${who#*:}")"
	done
	from=$(($(uptime_ms) + ahead + 500))
	for who in "$@"; do
		eval "echo ${who%:*} $from $((from + run_ms)) >\$tty_${who#*:}"
	done
	usleep $((run_ms * 1000 + 550000))
	for who in "$@"; do
		g=${who#*:}
		eval "run_before=\$before_$g"
		within 20 run_said "$g" || return 1
		said=$(console_of "$g" | tail -n "+$((run_before + 1))")
		echo "$said" | grep '^woke'
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
# machine_state: $at: ms of system time; $idle: ms that both processors together
# have been in HLT
machine_state() {
	xl dmesg -c >/dev/null
	xl debug-keys qr
	at=$(xl dmesg | sed -n 's/.*Domains, at \([0-9]*\) ms.*/\1/p')
	idle=$(xl dmesg | awk '/CPU[0-9]*: .*idle [0-9]* ms/ {n += $(NF - 1)} END {print n}')
}
# where NAME: the processor it is on
where() { xl vcpu-list "$1" | awk 'NR == 2 {print $4}'; }

# pin CPUS SOFT GUEST...: hard and soft affinity
pin() {
	hard=$1 soft=$2
	shift 2
	for g in "$@"; do
		xl vcpu-pin "$g" 0 "$hard" "$soft" || return 1
	done
}

check "guests start" start_guests a b c
xl vcpu-pin 0 all 0
up=$(uptime_ms)
machine_state
ahead=$((at - up))

# Processor 1, where dom0 is not.
check "xl vcpu-pin pins" pin 1 all a b c
has "xl vcpu-list shows hard affinity" '^a  *[0-9]*  *0 .* 1 / all' xl vcpu-list a
(usleep 800000 && where a >/tmp/where) &
run 800 s:a
between "hard affinity to 1: it is on processor" "$(cat /tmp/where)" 1 1
between "alone, a domain gets all, in 1/10000" "$ran_a" 9700 10100
xl sched-credit2 -d a -c 25
has "xl sched-credit2 shows the cap" '^a  *[0-9]*  *256  *25' xl sched-credit2
run 1000 s:a
between "cap 25 alone, of 2500" "$ran_a" 2300 2700
run 1000 s:a s:b
between "cap 25 beside a spinner, of 2500" "$ran_a" 2300 2700
between "the other gets the rest, of 7500" "$ran_b" 7200 7800
xl sched-credit2 -d a -c 0

# Processor 0, with 1 in HLT: so QEMU's turns do not make anyone wait.
pin 0 all a b c
xl sched-credit2 -d b -w 512
has "xl sched-credit2 shows the weight" '^b  *[0-9]*  *512' xl sched-credit2
run 1200 s:a s:b w:c
between "weight 256 beside 512, of 3333" "$((ran_a * 10000 / (ran_a + ran_b)))" 3167 3500
between "weight 512 beside 256, of 6667" "$((ran_b * 10000 / (ran_a + ran_b)))" 6334 7000
between "a sleeper beside two spinners: 99% wake within us" "$late_c" 1 1000
xl sched-credit2 -d b -w 256

# Both processors. What is missing to 10000 is dom0's own.
pin 0 all a
pin all 1 a
(usleep 800000 && where a >/tmp/where) &
run 800 s:a
between "soft affinity to 1, alone: a, of 10000" "$ran_a" 9700 10100
between "it has gone to processor" "$(cat /tmp/where)" 1 1
pin all 1 b
run 800 s:a s:b
between "both like 1, but none waits: a, of 10000" "$ran_a" 7500 10100
between "both like 1, but none waits: b, of 10000" "$ran_b" 7500 10100
pin all all a b c
run 1200 s:a s:b s:c
sum=$((ran_a + ran_b + ran_c))
between "three on two processors use both, of 20000" "$sum" 16500 20100
# How they share is measured in tests/unit/sched_sim_test.c: while QEMU counts
# instructions, one of two busy processors may stand still for most of a second.
machine_state
idle_before=$idle at_before=$at
sleep 3
machine_state
between "nobody runs: in HLT, of 20000" \
	"$(((idle - idle_before) * 10000 / (at - at_before)))" 16500 20100
check "the guests go" sh -c 'for g in a b c; do xl destroy $g || exit 1; done'
check "the audit finds nothing wrong" sh -c \
	'xl debug-keys A && xl dmesg | grep -q "Audit: 0 "'
exit $failures
