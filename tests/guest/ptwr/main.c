// SPDX-License-Identifier: MIT
// Claim: a store to an entry of a level 1 table, which is mapped read-only as
// all tables are, happens as if it were mapped writable, once the entry has
// passed the checks of mmu_update; else it is an ordinary page fault.
//
// Each instruction of forms.c runs twice from the same registers, flags and
// memory: first while the table is an ordinary writable page, then when it is
// pinned and read-only. Memory, registers and defined flags must be the same
// afterwards. A line for each instruction has one character for each of the
// values that the entry has before: `=` the same, `!` a page fault (error code
// 3, cr2 the address, nothing changed), `x` something else, with details.
// Linux uses the instructions of the first part; a hypervisor may leave out
// those after the line "others".
//
// Then: such a store needs vm_assist, a level 1 table and the kernel's mode;
// what it writes is what the processor then uses.
#include "forms.h"

static u64 data_mfn[2];
static u8 *fresh;

static const char *const initial_names[] = {"frame A", "A", "A clean", "odd",
					    "absent A"};
#define INITIALS ARRAY_COUNT(initial_names)

static u64 initial_value(unsigned int i)
{
	const u64 values[INITIALS] = {
	    pte_of(data_mfn[0], 0),
	    pte_of(data_mfn[0], PTE_DATA),
	    pte_of(data_mfn[0], PTE_P | PTE_RW | PTE_US),
	    0x5a5a5a5a5a5a5a5a,
	    pte_of(data_mfn[0], PTE_DATA & ~PTE_P),
	};

	return values[i];
}

static struct form_state state_before(unsigned int initial)
{
	u64 slot = (u64)&table[SLOT];

	return (struct form_state){
	    .rax =
		initial == 4 ? initial_value(4) : pte_of(data_mfn[1], PTE_DATA),
	    .rbx = slot,
	    .rcx = 0xfffffffffffffffd,
	    .rdx = 6,
	    .rsi = SLOT,
	    .rdi = slot,
	    .rbp = slot - 16,
	    .r8 = (u64)table,
	    .r9 = slot - 0x1000,
	    .r10 = pte_of(data_mfn[1], PTE_RO | PTE_NX),
	    .r11 = 0,
	    .r12 = slot,
	    .r13 = slot,
	    .r14 = SLOT * 8,
	    .r15 = initial == 0 ? 0 : PTE_A | PTE_D | PTE_AVAIL,
	    .rflags = 0x202 | (initial & 1 ? 0x8d5 : 0),
	};
}

struct outcome {
	struct form_state state;
	u64 entries[4]; // 0, SLOT and its neighbours
	u32 vector, error;
	u64 cr2;
};

static void run(const struct form *form, unsigned int initial,
		struct outcome *o)
{
	form_state = state_before(initial);
	trap_expect();
	trap_resume = (u64)form_done;
	form_run(form->code);
	trap_resume = 0;
	o->state = form_state;
	o->vector = trap_last.vector;
	o->error = trap_last.error;
	o->cr2 = trap_last.cr2;
	o->entries[0] = table[0];
	memcpy(&o->entries[1], &table[SLOT - 1], 24);
}

static void table_set(u64 value)
{
	table[0] = 0;
	table[SLOT - 1] = table[SLOT + 1] = 0;
	table[SLOT] = value;
}

// The same through hypercalls, while the table is one.
static void table_set_typed(u64 value)
{
	if (table[0]) {
		pte_write(&table[0], 0);
	}
	for (int i = SLOT - 1; i <= SLOT + 1; i++) {
		if (pte_write(&table[i], i == SLOT ? value : 0)) {
			PANIC("entry %d", i);
		}
	}
}

static u64 flags_defined(const struct form *form)
{
	return form->kind == LOGIC  ? ~0x10UL
	       : form->kind == BITS ? ~0x894UL
				    : ~0UL;
}

// A hypervisor adds the global bit and one of those that are free to software
// to a present entry. They may be seen in memory and where it was loaded to.
#define NOT_OURS (PTE_G | 1UL << 52)

