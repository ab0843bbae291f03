// SPDX-License-Identifier: MIT
// A QEMU plugin that writes down how many instructions had been executed, and
// how many of them in the hypervisor, whenever something of interest begins:
//
//   out=FILE                 a line each: NAME INSTRUCTIONS IN-THE-HYPERVISOR
//   watch=NAME:OFFSET:BYTES  code that begins at this offset in its page with
//                            these bytes (hex), wherever it is mapped
//   profile=FILE             how often each instruction ran since the line
//                            before, as "row NAME", "ADDRESS COUNT"
//
// `nopl 0x57414201(%rax)`, wherever it stands, is called "begin", ...02 "end",
// ...04 "output".
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile.h"
#include "qemu.h"

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

enum { WATCHES = 16, CODE = 32, CODE_LEAST = 10 };

static struct watch {
	char name[32];
	uint64_t offset;
	uint8_t code[CODE];
	size_t bytes;
} watches[WATCHES];
static size_t watch_count;
static uint64_t all, hypervisor;

static void reached(unsigned int cpu, void *name)
{
	fprintf(out, "%s %lu %lu\n", (char *)name, all, hypervisor);
	fflush(out);
	if (profile) {
		profile_write(name);
	}
}

// The first bytes of a block's code; returns how many.
static size_t code_read(const struct qemu_plugin_tb *tb, uint8_t code[CODE])
{
	size_t used = 0;

	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb) && used < CODE; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		size_t n = qemu_plugin_insn_size(insn);

		n = n < CODE - used ? n : CODE - used;
		memcpy(code + used, qemu_plugin_insn_data(insn), n);
		used += n;
	}
	return used;
}

static void block_match(const struct qemu_plugin_tb *tb)
{
	struct qemu_plugin_insn *first = qemu_plugin_tb_get_insn(tb, 0);
	uint64_t offset = qemu_plugin_insn_vaddr(first) & 0xfff;
	uint8_t code[CODE];
	size_t bytes = code_read(tb, code);

	for (struct watch *w = watches; w < watches + watch_count; w++) {
		size_t n = bytes < w->bytes ? bytes : w->bytes;

		if (w->offset == offset && n >= CODE_LEAST &&
		    !memcmp(w->code, code, n)) {
			qemu_plugin_register_vcpu_insn_exec_cb(first, reached,
							       0, w->name);
		}
	}
}

static void insn_match(struct qemu_plugin_insn *insn)
{
	static char *const names[] = {"begin", "end", "row", "output"};
	const uint8_t *byte = qemu_plugin_insn_data(insn);
	uint32_t word;

	if (qemu_plugin_insn_size(insn) != 7 ||
	    memcmp(byte, "\x0f\x1f\x80", 3)) {
		return;
	}
	memcpy(&word, byte + 3, 4);
	if (word - 0x57414201 < 4) {
		qemu_plugin_register_vcpu_insn_exec_cb(
		    insn, reached, 0, names[word - 0x57414201]);
	}
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);

	block_match(tb);
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t address = qemu_plugin_insn_vaddr(insn);

		insn_match(insn);
		qemu_plugin_register_vcpu_insn_exec_inline(insn, 0, &all, 1);
		if (address >> 43 == 0xffff800000000000 >> 43) {
			qemu_plugin_register_vcpu_insn_exec_inline(
			    insn, 0, &hypervisor, 1);
		}
		if (profile) {
			qemu_plugin_register_vcpu_insn_exec_inline(
			    insn, 0, place_find(address), 1);
		}
	}
}

static bool watch_read(const char *text)
{
	struct watch *w = &watches[watch_count];
	char code[2 * CODE + 1];

	if (watch_count == WATCHES || sscanf(text, "%31[^:]:%lx:%64[0-9a-f]",
					     w->name, &w->offset, code) != 3) {
		return false;
	}
	for (w->bytes = 0; code[2 * w->bytes]; w->bytes++) {
		sscanf(code + 2 * w->bytes, "%2hhx", &w->code[w->bytes]);
	}
	watch_count++;
	return true;
}

__attribute__((visibility("default"))) int
qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc,
		    char **argv)
{
	out = stderr;
	for (int i = 0; i < argc; i++) {
		if (!argument_file(argv[i]) && (strncmp(argv[i], "watch=", 6) ||
						!watch_read(argv[i] + 6))) {
			return -1;
		}
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
