// SPDX-License-Identifier: MIT
// How the parts of this guest measure.
#ifndef BENCH_H
#define BENCH_H

#include "ipc.h"

#define RUNS_MOST 512
extern u32 samples[RUNS_MOST];
extern u32 empty_cost; // between two rdtsc with nothing between
void report(const char *name, unsigned int runs);

// For tests/bench/plugin.c: a sample begins (1), ends (2), a row ends (3).
#define MARK(n) asm volatile("nopl 0x5741420" #n "(%%rax)" ::: "memory")

// Runs `before` and then `body` times over; only body is measured.
#define MEASURE_AFTER(name, runs, before, body)             \
	do {                                                \
		for (unsigned int i = 0; i < (runs); i++) { \
			u64 tsc;                            \
                                                            \
			before;                             \
			MARK(1);                            \
			tsc = rdtsc();                      \
			body;                               \
			samples[i] = rdtsc() - tsc;         \
			MARK(2);                            \
		}                                           \
		report(name, runs);                         \
	} while (0)
#define MEASURE(name, body) MEASURE_AFTER(name, 256, , body)

void bench_calls(void);
void bench_events(void);
void bench_entries(void);
void bench_ptwr(void);
void bench_pinning(void);
void bench_traps(void);
void bench_user(void);
void bench_privileged(void);
void bench_grants(void);
void bench_memory(void);

#endif
