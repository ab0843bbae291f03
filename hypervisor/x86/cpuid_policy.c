// SPDX-License-Identifier: MIT
// CPU policies: tables of CPUID leaves. A feature is in a PV guest's policy
// when it is in the list below and the processor has it; of other leaves only
// the registers in `pv_mask` are passed on.
//
// Each vCPU is shown as a package of its own (no HTT, no core counts): where
// it runs changes, so caches and siblings of the machine would be lies.
#include <wabe/alloc.h>
#include <wabe/cpuid.h>
#include <wabe/domain.h>

#include <xen/arch-x86/cpufeatureset.h>
#include <xen/sysctl.h>

#define F(name) XEN_X86_FEATURE_##name
#define B(name) (1u << F(name) % 32)

const u8 cpu_policy_first[CPU_POLICY_BASIC + 1] = {
    0, 1, 2, 3, 4, 10, 11, 12, 15, 16, 17, 18, 20, 21, 24,
};
enum { S4 = 4, S7 = 12, S7_1, S7_2, SD = 21, SD_1, SD_2 }; // slots of 4, 7, d
#define EXT(n) (CPU_POLICY_EXTENDED_SLOT + (n))

// The words of a feature set: where each stands in a policy, and what of it PV
// guests may have. Left out: what needs state that is not switched (AVX-512,
// MPX, PKU, speculation MSRs), supervisor features (SMEP, PCID, large pages),
// virtualisation, TSX, and power management.
enum { REG_A, REG_B, REG_C, REG_D };
static const struct {
	u8 slot, reg;
	u32 features;
} words[CPU_FEATURE_WORDS] = {
    {1, REG_D,
     B(FPU) | B(DE) | B(TSC) | B(MSR) | B(PAE) | B(MCE) | B(CX8) | B(APIC) |
	 B(SEP) | B(MCA) | B(CMOV) | B(PAT) | B(CLFLUSH) | B(ACPI) | B(MMX) |
	 B(FXSR) | B(SSE) | B(SSE2) | B(SS)},
    {1, REG_C,
     B(SSE3) | B(PCLMULQDQ) | B(SSSE3) | B(FMA) | B(CX16) | B(SSE4_1) |
	 B(SSE4_2) | B(MOVBE) | B(POPCNT) | B(AESNI) | B(XSAVE) | B(AVX) |
	 B(F16C) | B(RDRAND) | B(HYPERVISOR)},
    {EXT(1), REG_D,
     B(SYSCALL) | B(NX) | B(MMXEXT) | B(RDTSCP) | B(LM) | B(3DNOWEXT) |
	 B(3DNOW)},
    {EXT(1), REG_C,
     B(LAHF_LM) | B(ABM) | B(SSE4A) | B(MISALIGNSSE) | B(3DNOWPREFETCH) |
	 B(XOP) | B(FMA4) | B(TBM)},
    {SD_1, REG_A, B(XSAVEOPT) | B(XSAVEC) | B(XGETBV1)},
    {S7, REG_B,
     B(FSGSBASE) | B(BMI1) | B(AVX2) | B(FDP_EXCP_ONLY) | B(BMI2) | B(ERMS) |
	 B(NO_FPU_SEL) | B(RDSEED) | B(ADX) | B(CLFLUSHOPT) | B(CLWB) | B(SHA)},
    {S7, REG_C,
     B(PREFETCHWT1) | B(GFNI) | B(VAES) | B(VPCLMULQDQ) | B(CLDEMOTE)},
    {EXT(7), REG_D, B(ITSC)}, // not by default
    {EXT(8), REG_B,
     B(CLZERO) | B(RSTR_FP_ERR_PTRS) | B(IBPB) | B(SSB_NO) | B(BTC_NO) |
	 B(IBPB_RET)},
    {S7, REG_D, B(FSRM) | B(MD_CLEAR) | B(SERIALIZE) | B(ARCH_CAPS)},
    {S7_1, REG_A, B(AVX_VNNI) | B(FZRM) | B(FSRS) | B(FSRCS)},
    {EXT(0x21), REG_A,
     B(LFENCE_DISPATCH) | B(VERW_CLEAR) | B(NSCB) | B(SRSO_NO) | B(SRSO_US_NO)},
    {S7_1, REG_B, 0},
    {S7_2, REG_D, B(MCDT_NO)},
    {S7_1, REG_C, 0},
    {S7_1, REG_D, 0},
    // MSR ARCH_CAPABILITIES, behind the leaves
    {CPU_POLICY_SLOTS, REG_A,
     B(RDCL_NO) | B(RSBA) | B(INTEL_SSB_NO) | B(MDS_NO) | B(IF_PSCHANGE_MC_NO) |
	 B(TAA_NO) | B(SBDR_SSDP_NO) | B(FBSDP_NO) | B(PSDP_NO) | B(FB_CLEAR) |
	 B(RRSBA) | B(BHI_NO) | B(PBRSB_NO) | B(GDS_NO) | B(RFDS_NO) |
	 B(RFDS_CLEAR)},
    {CPU_POLICY_SLOTS, REG_B, B(ITS_NO)},
    {EXT(0x21), REG_C, B(TSA_SQ_NO) | B(TSA_L1_NO)},
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

// What a guest sees as it is, if the toolstack does not say otherwise: here
// signatures, brand, caches and TLBs, without APIC ids (1.ebx) and numbers of
// cores and sharers (4.eax); cpu_policies_init() adds the features.
#define ALL ~0u
static struct cpu_policy pv_mask = {
    .leaf =
	{
	    [0] = {ALL, ALL, ALL, ALL},
	    [1] = {ALL, 0xffff, 0, 0},
	    [2] = {ALL, ALL, ALL, ALL},
	    [S4... S4 + 5] = {0x3fff, ALL, ALL, ALL},
	    [S7] = {ALL, 0, 0, 0},
	    [EXT(0)] = {ALL, ALL, ALL, ALL},
	    [EXT(1)] = {ALL, ALL, 0, 0},
	    [EXT(2)... EXT(6)] = {ALL, ALL, ALL, ALL},
	    [EXT(0x19)... EXT(0x1a)] = {ALL, ALL, ALL, ALL},
	},
};

// The machine's policies. Constant after boot.
static struct cpu_policy policy_host, policy_pv_max, policy_pv, policy_dom0,
    policy_none;

int cpu_policy_slot(u32 leaf, u32 subleaf)
{
	u32 n = index_clamp(leaf, CPU_POLICY_BASIC);
	u32 first = cpu_policy_first[n],
	    count = cpu_policy_first[n + 1] - first;

	if (leaf >= CPU_EXTENDED) {
		leaf -= CPU_EXTENDED;
		return leaf < CPU_POLICY_EXTENDED ? (int)EXT(leaf) : -1;
	}
	if (leaf >= CPU_POLICY_BASIC || (count > 1 && subleaf >= count)) {
		return -1;
	}
	return first + (count > 1 ? subleaf : 0);
}

// Word `n` of the feature set.
static u32 *word(const struct cpu_policy *p, u32 n)
{
	return (u32 *)&p->reg[4 * words[n].slot + words[n].reg];
}

bool cpu_policy_has(const struct cpu_policy *p, u32 feature)
{
	return *word(p, feature / 32) >> feature % 32 & 1;
}

static void feature_set(struct cpu_policy *p, u32 feature, bool on)
{
	u32 bit = 1u << feature % 32, *w = word(p, feature / 32);

	*w = on ? *w | bit : *w & ~bit;
}

void cpu_policy_words(const struct cpu_policy *p, u32 out[CPU_FEATURE_WORDS])
{
	for (u32 n = 0; n < CPU_FEATURE_WORDS; n++) {
		out[n] = *word(p, n);
	}
}

// Take out what misses something it needs.
static void features_settle(struct cpu_policy *p)
{
	for (u32 n = 0; n < ARRAY_SIZE(needs); n++) {
		if (!cpu_policy_has(p, needs[n][1])) {
			feature_set(p, needs[n][0], false);
		}
	}
	if (!cpu_policy_has(p, F(ARCH_CAPS))) {
		p->arch_caps = 0;
	}
}

// The XSAVE leaf from scratch. Sizes that depend on XCR0 are cpuid_guest()'s.
static void xstate_fill(struct cpu_policy *p)
{
	const struct cpuid_regs *avx = &policy_host.leaf[SD_2];
	struct cpuid_regs *all = &p->leaf[SD];

	if (!cpu_policy_has(p, F(XSAVE))) {
		return;
	}
	*all = (struct cpuid_regs){.a = XCR0_X87 | XCR0_SSE, .c = XSAVE_LEAST};
	if (cpu_policy_has(p, F(AVX))) {
		all->a |= XCR0_AVX;
		all->c = avx->a + avx->b;
		p->leaf[SD_2] = *avx;
	}
	all->b = all->c;
}

// Leaves past the highest that the policy names are 0.
static void leaves_cut(struct cpu_policy *p)
{
	u32 basic = cpu_policy_first[p->leaf[0].a + 1];
	u32 extended = EXT(p->leaf[EXT(0)].a & 0xffff) + 1;

	memset(&p->leaf[basic], 0, (EXT(0) - basic) * sizeof(p->leaf[0]));
	memset(&p->leaf[extended], 0,
	       (CPU_POLICY_SLOTS - extended) * sizeof(p->leaf[0]));
}

// What is the same for everyone, whatever the toolstack said.
static void leaves_fix(struct cpu_policy *p)
{
	const struct cpuid_regs *host = policy_host.leaf;

	p->leaf[S7].a = MIN(p->leaf[S7].a, 2);
	memcpy(&p->leaf[0].b, &host[0].b, 12);
	memcpy(&p->leaf[EXT(0)].b, &host[EXT(0)].b, 12);
	// Of what it says only the number of leaves counts, as on Xen.
	p->leaf[EXT(0)].a = MIN(CPU_EXTENDED | (p->leaf[EXT(0)].a & 0xffff),
				policy_pv_max.leaf[EXT(0)].a);
	// Address widths: PV guests have four levels of tables.
	p->leaf[EXT(8)].a = (host[EXT(8)].a & ~0xff00u) | 48 << 8;
	if (!cpu_features.intel) {
		p->leaf[EXT(1)].d |= p->leaf[1].d & COMMON_EDX;
	}
}

int cpu_policy_finish(struct cpu_policy *p, struct cpu_policy_error *err)
{
	const struct cpuid_regs *limit = policy_pv_max.leaf;
	u32 *leaf = &err->leaf, *subleaf = &err->subleaf;

	*subleaf = XEN_CPUID_NO_SUBLEAF;
	if (p->leaf[0].a > limit[0].a) {
		*leaf = 0;
	} else if (p->leaf[S7].a > policy_host.leaf[S7].a) {
		*leaf = 7;
		*subleaf = 0;
	} else if (p->leaf[EXT(0)].a > limit[EXT(0)].a) {
		*leaf = CPU_EXTENDED;
	} else {
		for (u32 n = 0; n < ARRAY_SIZE(p->reg); n++) {
			p->reg[n] &= pv_mask.reg[n];
		}
		feature_set(p, F(HYPERVISOR), true);
		feature_set(p, F(APIC), true);
		features_settle(p);
		leaves_fix(p);
		xstate_fill(p);
		leaves_cut(p);
		return 0;
	}
	return -EINVAL;
}

// --- boot -------------------------------------------------------------------

static void host_fill(struct cpu_policy *p)
{
	u32 max = cpuid(0, 0).a, extended = cpuid(CPU_EXTENDED, 0).a;
	u64 caps;

	for (u32 n = 0; n < CPU_POLICY_BASIC && n <= max; n++) {
		u32 slot = cpu_policy_first[n];

		for (u32 sub = 0; slot < cpu_policy_first[n + 1]; sub++) {
			p->leaf[slot++] = cpuid(n, sub);
		}
	}
	for (u32 n = 0; n < CPU_POLICY_EXTENDED; n++) {
		if (CPU_EXTENDED + n <= extended) {
			p->leaf[EXT(n)] = cpuid(CPU_EXTENDED + n, 0);
		}
	}
	if (cpu_policy_has(p, F(ARCH_CAPS)) &&
	    !rdmsr_safe(MSR_ARCH_CAPABILITIES, &caps)) {
		p->arch_caps = caps;
	}
	p->hypervisor_limit = 0xff;
}

// The features listed, less what this hypervisor does not switch on.
static void pv_mask_fill(void)
{
	const struct cpu_features *f = &cpu_features;

	for (u32 n = 0; n < CPU_FEATURE_WORDS; n++) {
		*word(&pv_mask, n) = words[n].features & *word(&policy_host, n);
	}
	if (!f->intel) {
		feature_set(&pv_mask, F(SEP), false);
	}
	if (!f->fsgsbase) {
		feature_set(&pv_mask, F(FSGSBASE), false);
	}
	if (!f->xsave) {
		feature_set(&pv_mask, F(XSAVE), false);
	}
	if (!(f->xcr0 & XCR0_AVX)) {
		feature_set(&pv_mask, F(AVX), false);
	}
	features_settle(&pv_mask);
}

// The highest leaves of machine and policy alike, then what PV allows.
static void pv_fill(struct cpu_policy *p)
{
	struct cpu_policy_error err;

	memcpy(p, &policy_host, sizeof(*p));
	p->leaf[0].a = MIN(p->leaf[0].a, CPU_POLICY_BASIC - 1);
	p->leaf[EXT(0)].a =
	    MIN(p->leaf[EXT(0)].a, CPU_EXTENDED + CPU_POLICY_EXTENDED - 1);
	BUG_ON(cpu_policy_finish(p, &err));
}

void cpu_policies_init(void)
{
	host_fill(&policy_host);
	pv_mask_fill();
	pv_fill(&policy_pv_max);
	memcpy(&policy_dom0, &policy_pv_max, sizeof(policy_dom0));
	memcpy(&policy_pv, &policy_pv_max, sizeof(policy_pv));
	if (cpu_policy_has(&policy_host, F(MTRR))) {
		policy_dom0.leaf[1].d |= BIT(F(MTRR) % 32);
		if (!cpu_features.intel) {
			policy_dom0.leaf[EXT(1)].d |= BIT(F(MTRR) % 32);
		}
	}
	feature_set(&policy_pv, F(ITSC), false); // it may be moved
}

const struct cpu_policy *cpu_policy_system(u32 index)
{
	static const struct cpu_policy *const policies[] = {
	    [XEN_SYSCTL_cpu_policy_raw] = &policy_host,
	    [XEN_SYSCTL_cpu_policy_host] = &policy_host,
	    [XEN_SYSCTL_cpu_policy_pv_max] = &policy_pv_max,
	    [XEN_SYSCTL_cpu_policy_pv_default] = &policy_pv,
	    [XEN_SYSCTL_cpu_policy_hvm_max] = &policy_none,
	    [XEN_SYSCTL_cpu_policy_hvm_default] = &policy_none,
	};

	return index < ARRAY_SIZE(policies) ? policies[index] : NULL;
}

// Where feature sets and policies of one kind have different numbers.
const struct cpu_policy *cpu_policy_featureset(u32 index)
{
	switch (index) {
	case XEN_SYSCTL_cpu_featureset_pv:
		return &policy_pv;
	case XEN_SYSCTL_cpu_featureset_pv_max:
		return &policy_pv_max;
	default:
		return cpu_policy_system(index);
	}
}

// --- domains ----------------------------------------------------------------

int cpu_policy_create(struct domain *d)
{
	d->policy = d->privileged ? &policy_dom0 : &policy_pv;
	return 0;
}

void cpu_policy_destroy(struct domain *d)
{
	if (d->policy != &policy_pv && d->policy != &policy_dom0) {
		heap_free(d->policy);
	}
	d->policy = NULL;
}
