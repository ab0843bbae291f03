// SPDX-License-Identifier: MIT
// Fuzz the core against the reference model: the bytes are operations of one to
// three domains (tests/model/ops.c); a result, an errno or a count that is not
// as predicted, or an audit that is not clean, ends the program. Built for
// libFuzzer, and for AFL++ (make fuzz-afl).
#include "../model/host.h"
#include "../model/machine.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes);

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes)
{
	if (bytes < 2) {
		return 0;
	}
	machine_domains = 1 + data[0] % M_DOMAINS;
	(void)ops_run(data + 1, bytes - 1, 0, 0);
	if (host_differences) {
		abort();
	}
	return 0;
}
