# SPDX-License-Identifier: MIT
# Debian's dom0 on machines of many forms.
. "$(dirname "$0")/lib.sh"

for machine in pc q35; do
	for cpus in 1 2 4; do
		for mib in 2048 4096 16384; do
			what="$machine, $cpus processors, $mib MiB"
			boot form.sh -s $cpus -m $mib -t 400 \
				-q "-machine $machine"
			said "$what: dom0's script passes" 'WABE-EXIT 0'
			clean_end "$what"
		done
	done
done
# All of the machine's memory is dom0's.
boot form.sh -s 2 -m 3072 -t 400 -a "console=com1 com1=115200,8n1"
said "dom0 with all memory: dom0's script passes" 'WABE-EXIT 0'
clean_end "dom0 with all memory"
# Not only what QEMU's `max` has.
for model in qemu64,+fsgsbase Skylake-Server-v4 EPYC max,-smap,-smep,-pcid,-x2apic; do
	boot form.sh -s 2 -m 2048 -t 400 -c $model
	said "CPU $model: dom0's script passes" 'WABE-EXIT 0'
	clean_end "CPU $model"
done
exit 0