static void normalize(const struct form *form, struct outcome *o)
{
	u64 *words = (u64 *)&o->state;

	for (unsigned int i = 0; i < sizeof(o->state) / 8 - 1; i++) {
		words[i] &= ~NOT_OURS;
	}
	for (unsigned int i = 0; i < ARRAY_COUNT(o->entries); i++) {
		o->entries[i] &= ~NOT_OURS;
	}
	o->state.rflags &= flags_defined(form);
}

static bool same(const struct outcome *a, const struct outcome *b)
{
	return a->vector == TRAP_NONE && b->vector == TRAP_NONE &&
	       !memcmp(&a->state, &b->state, sizeof(a->state)) &&
	       !memcmp(a->entries, b->entries, sizeof(a->entries));
}

static bool refused(const struct form *form, const struct outcome *o,
		    unsigned int initial)
{
	struct outcome before = {.state = state_before(initial),
				 .entries = {0, 0, initial_value(initial), 0}};

	normalize(form, &before);
	return o->vector == 14 && o->error == 3 &&
	       !memcmp(o->entries, before.entries, sizeof(before.entries)) &&
	       !memcmp(&o->state, &before.state, sizeof(before.state)) &&
	       o->cr2 >> 12 == (u64)table >> 12;
}

static void say_wrong(unsigned int initial, const struct outcome *a,
		      const struct outcome *b)
{
	const u64 *x = (const u64 *)&a->state, *y = (const u64 *)&b->state;

	printf("  from %s: %s(%x), entry %lx not %lx\n", initial_names[initial],
	       trap_name(b->vector), b->error, b->entries[2], a->entries[2]);
	for (unsigned int i = 0; i < sizeof(a->state) / 8; i++) {
		if (x[i] != y[i]) {
			printf("  register %u: %lx not %lx\n", i, y[i], x[i]);
		}
	}
}

static struct outcome native[160][INITIALS];

static void say_form(const struct form *form)
{
	char line[INITIALS + 1] = {0};
	struct outcome o[INITIALS], *a = native[form - forms_start];

	for (unsigned int i = 0; i < INITIALS; i++) {
		table_set_typed(initial_value(i));
		run(form, i, &o[i]);
		normalize(form, &a[i]);
		normalize(form, &o[i]);
		line[i] = same(&a[i], &o[i])	    ? '='
			  : refused(form, &o[i], i) ? '!'
						    : 'x';
	}
	printf("%s  %s\n", line, form->text);
	for (unsigned int i = 0; i < INITIALS; i++) {
		if (line[i] == 'x' && form->documented) {
			say_wrong(i, &a[i], &o[i]);
		}
	}
}

static void run_natively(void)
{
	for (const struct form *f = forms_start; f < forms_end; f++) {
		for (unsigned int i = 0; i < INITIALS; i++) {
			table_set(initial_value(i));
			run(f, i, &native[f - forms_start][i]);
		}
	}
	memset(table, 0, PAGE_SIZE);
}

static void table_pin(void)
{
	page_protect(table);
	if (mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(table), 0)) {
		PANIC("pin");
	}
}

static const char *try_store(u64 *entry, u64 value)
{
	static char text[32];

	TRY("movq %1, %0", : "=m"(*entry) : "r"(value));
	if (trap_last.vector == TRAP_NONE) {
		return "stored";
	}
	if (trap_last.vector == 14 && trap_last.error < 10) {
		memcpy(text, "#PF 0", 6);
		text[4] += trap_last.error;
		return text;
	}
	return trap_name(trap_last.vector);
}

