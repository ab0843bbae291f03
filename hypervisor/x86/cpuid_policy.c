// SPDX-License-Identifier: MIT
// CPU policies: tables of CPUID leaves. A feature is in a PV guest's policy
// when it is in the list below and the processor has it; of other leaves only
// the registers named in `kept` are passed on.
//
// Each vCPU is shown as a package of its own (no HTT, no core counts): where
// it runs changes, so caches and siblings of the machine would be lies.
#include <wabe/alloc.h>
#include <wabe/cpu.h>
#include <wabe/cpuid.h>
#include <wabe/domain.h>
#include <wabe/lib.h>

#include <xen/arch-x86/cpufeatureset.h>
#include <xen/sysctl.h>

#define EXTENDED 0x80000000
#define NO_SUBLEAF XEN_CPUID_NO_SUBLEAF
#define MSR_ARCH_CAPABILITIES 0x10a

#define XCR0_X87_SSE 3
#define XCR0_AVX 4
#define XSTATE_LEGACY_BYTES 0x240 // FXSAVE image and XSAVE header

#define F(name) XEN_X86_FEATURE_##name

// What PV guests may have. Left out: what needs state that is not switched
// (AVX-512, MPX, PKU, speculation MSRs), supervisor features (SMEP, PCID,
// large pages), virtualisation, TSX, and power management.
static const u16 pv_features[] = {
    // 1.edx
    F(FPU),
    F(DE),
    F(TSC),
    F(MSR),
    F(PAE),
    F(MCE),
    F(CX8),
    F(APIC),
    F(SEP),
    F(MCA),
    F(CMOV),
    F(PAT),
    F(CLFLUSH),
    F(ACPI),
    F(MMX),
    F(FXSR),
    F(SSE),
    F(SSE2),
    F(SS),
    // 1.ecx
    F(SSE3),
    F(PCLMULQDQ),
    F(SSSE3),
    F(FMA),
    F(CX16),
    F(SSE4_1),
    F(SSE4_2),
    F(MOVBE),
    F(POPCNT),
    F(AESNI),
    F(XSAVE),
    F(AVX),
    F(F16C),
    F(RDRAND),
    F(HYPERVISOR),
    // 80000001.edx
    F(SYSCALL),
    F(NX),
    F(MMXEXT),
    F(RDTSCP),
    F(LM),
    F(3DNOWEXT),
    F(3DNOW),
    // 80000001.ecx
    F(LAHF_LM),
    F(ABM),
    F(SSE4A),
    F(MISALIGNSSE),
    F(3DNOWPREFETCH),
    F(XOP),
    F(FMA4),
    F(TBM),
    // d.1.eax
    F(XSAVEOPT),
    F(XSAVEC),
    F(XGETBV1),
    // 7.ebx
    F(FSGSBASE),
    F(BMI1),
    F(AVX2),
    F(FDP_EXCP_ONLY),
    F(BMI2),
    F(ERMS),
    F(NO_FPU_SEL),
    F(RDSEED),
    F(ADX),
    F(CLFLUSHOPT),
    F(CLWB),
    F(SHA),
    // 7.ecx
    F(PREFETCHWT1),
    F(GFNI),
    F(VAES),
    F(VPCLMULQDQ),
    F(CLDEMOTE),
    // 80000007.edx (not by default), 80000008.ebx
    F(ITSC),
    F(CLZERO),
    F(RSTR_FP_ERR_PTRS),
    F(IBPB),
    F(SSB_NO),
    F(BTC_NO),
    F(IBPB_RET),
    // 7.edx, 7.1.eax
    F(FSRM),
    F(MD_CLEAR),
    F(SERIALIZE),
    F(ARCH_CAPS),
    F(AVX_VNNI),
    F(FZRM),
    F(FSRS),
    F(FSRCS),
    // 80000021.eax, .ecx, 7.2.edx
    F(LFENCE_DISPATCH),
    F(VERW_CLEAR),
    F(NSCB),
    F(SRSO_NO),
    F(SRSO_US_NO),
    F(TSA_SQ_NO),
    F(TSA_L1_NO),
    F(MCDT_NO),
    // MSR ARCH_CAPABILITIES
    F(RDCL_NO),
    F(RSBA),
    F(INTEL_SSB_NO),
    F(MDS_NO),
    F(IF_PSCHANGE_MC_NO),
    F(TAA_NO),
    F(SBDR_SSDP_NO),
    F(FBSDP_NO),
    F(PSDP_NO),
    F(FB_CLEAR),
    F(RRSBA),
    F(BHI_NO),
    F(PBRSB_NO),
    F(GDS_NO),
    F(RFDS_NO),
    F(RFDS_CLEAR),
    F(ITS_NO),
};

