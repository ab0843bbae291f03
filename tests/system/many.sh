# SPDX-License-Identifier: MIT
# A machine with 64 processors, four of them for dom0.
. "$(dirname "$0")/lib.sh"

dom0_words=wabe.vcpus=4
boot small.sh -s 64 -m 2048 -t 900 -q "-machine q35" \
	-a "console=com1 com1=115200,8n1 dom0_mem=512M,max:512M dom0_max_vcpus=4"
said "64 processors, 4 for dom0: dom0's script passes" 'WABE-EXIT 0'
said "all processors are there" 'Processors: 64'
clean_end "64 processors"
exit 0
