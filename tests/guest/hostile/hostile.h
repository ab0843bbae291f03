// SPDX-License-Identifier: MIT
// The attacks, each a step that is done again and again on every vCPU.
#ifndef HOSTILE_H
#define HOSTILE_H

#include "smp.h"

struct attacker {
	u64 random; // never 0
	u64 steps;
	u64 resume_rip, resume_rsp; // where a trap goes on
	u64 *scratch;		    // a page for arguments
};
extern struct attacker attackers[VCPUS];

static inline u64 random_next(struct attacker *a)
{
	a->random ^= a->random << 13;
	a->random ^= a->random >> 7;
	a->random ^= a->random << 17;
	return a->random >> 11;
}
static inline u64 below(struct attacker *a, u64 n)
{
	return random_next(a) % n;
}

// The call; what traps on the way is forgotten.
long attack_call(struct attacker *a, u32 nr, u64 a1, u64 a2, u64 a3, u64 a4,
		 u64 a5);
u64 own_mfn(struct attacker *a); // of a frame that nothing needs

void attack_random(struct attacker *a);
void attack_plausible(struct attacker *a);
void attack_spin(struct attacker *a);
void attack_events(struct attacker *a);
void attack_memory(struct attacker *a);
void attack_rings(struct attacker *a);
void attack_faults(struct attacker *a);
void attack_race(struct attacker *a);
void race_prepare(void);
void work(u64 until); // the bystander's

#endif
