// SPDX-License-Identifier: MIT
// The guest library: the least that a 64-bit PV guest needs, as Xen's and
// Wabe's dom0 kernel and as a domU. This header is its manual for what every
// guest uses; mmu.h, trap.h and ipc.h have the rest.
//
// A guest is a main.c with guest_main(). It starts on its own stack, with
// traps and callbacks installed, the hypervisor's shared page mapped, events
// masked, and no FPU. When guest_main() returns, or on guest_exit(), the last
// line on the console is `GUEST-EXIT n` and the domain powers off.
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define PAGE_SHIFT 12
#define PAGE_SIZE 4096UL
#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))

// What the hypervisor put into the registers at the first instruction.
struct boot_regs {
	u64 rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
	u64 r8, r9, r10, r11, r12, r13, r14, r15;
	u64 rflags, cs, ss, ds, es, fs, gs;
};
extern struct boot_regs boot_regs;
extern struct start_info *start_info;
extern struct shared_info *shared_info;
extern char virt_base[];		// address of the guest's frame 0
extern char image_start[], image_end[]; // the guest's own image
extern char stack_top[];

int guest_main(void); // each guest's own; returns its exit status
_Noreturn void guest_exit(int status);
static inline bool is_dom0(void)
{
	return start_info->flags & SIF_INITDOMAIN;
}

// Print a line or more; what follows the last newline waits for the next call.
// %d %u %x %c %s %p, with l, a width and 0.
__attribute__((format(printf, 1, 2))) void printf(const char *format, ...);
// Say whether a claim holds; a failed one makes guest_main's status 1.
__attribute__((format(printf, 2, 3))) bool ok(bool holds, const char *claim,
					      ...);
extern unsigned int failed_count;

// The guest cannot go on.
#define PANIC(...)                                     \
	do {                                           \
		printf("%s:%d: ", __FILE__, __LINE__); \
		printf(__VA_ARGS__);                   \
		printf("\n");                          \
		guest_exit(99);                        \
	} while (0)

void *memset(void *to, int byte, size_t bytes);
void *memcpy(void *to, const void *from, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
int strcmp(const char *a, const char *b);
size_t strlen(const char *s);
// The decimal number that a text begins with, after blanks; it moves behind it.
u64 number_take(const char **text);

// "EINVAL" for -22, "0" for 0, a number for what has no name here.
const char *error_name(long rc);

static inline u64 rdtsc(void)
{
	u32 low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high));
	return low | (u64)high << 32;
}

static inline void cpu_relax(void)
{
	asm volatile("pause" ::: "memory");
}

#endif
