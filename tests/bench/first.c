// SPDX-License-Identifier: MIT
// dom0's first process: says how many instructions it took to get here, then
// becomes the usual one.
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	uint32_t low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high));
	printf("first %lu\n", low | (uint64_t)high << 32);
	fflush(stdout);
	execv("/init", argv);
	return 1;
}