// A feature goes where the one it needs is missing. In this order.
static const u16 needs[][2] = {
    {F(XSAVEOPT), F(XSAVE)}, {F(XSAVEC), F(XSAVE)},   {F(XGETBV1), F(XSAVE)},
    {F(AVX), F(XSAVE)},	     {F(FMA), F(AVX)},	      {F(F16C), F(AVX)},
    {F(AVX2), F(AVX)},	     {F(XOP), F(AVX)},	      {F(FMA4), F(AVX)},
    {F(VAES), F(AVX)},	     {F(VPCLMULQDQ), F(AVX)}, {F(AVX_VNNI), F(AVX2)},
};

// Of 1.edx, what AMD repeats in 80000001.edx.
#define COMMON_EDX 0x0183f3ff

enum { REG_A, REG_B, REG_C, REG_D };
#define A BIT(REG_A)
#define B BIT(REG_B)
#define C BIT(REG_C)
#define D BIT(REG_D)
#define EXT(n) (CPU_POLICY_EXTENDED_SLOT + (n))

// Leaves with subleaves: subleaf 0 stands in the leaf's own slot, 1 in `slot`.
static const struct subleaves {
	u8 leaf, count, slot;
} subleaves[] = {{4, 6, 14}, {7, 3, 19}, {0xb, 2, 21}, {0xd, 3, 22}};

// Where the words of a feature set stand (16 and 17 are an MSR's).
static const struct {
	u8 slot, reg;
} places[CPU_FEATURE_WORDS] = {
    {1, REG_D},	     {1, REG_C},  {EXT(1), REG_D},    {EXT(1), REG_C},
    {22, REG_A},     {7, REG_B},  {7, REG_C},	      {EXT(7), REG_D},
    {EXT(8), REG_B}, {7, REG_D},  {19, REG_A},	      {EXT(0x21), REG_A},
    {19, REG_B},     {20, REG_D}, {19, REG_C},	      {19, REG_D},
    {0, 0},	     {0, 0},	  {EXT(0x21), REG_C},
};
#define WORD_ARCH_CAPS 16

// Registers that are no feature words and that a guest sees as they are:
// signatures, brand, caches and TLBs.
static const u8 kept[CPU_POLICY_SLOTS] = {
    [0] = A | B | C | D,
    [1] = A | B,
    [2] = A | B | C | D,
    [4] = A | B | C | D,
    [7] = A,
    [14 ... 18] = A | B | C | D,
    [EXT(0)] = A | B | C | D,
    [EXT(1)] = A | B,
    [EXT(2)... EXT(6)] = A | B | C | D,
    [EXT(0x19)... EXT(0x1a)] = A | B | C | D,
};

// The machine's policies. Constant after boot.
static struct cpu_policy policy_host, policy_pv_max, policy_pv, policy_dom0,
    policy_none;
static u32 pv_words[CPU_FEATURE_WORDS];

static const struct subleaves *subleaves_of(u32 leaf)
{
	for (u32 n = 0; n < ARRAY_SIZE(subleaves); n++) {
		if (subleaves[n].leaf == leaf) {
			return &subleaves[n];
		}
	}
	return NULL;
}

u32 cpu_policy_subleaves(u32 leaf)
{
	const struct subleaves *s = subleaves_of(leaf);

	return s ? s->count : 0;
}