static void say_illegal(void)
{
	u64 legal = pte_of(data_mfn[0], PTE_DATA);
	u64 *e = &table[SLOT];

	printf("a writable mapping of itself: %s\n",
	       try_store(e, pte_of(virt_to_mfn(table), PTE_DATA)));
	printf("a read-only mapping of itself: %s\n",
	       try_store(e, pte_of(virt_to_mfn(table), PTE_RO)));
	printf("a writable mapping of the root: %s\n",
	       try_store(e, pte_of(virt_to_mfn((void *)start_info->pt_base),
				   PTE_DATA)));
	printf("a frame that does not exist: %s\n",
	       try_store(e, 0x000ffffffffff000 | PTE_DATA));
	printf("physical address bit 51: %s\n",
	       try_store(e, legal | 1UL << 51));
	printf("bit 52: %s\n", try_store(e, legal | 1UL << 52));
	printf("global: %s\n", try_store(e, legal | PTE_G));
	printf("uncached: %s\n", try_store(e, legal | PTE_PCD | PTE_PWT));
	printf("the PAT bit: %s\n", try_store(e, legal | PTE_PSE));
	printf("avail bits: %s\n", try_store(e, legal | 0xe00));
	printf("no user bit: %s", try_store(e, legal & ~PTE_US));
	printf(", now %lx\n", *e & 0xff);
	printf("nothing: %s\n", try_store(e, 0));
}

static void say_places(void)
{
	u64 legal = pte_of(data_mfn[0], PTE_DATA);
	u64 *l2 = pte_find((u64)table, 2);
	u64 va = REGION_KERNEL + 0x5000;
	u64 *live;

	printf("first entry: %s\n", try_store(&table[0], legal));
	printf("last entry: %s\n", try_store(&table[511], legal));
	printf("a level 2 table: %s\n", try_store(l2 + 3, 0));
	page_protect(fresh);
	printf("a read-only data page: %s\n", try_store((u64 *)fresh, legal));
	page_unprotect(fresh);
	live = pte_make(va, 1);
	printf("a table in use: %s\n", try_store(live, legal));
	*(volatile u64 *)va = 0x1234;
	printf("a store through what it maps: %lx\n",
	       *(volatile u64 *)mfn_to_virt(data_mfn[0]));
	printf("changed: %s\n", try_store(live, pte_of(data_mfn[1], PTE_DATA)));
	mmuext(MMUEXT_INVLPG_LOCAL, va, 0);
	printf("then there is: %lx\n", *(volatile u64 *)va);
	page_map(REGION_KERNEL + 0x9000, virt_to_mfn(table), PTE_RO);
	printf("through another mapping: %s\n",
	       try_store((u64 *)(REGION_KERNEL + 0x9000) + 7, legal));
	ok((table[7] & ~NOT_OURS) == legal, "it is the same entry");
}

USER_SNIPPET(user_store, "mov %rax, (%rdi); syscall");

static void say_user(void)
{
	u64 va = REGION_USER + 0x8000;
	struct regs r = {.rdi = va + SLOT * 8, .rax = 0};

	user_init();
	page_map(va, virt_to_mfn(table), PTE_RO);
	user_run_code(&r, user_store_start, user_store_end);
	printf("in user mode: %s(%x)\n", trap_name(r.vector), r.error);
}

static void say_assist(void)
{
	const unsigned int type = VMASST_TYPE_writable_pagetables;

	printf("without vm_assist: %s\n", try_store(&table[SLOT], 0));
	ok(!hv_vm_assist(VMASST_CMD_enable, type), "vm_assist takes it");
	printf("with vm_assist: %s\n", try_store(&table[SLOT], 0));
}

int guest_main(void)
{
	bool others = false;

	// Two whose numbers differ in the last digit only, so that the bytes of
	// one in the entry of the other make an entry of one of them.
	do {
		data_mfn[0] = virt_to_mfn(page_alloc());
		data_mfn[1] = virt_to_mfn(page_alloc());
	} while (data_mfn[0] >> 4 != data_mfn[1] >> 4);
	fresh = page_alloc();
	run_natively();
	printf("without a table: %s\n", try_store(&table[SLOT], 0));
	table_pin();
	say_assist();
	for (const struct form *f = forms_start; f < forms_end; f++) {
		if (!f->documented && !others) {
			printf("others\n");
			others = true;
		}
		say_form(f);
	}
	table_set_typed(0);
	say_illegal();
	say_places();
	say_user();
	mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(table), 0);
	printf("unpinned: %s\n", try_store(&table[SLOT], 0));
	return failed_count != 0;
}
