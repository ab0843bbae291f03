// SPDX-License-Identifier: MIT
// Fill the slots of entry.S and uaccess.S, once, before other CPUs start.
#include <wabe/cpu.h>

#include "slots.h"
#include "entry.h"

// The operand of VERW: any writable data segment.
static const u16 verw_selector = SEL_HV_DS;

static bool slot_wanted(u32 kind)
{
	return kind == SLOT_LFENCE ? cpu_features.intel
	       : kind == SLOT_VERW ? cpu_features.md_clear
				   : cpu_features.smap;
}

static void slot_fill(u8 *at, u32 kind)
{
	static const u8 code[3][3] = {
	    [SLOT_STAC] = {0x0f, 0x01, 0xcb},
	    [SLOT_CLAC] = {0x0f, 0x01, 0xca},
	    [SLOT_LFENCE] = {0x0f, 0xae, 0xe8},
	};

	if (kind == SLOT_VERW) {
		s32 distance = (s32)((u64)&verw_selector - (u64)(at + 7));

		at[1] = 0x00;
		at[2] = 0x2d; // verw distance(%rip)
		memcpy(at + 3, &distance, sizeof(distance));
		return;
	}
	memcpy(at, code[kind], sizeof(code[kind]));
}

static void slots_fill_table(const s32 *table)
{
	for (; table[0]; table += 2) {
		if (slot_wanted((u32)table[1])) {
			slot_fill((u8 *)table + table[0], (u32)table[1]);
		}
	}
}

void slots_fill(void)
{
	u64 cr0 = X86_READ_CR(0);

	X86_WRITE_CR(0, cr0 & ~CR0_WP);
	slots_fill_table(entry_slots);
	slots_fill_table(uaccess_slots);
	X86_WRITE_CR(0, cr0);
	cpuid(0, 0); // serialises
}