int cpu_policy_slot(u32 leaf, u32 subleaf)
{
	const struct subleaves *s;

	if (leaf >= EXTENDED) {
		leaf -= EXTENDED;
		return leaf < CPU_POLICY_EXTENDED ? (int)EXT(leaf) : -1;
	}
	if (leaf >= CPU_POLICY_BASIC) {
		return -1;
	}
	s = subleaves_of(leaf);
	if (!s || subleaf == 0) {
		return leaf;
	}
	return subleaf < s->count ? (int)(s->slot + subleaf - 1) : -1;
}

static u32 *reg_at(const struct cpu_policy *p, u32 slot, u32 reg)
{
	return (u32 *)&p->leaf[slot] + reg;
}

void cpu_policy_words(const struct cpu_policy *p, u32 words[CPU_FEATURE_WORDS])
{
	for (u32 n = 0; n < CPU_FEATURE_WORDS; n++) {
		words[n] = *reg_at(p, places[n].slot, places[n].reg);
	}
	words[WORD_ARCH_CAPS] = p->arch_caps;
	words[WORD_ARCH_CAPS + 1] = p->arch_caps >> 32;
}

static void words_put(struct cpu_policy *p, const u32 words[CPU_FEATURE_WORDS])
{
	for (u32 n = 0; n < CPU_FEATURE_WORDS; n++) {
		if (n != WORD_ARCH_CAPS && n != WORD_ARCH_CAPS + 1) {
			*reg_at(p, places[n].slot, places[n].reg) = words[n];
		}
	}
	p->arch_caps =
	    (u64)words[WORD_ARCH_CAPS + 1] << 32 | words[WORD_ARCH_CAPS];
}

static bool word_has(const u32 *words, u32 feature)
{
	return words[feature / 32] >> feature % 32 & 1;
}

static void word_clear(u32 *words, u32 feature)
{
	words[feature / 32] &= ~(1u << feature % 32);
}

static void word_set(u32 *words, u32 feature)
{
	words[feature / 32] |= 1u << feature % 32;
}

bool cpu_policy_has(const struct cpu_policy *p, u32 feature)
{
	u32 word = feature / 32;

	if (word >= WORD_ARCH_CAPS && word <= WORD_ARCH_CAPS + 1) {
		return p->arch_caps >> (feature - 32 * WORD_ARCH_CAPS) & 1;
	}
	return *reg_at(p, places[word].slot, places[word].reg) >> feature % 32 &
	       1;
}

// Take out what misses something it needs.
static void words_settle(u32 *words)
{
	for (u32 n = 0; n < ARRAY_SIZE(needs); n++) {
		if (!word_has(words, needs[n][1])) {
			word_clear(words, needs[n][0]);
		}
	}
	if (!word_has(words, F(ARCH_CAPS))) {
		words[WORD_ARCH_CAPS] = words[WORD_ARCH_CAPS + 1] = 0;
	}
}

// The XSAVE leaf from scratch. Sizes that depend on XCR0 are cpuid_guest()'s.
static void xstate_fill(struct cpu_policy *p)
{
	const struct cpuid_regs *avx =
	    &policy_host.leaf[cpu_policy_slot(0xd, 2)];
	struct cpuid_regs *all = &p->leaf[0xd];

	if (!cpu_policy_has(p, F(XSAVE))) {
		return;
	}
	*all = (struct cpuid_regs){.a = XCR0_X87_SSE, .c = XSTATE_LEGACY_BYTES};
	if (cpu_policy_has(p, F(AVX))) {
		all->a |= XCR0_AVX;
		all->c = avx->a + avx->b;
		p->leaf[cpu_policy_slot(0xd, 2)] = *avx;
	}
	all->b = all->c;
}

// Leaves past the highest that the policy names are 0.
static void leaves_cut(struct cpu_policy *p)
{
	u32 extended = p->leaf[EXT(0)].a & 0xffff;

	for (u32 n = p->leaf[0].a + 1; n < CPU_POLICY_BASIC; n++) {
		const struct subleaves *s = subleaves_of(n);

		p->leaf[n] = (struct cpuid_regs){0};
		for (u32 sub = 1; s && sub < s->count; sub++) {
			p->leaf[s->slot + sub - 1] = (struct cpuid_regs){0};
		}
	}
	for (u32 n = extended + 1; n < CPU_POLICY_EXTENDED; n++) {
		p->leaf[EXT(n)] = (struct cpuid_regs){0};
	}
}

