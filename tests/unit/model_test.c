// SPDX-License-Identifier: MIT
// Random operations, predicted by the reference model (tests/model), compared
// in results, errnos and counts, with the audit after each step. Repeats to the
// digit; MODEL_SEED and MODEL_SEQUENCES choose others, MODEL_STEPS how long a
// sequence is, MODEL_TRACE=1 says each result.
#include "mm_machine.h"

#include "../model/host.h"
#include "../model/machine.h"

static u64 given(const char *name, u64 otherwise)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 0) : otherwise;
}

static void run(u32 domains)
{
	u64 seed = given("MODEL_SEED", 1), n = given("MODEL_SEQUENCES", 150);
	u64 steps = 0, linear = 0;
	u32 each = (u32)given("MODEL_STEPS", 300);

	machine_domains = domains;
	host_traces = given("MODEL_TRACE", 0);
	host_differences = 0;
	for (u64 i = 0; i < n && !host_differences; i++) {
		steps += ops_run(NULL, 0, seed + i, each);
		linear += ops_model.linear;
		if (host_differences) {
			printf("MODEL_SEED=%lu\n", seed + i);
		}
	}
	printf("# %lu steps of %lu sequences, %lu ended at a linear table\n",
	       steps, n, linear);
	assert_int_equal(host_differences, 0);
	fake_fini();
}

static void one_domain_is_as_the_model_says(void **state)
{
	run(1);
}

static void three_domains_are_as_the_model_says(void **state)
{
	run(3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_domain_is_as_the_model_says),
	    cmocka_unit_test(three_domains_are_as_the_model_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
