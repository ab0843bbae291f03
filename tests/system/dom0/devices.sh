# SPDX-License-Identifier: MIT
# Devices of the machine do I/O by interrupt. wabe.part: which interrupts.
. /wabe/dev_lib.sh
io=/wabe/dev_io
part=$(word wabe.part)
. /wabe/dev_"$part".sh
exit $failures
