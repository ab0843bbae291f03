# SPDX-License-Identifier: MIT
# The toolstack, end to end: images, micro-domains, workloads.
. "$(dirname "$0")/lib.sh"

"$here/stage" "$out/stage" busybox batch httpd || exit 1
make_root "$out/stage"
boot wabe.sh -s 2 -m 3072 -t "${LIMIT:-600}"
said "the toolstack's dom0 script passes" 'WABE-EXIT 0'
clean_end "toolstack"
exit 0
