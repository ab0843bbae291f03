// SPDX-License-Identifier: MIT
// Rounds of operations by all the fake machine's processors at once. After each
// round all pause, and all is counted again.
#ifndef RACE_H
#define RACE_H

#include "mm_machine.h"

#include <pthread.h>
#include <unistd.h>

#define RACE_SECONDS 290 // a deadlock is a failure

static struct {
	struct vcpu *who[FAKE_CPUS]; // the vCPU that each runs
	void (*op)(void);
	u32 rounds, ops; // of each processor in a round
	u32 wrong;	 // audits that were not clean
	pthread_barrier_t barrier;
} race;

static inline u32 race_rounds(u32 otherwise)
{
	const char *given = getenv("MM_ROUNDS");

	return given ? (u32)strtoul(given, NULL, 0) : otherwise;
}

static void *race_processor(void *number)
{
	u32 cpu = (u32)(u64)number;

	random_state += cpu * 0x9e3779b97f4a7c15ull;
	fake_run(cpu, race.who[cpu]);
	for (u32 round = 0; round < race.rounds; round++) {
		for (u32 i = 0; i < race.ops; i++) {
			fake_enter();
			race.op();
			fake_leave();
		}
		pthread_barrier_wait(&race.barrier);
		if (cpu == 0) {
			fake_verbose = true;
			race.wrong += page_audit() != 0;
			fake_verbose = false;
		}
		pthread_barrier_wait(&race.barrier);
	}
	return NULL;
}

// race.who says who runs.
static inline void race_run(void (*op)(void), u32 rounds, u32 ops)
{
	pthread_t threads[FAKE_CPUS];

	race.op = op;
	race.rounds = rounds;
	race.ops = ops;
	pthread_barrier_init(&race.barrier, NULL, FAKE_CPUS);
	alarm(RACE_SECONDS);
	for (u64 i = 0; i < FAKE_CPUS; i++) {
		pthread_create(&threads[i], NULL, race_processor, (void *)i);
	}
	for (u32 i = 0; i < FAKE_CPUS; i++) {
		pthread_join(threads[i], NULL);
	}
	assert_int_equal(race.wrong, 0);
}

#endif
