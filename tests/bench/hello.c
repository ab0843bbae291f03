// SPDX-License-Identifier: MIT
// The least workload: says hello, and tells the plugin just before.
#include <unistd.h>

int main(void)
{
	asm volatile("nopl 0x57414204(%rax)");
	return write(1, "hello\n", 6) == 6 ? 0 : 1;
}
