// SPDX-License-Identifier: MIT
// What Debian's compression libraries expect of a C library and of the CPU.
// They were built for ordinary programs: stack protectors read %fs:0x28, SSE
// registers are used, memory comes from malloc. Here is the least that lets
// them run while booting; nothing after boot may use it.
#include <wabe/cpu.h>
#include <wabe/dom0.h>

#define MXCSR_DEFAULT 0x1f80u

// The names the libraries refer to.
void *malloc(size_t bytes);
void *calloc(size_t count, size_t bytes);
void free(void *p);
void __stack_chk_fail(void) NORETURN;
u64 ZSTD_trace_decompress_begin(const void *context);
void ZSTD_trace_decompress_end(u64 trace, const void *what);

// A heap that only grows. shim_stop() gives all of it back at once.
static u8 *arena_next, *arena_end;

// What %fs points to: the stack protector's canary is at offset 0x28.
static u64 thread_block[8];

static u64 saved_cr0, saved_cr4, saved_fs;

void shim_start(void *arena, u64 bytes)
{
	u32 mxcsr = MXCSR_DEFAULT;

	arena_next = arena;
	arena_end = arena_next + bytes;
	thread_block[0] = (u64)thread_block;
	thread_block[5] = rdtsc() << 8;
	saved_cr0 = X86_READ_CR(0);
	saved_cr4 = X86_READ_CR(4);
	saved_fs = rdmsr(MSR_FS_BASE);
	X86_WRITE_CR(0, (saved_cr0 & ~(CR0_EM | CR0_TS)) | CR0_MP);
	X86_WRITE_CR(4, saved_cr4 | CR4_OSFXSR | CR4_OSXMMEXCPT);
	wrmsr(MSR_FS_BASE, (u64)thread_block);
	asm volatile("fninit; ldmxcsr %0" ::"m"(mxcsr));
}

void shim_stop(void)
{
	wrmsr(MSR_FS_BASE, saved_fs);
	X86_WRITE_CR(4, saved_cr4);
	X86_WRITE_CR(0, saved_cr0);
	arena_next = arena_end = NULL;
}

// NULL when the arena is used up: the library reports it as out of memory.
void *malloc(size_t bytes)
{
	u8 *p = arena_next;

	if (bytes > (u64)(arena_end - arena_next)) {
		return NULL;
	}
	bytes = ALIGN_UP(bytes, 64ul);
	arena_next = bytes > (u64)(arena_end - p) ? arena_end : p + bytes;
	return p;
}

void *calloc(size_t count, size_t bytes)
{
	size_t total;
	void *p;

	if (__builtin_mul_overflow(count, bytes, &total)) {
		return NULL;
	}
	p = malloc(total);
	if (p) {
		memset(p, 0, total);
	}
	return p;
}

void free(void *p)
{
}

void __stack_chk_fail(void)
{
	panic("a stack was overrun while unpacking dom0's kernel");
}

// libzstd's weak hooks. They must lie within reach of a call; 0: not traced.
u64 ZSTD_trace_decompress_begin(const void *context)
{
	return 0;
}

void ZSTD_trace_decompress_end(u64 trace, const void *what)
{
}
