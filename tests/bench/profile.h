// SPDX-License-Identifier: MIT
// A counter for each instruction's address, for our plugins' profile=FILE: a
// `row NAME` line, then a line `ADDRESS COUNT` for each that ran
// (tests/bench/profile makes sense of it).
#ifndef BENCH_PROFILE_H
#define BENCH_PROFILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { PLACES_LOG = 20, PLACES = 1 << PLACES_LOG };
static FILE *profile;
static FILE *out; // what else the plugin writes
static struct {
	uint64_t address, count;
} places[PLACES];

static uint64_t *place_find(uint64_t address)
{
	unsigned int i = address * 0x9e3779b97f4a7c15ull >> (64 - PLACES_LOG);

	while (places[i].address && places[i].address != address) {
		i = (i + 1) % PLACES;
	}
	places[i].address = address;
	return &places[i].count;
}

// What was counted since the last time.
static void profile_write(const char *name)
{
	fprintf(profile, "row %s\n", name);
	for (unsigned int i = 0; i < PLACES; i++) {
		if (places[i].count) {
			fprintf(profile, "%lx %lu\n", places[i].address,
				places[i].count);
			places[i].count = 0;
		}
	}
	fflush(profile);
}

// Arguments that all our plugins have: out=FILE (else standard error) and
// profile=FILE. false: it is another; or the file cannot be written.
static bool argument_file(const char *argument)
{
	bool is_out = !strncmp(argument, "out=", 4);
	FILE **file = is_out ? &out : &profile;

	if (!is_out && strncmp(argument, "profile=", 8)) {
		return false;
	}
	*file = fopen(strchr(argument, '=') + 1, "w");
	return *file;
}

#endif