// Registers that are neither kept nor feature words become 0.
static void leaves_mask(struct cpu_policy *p)
{
	for (u32 n = 0; n < CPU_POLICY_SLOTS; n++) {
		for (u32 reg = REG_A; reg <= REG_D; reg++) {
			if (!(kept[n] & BIT(reg))) {
				*reg_at(p, n, reg) = 0;
			}
		}
	}
}

// What is the same for everyone, whatever the toolstack said.
static void leaves_fix(struct cpu_policy *p)
{
	const struct cpu_policy *host = &policy_host;
	u32 max = p->leaf[0].a, max_extended = p->leaf[EXT(0)].a;

	p->leaf[0] = host->leaf[0];
	p->leaf[0].a = max;
	p->leaf[1].b &= 0xffff; // brand, cache line; no package or APIC ids
	p->leaf[4].a &= 0x3fff; // no numbers of cores and sharers
	for (u32 n = 14; n <= 18; n++) {
		p->leaf[n].a &= 0x3fff;
	}
	p->leaf[7].a = MIN(p->leaf[7].a, 2);
	p->leaf[EXT(0)] = host->leaf[EXT(0)];
	p->leaf[EXT(0)].a = max_extended;
	// Address widths: PV guests have four levels of tables.
	p->leaf[EXT(8)].a = (host->leaf[EXT(8)].a & ~0xff00u) | 48 << 8;
	if (!cpu_features.intel) {
		p->leaf[EXT(1)].d |= p->leaf[1].d & COMMON_EDX;
	}
}

static int max_check(u32 max, u32 limit, u32 leaf, struct cpu_policy_error *err)
{
	if (max <= limit) {
		return 0;
	}
	err->leaf = leaf;
	err->subleaf = leaf == 7 ? 0 : NO_SUBLEAF;
	return -EINVAL;
}

static u32 extended_limit(void)
{
	return MIN(policy_host.leaf[EXT(0)].a,
		   EXTENDED + CPU_POLICY_EXTENDED - 1);
}

int cpu_policy_finish(struct cpu_policy *p, struct cpu_policy_error *err)
{
	u32 words[CPU_FEATURE_WORDS];

	if (max_check(p->leaf[0].a,
		      MIN(policy_host.leaf[0].a, CPU_POLICY_BASIC - 1), 0,
		      err) ||
	    max_check(p->leaf[7].a, policy_host.leaf[7].a, 7, err) ||
	    max_check(p->leaf[EXT(0)].a, extended_limit(), EXTENDED, err)) {
		return -EINVAL;
	}
	cpu_policy_words(p, words);
	for (u32 n = 0; n < CPU_FEATURE_WORDS; n++) {
		words[n] &= pv_words[n];
	}
	word_set(words, F(HYPERVISOR));
	word_set(words, F(APIC));
	words_settle(words);
	leaves_mask(p);
	words_put(p, words);
	leaves_fix(p);
	xstate_fill(p);
	leaves_cut(p);
	return 0;
}

// --- boot -------------------------------------------------------------------

static void host_fill(struct cpu_policy *p)
{
	u32 max = cpuid(0, 0).a, max_extended = cpuid(EXTENDED, 0).a;
	u64 caps;

	for (u32 n = 0; n < CPU_POLICY_BASIC && n <= max; n++) {
		const struct subleaves *s = subleaves_of(n);

		p->leaf[n] = cpuid(n, 0);
		for (u32 sub = 1; s && sub < s->count; sub++) {
			p->leaf[s->slot + sub - 1] = cpuid(n, sub);
		}
	}
	for (u32 n = 0; n < CPU_POLICY_EXTENDED; n++) {
		if (EXTENDED + n <= max_extended) {
			p->leaf[EXT(n)] = cpuid(EXTENDED + n, 0);
		}
	}
	if (cpu_policy_has(p, F(ARCH_CAPS)) &&
	    !rdmsr_safe(MSR_ARCH_CAPABILITIES, &caps)) {
		p->arch_caps = caps;
	}
	p->hypervisor_limit = 0xff;
}

