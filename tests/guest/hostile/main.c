// SPDX-License-Identifier: MIT
// Claim: whatever a guest does, it does to itself.
//
// As a domU, told by its command line: `ATTACK SEED MS`. All its vCPUs do steps
// of the attack for that time; the same seed makes the same choices. What the
// attacks are: calls.c (random and plausible hypercalls), abuse.c (the others).
// `work` is the bystander's: it uses memory, processor, timer and events, and
// says whether it lost any (work.c). tests/system/hostile.sh lets them run
// beside each other and looks at what is left. As dom0 it does a little of each
// that does not end it: the hypervisor must go on.
#include "hostile.h"

struct attacker attackers[VCPUS];

static const struct {
	const char *name;
	void (*step)(struct attacker *a);
	bool for_dom0;
} attacks[] = {
    {"random", attack_random, false}, {"plausible", attack_plausible, false},
    {"spin", attack_spin, true},      {"events", attack_events, true},
    {"memory", attack_memory, true},  {"rings", attack_rings, false},
    {"faults", attack_faults, false}, {"race", attack_race, true},
};
static u32 attack;
static u64 until;
static u32 finished; // vCPUs

static bool survive(struct regs *regs)
{
	struct attacker *a = &attackers[vcpu_of_stack((u64)regs)];

	if (regs->vector == TRAP_EVENT || !a->resume_rip) {
		return false;
	}
	regs->rip = a->resume_rip;
	regs->rsp = a->resume_rsp;
	regs->cs = KERNEL_CS;
	regs->ss = FLAT_KERNEL_SS;
	regs->rflags &= ~0x100UL;
	return true;
}

// rbx and rbp come back by the stack: after a trap they may be anything.
long attack_call(struct attacker *a, u32 nr, u64 a1, u64 a2, u64 a3, u64 a4,
		 u64 a5)
{
	register u64 r10 asm("r10") = a4;
	register u64 r8 asm("r8") = a5;
	long rc = nr;

	asm volatile(
	    "push %%rbx; push %%rbp;"
	    "lea 1f(%%rip), %%r9; mov %%r9, %c[rip](%[a]);"
	    "mov %%rsp, %c[rsp](%[a]); call hypercall_entry;"
	    "1: pop %%rbp; pop %%rbx"
	    : "+a"(rc), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10), "+r"(r8)
	    : [a] "r"(a), [rip] "i"(offsetof(struct attacker, resume_rip)),
	      [rsp] "i"(offsetof(struct attacker, resume_rsp))
	    : "rcx", "r9", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
	a->resume_rip = 0;
	return rc;
}

static void run(u64 id)
{
	struct attacker *a = &attackers[id];

	while (time_now() < until) {
		attacks[attack].step(a);
		a->steps++;
	}
	__atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
}

static void attack_with(u32 which, u64 seed, u64 ms)
{
	u32 vcpus = 1;
	u64 steps = 0;

	attack = which;
	finished = 0;
	until = time_now() + ms * 1000000;
	for (u32 i = 0; i < VCPUS; i++) {
		attackers[i].random = (seed + 1) * 0x9e3779b97f4a7c15 + i;
		attackers[i].scratch =
		    attackers[i].scratch ? attackers[i].scratch : page_alloc();
	}
	printf("%s seed %lu\n", attacks[which].name, seed);
	race_prepare();
	while (vcpus < VCPUS && !vcpu_start(vcpus, run, vcpus)) {
		vcpus++;
	}
	run(0);
	while (__atomic_load_n(&finished, __ATOMIC_SEQ_CST) < vcpus &&
	       time_now() < until + 1000000000) {
		hv_sched_op(SCHEDOP_yield, NULL);
	}
	for (u32 i = 0; i < vcpus; i++) {
		steps += attackers[i].steps;
	}
	ok(steps > 0, "%s", attacks[which].name);
	if (!is_dom0()) {
		printf("%lu steps on %u vCPUs\n", steps, vcpus);
	}
}

static bool begins(const char **text, const char *word)
{
	size_t n = strlen(word);

	if (memcmp(*text, word, n) != 0) {
		return false;
	}
	*text += n;
	return true;
}

static void obey(const char *words)
{
	u64 seed;

	if (begins(&words, "work")) {
		seed = number_take(&words);
		work(time_now() + number_take(&words) * 1000000);
		return;
	}
	for (u32 i = 0; i < ARRAY_COUNT(attacks); i++) {
		if (begins(&words, attacks[i].name)) {
			trap_hook = survive;
			seed = number_take(&words);
			attack_with(i, seed, number_take(&words));
			return;
		}
	}
	printf("no attack: %s\n", words);
}

int guest_main(void)
{
	if (!is_dom0()) {
		obey((const char *)start_info->cmd_line);
		return failed_count != 0;
	}
	trap_hook = survive;
	for (u32 i = 0; i < ARRAY_COUNT(attacks); i++) {
		if (attacks[i].for_dom0) {
			attack_with(i, 1, 50);
		}
	}
	return failed_count != 0;
}
