// SPDX-License-Identifier: MIT
// A QEMU plugin that counts what a processor executes: instructions, those of
// them in the hypervisor (0xffff800000000000 to 0xffff87ffffffffff), and the
// costly ones among these: CR3 and CR4 loads, WRMSR, INVLPG, port accesses.
//
// What is measured says so itself, with instructions that do nothing else:
//   nopl 0x57414201(%rax)   a sample begins
//   nopl 0x57414202(%rax)   it ends
//   nopl 0x57414203(%rax)   the row ends: the samples' medians are written
//
// Arguments: out=FILE; native=on: no hypervisor, costly ones count everywhere;
// boot=on: stop at dom0's first instruction and write what came before it;
// profile=FILE: how often each of the hypervisor's instructions ran in the
// samples of each row, or in the boot (tests/bench/profile makes sense of it).
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "profile.h"
#include "qemu.h"

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

enum { ALL, HYPERVISOR, CR, WRMSR, INVLPG, PORT, COUNTERS };
static uint64_t now[COUNTERS], before[COUNTERS];

#define MARK 0x574142
enum { MARK_BEGIN = 1, MARK_END, MARK_ROW };
#define SAMPLES 65536
static uint64_t samples[COUNTERS][SAMPLES];
static unsigned int sample_count;
static uint64_t boot_start; // 0 or the count when the hypervisor was entered
static bool in_sample, native, boot;

static void place_count(unsigned int cpu, void *data)
{
	if (in_sample || boot_start) {
		++*(uint64_t *)data;
	}
}

static void profile_row(void)
{
	char name[16];

	snprintf(name, sizeof(name), "%u", sample_count);
	profile_write(name);
}

// --- samples and rows -------------------------------------------------------
static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void row_end(void)
{
	fprintf(out, "row");
	for (int c = 0; c < COUNTERS; c++) {
		qsort(samples[c], sample_count, 8, compare);
		fprintf(out, " %lu",
			sample_count ? samples[c][sample_count / 2] : 0);
	}
	fprintf(out, "\n");
	fflush(out);
	if (profile) {
		profile_row();
	}
	sample_count = 0;
}

static void marker(unsigned int cpu, void *data)
{
	switch ((uintptr_t)data) {
	case MARK_BEGIN:
		memcpy(before, now, sizeof(now));
		in_sample = true;
		break;
	case MARK_END:
		in_sample = false;
		for (int c = 0; c < COUNTERS && sample_count < SAMPLES; c++) {
			samples[c][sample_count] = now[c] - before[c];
		}
		sample_count += sample_count < SAMPLES;
		break;
	case MARK_ROW:
		row_end();
		break;
	}
}

// --- a boot: the way to dom0's first instruction ----------------------------
// Instructions between two looks at a clock or a port, at most 1000 apart, are
// waiting, not work.
static uint64_t last_look, waited;

static void look(unsigned int cpu, void *data)
{
	if (boot_start && now[ALL] - last_look <= 1000) {
		waited += now[ALL] - last_look;
	}
	last_look = now[ALL];
}

static void boot_begin(unsigned int cpu, void *data)
{
	if (!boot_start) {
		boot_start = now[ALL];
	}
}

static void boot_end(unsigned int cpu, void *data)
{
	fprintf(out, "boot %lu %lu %lu\n", boot_start, now[ALL] - boot_start,
		waited);
	fclose(out);
	if (profile) {
		profile_row();
	}
	_exit(0);
}

// --- what an instruction is -------------------------------------------------
// Which counter an instruction has besides the general ones; ALL: none.
static int insn_kind(const uint8_t *byte, size_t size, bool *looks)
{
	size_t i = 0;
	bool operand16 = false, repeat = false;
	int reg;

	while (i < size && (byte[i] == 0x66 || byte[i] == 0xf2 ||
			    byte[i] == 0xf3 || byte[i] == 0xf0)) {
		operand16 |= byte[i] == 0x66;
		repeat |= byte[i] == 0xf3;
		i++;
	}
	i += i < size && (byte[i] & 0xf0) == 0x40;
	if (i >= size) {
		return ALL;
	}
	if ((byte[i] & 0xf4) == 0xe4) { // e4 to e7, ec to ef
		*looks = !(byte[i] & 2);
		return PORT;
	}
	*looks = (byte[i] == 0x90 && repeat) ||
		 (byte[i] == 0x0f && i + 1 < size && byte[i + 1] == 0x31);
	if (byte[i] != 0x0f || i + 2 > size) {
		return ALL;
	}
	if (byte[i + 1] == 0x30) {
		return WRMSR;
	}
	if (i + 3 > size) {
		return ALL;
	}
	switch (byte[i + 1]) {
	case 0x22:
		reg = byte[i + 2] >> 3 & 7;
		return reg == 3 || reg == 4 ? CR : ALL;
	case 0x01:
		return (byte[i + 2] >> 3 & 7) == 7 && byte[i + 2] < 0xc0
			   ? INVLPG
			   : ALL;
	case 0x38:
		return operand16 && byte[i + 2] == 0x82 ? INVLPG : ALL;
	default:
		return ALL;
	}
}

static void insn_marker(struct qemu_plugin_insn *insn, const uint8_t *byte,
			size_t size)
{
	uint32_t word;

	if (size != 7 || memcmp(byte, "\x0f\x1f\x80", 3)) {
		return;
	}
	memcpy(&word, byte + 3, 4);
	if (word >> 8 == MARK) {
		qemu_plugin_register_vcpu_insn_exec_cb(
		    insn, marker, 0, (void *)(uintptr_t)(word & 0xff));
	}
}

static void insn_watch(struct qemu_plugin_insn *insn)
{
	const uint8_t *byte = qemu_plugin_insn_data(insn);
	size_t size = qemu_plugin_insn_size(insn);
	uint64_t address = qemu_plugin_insn_vaddr(insn);
	bool inside = address >> 43 == 0xffff800000000000 >> 43, looks = false;
	int kind = insn_kind(byte, size, &looks);

	insn_marker(insn, byte, size);
	if (boot && address >= 0xffffffff80000000) {
		qemu_plugin_register_vcpu_insn_exec_cb(insn, boot_end, 0, NULL);
	}
	if (boot && address >> 20 == 2) {
		qemu_plugin_register_vcpu_insn_exec_cb(insn, boot_begin, 0,
						       NULL);
	}
	if (boot && looks) {
		qemu_plugin_register_vcpu_insn_exec_cb(insn, look, 0, NULL);
	}
	if ((inside || address >> 20 < 16) && profile) {
		qemu_plugin_register_vcpu_insn_exec_cb(insn, place_count, 0,
						       place_find(address));
	}
	qemu_plugin_register_vcpu_insn_exec_inline(insn, 0, &now[ALL], 1);
	if (inside) {
		qemu_plugin_register_vcpu_insn_exec_inline(insn, 0,
							   &now[HYPERVISOR], 1);
	}
	if (kind != ALL && (inside || native)) {
		qemu_plugin_register_vcpu_insn_exec_inline(insn, 0, &now[kind],
							   1);
	}
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);

	for (size_t i = 0; i < n; i++) {
		insn_watch(qemu_plugin_tb_get_insn(tb, i));
	}
}

__attribute__((visibility("default"))) int
qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc,
		    char **argv)
{
	out = stderr;
	for (int i = 0; i < argc; i++) {
		bool is_native = !strcmp(argv[i], "native=on");
		bool is_boot = !strcmp(argv[i], "boot=on");

		if (!argument_file(argv[i]) && !is_native && !is_boot) {
			return -1;
		}
		native |= is_native;
		boot |= is_boot;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