// The list, less what this hypervisor does not switch on.
static void pv_words_fill(void)
{
	u32 host[CPU_FEATURE_WORDS];

	for (u32 n = 0; n < ARRAY_SIZE(pv_features); n++) {
		word_set(pv_words, pv_features[n]);
	}
	if (!cpu_features.intel) {
		word_clear(pv_words, F(SEP));
	}
	if (!cpu_features.fsgsbase) {
		word_clear(pv_words, F(FSGSBASE));
	}
	if (!cpu_features.xsave) {
		word_clear(pv_words, F(XSAVE));
	}
	if (!(cpu_features.xcr0 & XCR0_AVX)) {
		word_clear(pv_words, F(AVX));
	}
	cpu_policy_words(&policy_host, host);
	for (u32 n = 0; n < CPU_FEATURE_WORDS; n++) {
		pv_words[n] &= host[n];
	}
	words_settle(pv_words);
}

// Limits of the machine, then what PV allows.
static void pv_fill(struct cpu_policy *p)
{
	struct cpu_policy_error err;

	*p = policy_host;
	p->leaf[0].a = MIN(p->leaf[0].a, CPU_POLICY_BASIC - 1);
	p->leaf[7].a = MIN(p->leaf[7].a, 2);
	p->leaf[EXT(0)].a = extended_limit();
	BUG_ON(cpu_policy_finish(p, &err));
}

static void feature_clear(struct cpu_policy *p, u32 feature)
{
	u32 word = feature / 32;

	*reg_at(p, places[word].slot, places[word].reg) &=
	    ~(1u << feature % 32);
}

void cpu_policies_init(void)
{
	host_fill(&policy_host);
	pv_words_fill();
	pv_fill(&policy_pv_max);
	policy_dom0 = policy_pv_max;
	if (cpu_policy_has(&policy_host, F(MTRR))) {
		policy_dom0.leaf[1].d |= BIT(F(MTRR) % 32);
		if (!cpu_features.intel) {
			policy_dom0.leaf[EXT(1)].d |= BIT(F(MTRR) % 32);
		}
	}
	policy_pv = policy_pv_max;
	feature_clear(&policy_pv, F(ITSC)); // it may be moved
}

const struct cpu_policy *cpu_policy_system(u32 index)
{
	switch (index) {
	case XEN_SYSCTL_cpu_policy_raw:
	case XEN_SYSCTL_cpu_policy_host:
		return &policy_host;
	case XEN_SYSCTL_cpu_policy_pv_max:
		return &policy_pv_max;
	case XEN_SYSCTL_cpu_policy_pv_default:
		return &policy_pv;
	case XEN_SYSCTL_cpu_policy_hvm_max:
	case XEN_SYSCTL_cpu_policy_hvm_default:
		return &policy_none;
	default:
		return NULL;
	}
}

const struct cpu_policy *cpu_policy_featureset(u32 index)
{
	switch (index) {
	case XEN_SYSCTL_cpu_featureset_raw:
	case XEN_SYSCTL_cpu_featureset_host:
		return &policy_host;
	case XEN_SYSCTL_cpu_featureset_pv:
		return &policy_pv;
	case XEN_SYSCTL_cpu_featureset_pv_max:
		return &policy_pv_max;
	case XEN_SYSCTL_cpu_featureset_hvm:
	case XEN_SYSCTL_cpu_featureset_hvm_max:
		return &policy_none;
	default:
		return NULL;
	}
}

// --- domains ----------------------------------------------------------------

static bool is_shared(const struct cpu_policy *p)
{
	return p == &policy_pv || p == &policy_dom0;
}

int cpu_policy_create(struct domain *d)
{
	d->policy = d->privileged ? &policy_dom0 : &policy_pv;
	return 0;
}

void cpu_policy_destroy(struct domain *d)
{
	if (d->policy && !is_shared(d->policy)) {
		heap_free(d->policy);
	}
	d->policy = NULL;
}
