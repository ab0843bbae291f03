// SPDX-License-Identifier: MIT
// Model-specific registers of guests. What is not in the tables below does not
// exist: #GP. No guest ever reaches an MSR of the machine, save those marked.
#include <wabe/context.h>
#include <wabe/cpuid.h>
#include <wabe/emul.h>
#include <wabe/hypercall.h>
#include <wabe/mapcache.h>
#include <wabe/page.h>

#include <xen/arch-x86/cpufeatureset.h>

#define MSR_TSC 0x10
#define MSR_PATCH_LEVEL 0x8b
#define MSR_HYPERCALL_PAGE 0x40000000

#define APIC_BASE_BSP BIT(8)
#define APIC_BASE_ENABLED BIT(11)

#define EFER_GUEST 0xd01ull // SCE, LME, LMA, NX

#define MISC_ENABLE_PERF BIT(7)
#define MISC_ENABLE_BTS_UNAVAILABLE BIT(11)
#define MISC_ENABLE_PEBS_UNAVAILABLE BIT(12)
#define MISC_ENABLE_MONITOR BIT(18)
#define MISC_ENABLE_XTPR_DISABLE BIT(23)

// Registers with a fixed value. Writes are dropped (WRITE) or refused.
#define INTEL BIT(0)
#define AMD BIT(1)
#define ANY (INTEL | AMD)
#define WRITE BIT(2)
#define DOM0 BIT(3)

struct fixed_msr {
	u32 first, last;
	u32 flags;
	u64 value;
};

static const struct fixed_msr fixed_msrs[] = {
    {0x3a, 0x3a, INTEL, 1},		// FEATURE_CONTROL: locked
    {0xce, 0xce, ANY, 0},		// PLATFORM_INFO
    {0x140, 0x140, ANY | WRITE, 0},	// MISC_FEATURES_ENABLES
    {0x179, 0x179, ANY | WRITE, 2},	// MCG_CAP: two banks
    {0x17a, 0x17b, ANY | WRITE, 0},	// MCG_STATUS, MCG_CTL
    {0x345, 0x345, ANY, 0},		// PERF_CAPABILITIES
    {0x400, 0x400, ANY | WRITE, ~0ull}, // MC0_CTL, then status,
    {0x401, 0x403, ANY | WRITE, 0},	// address, misc
    {0x404, 0x404, ANY | WRITE, ~0ull}, // MC1_CTL
    {0x405, 0x407, ANY | WRITE, 0},
    {MSR_HYPERCALL_PAGE, MSR_HYPERCALL_PAGE, ANY, 0},
    {0xc0000103, 0xc0000103, ANY | WRITE, 0}, // TSC_AUX
    {0xc0010000, 0xc0010007, AMD | WRITE, 0}, // performance counters
    {0xc0010010, 0xc0010010, AMD | DOM0, 0},  // SYSCFG
    {0xc0010015, 0xc0010015, AMD | WRITE, 0}, // HWCR
    {0xc001001a, 0xc001001a, AMD | DOM0, 0},  // TOP_MEM
    {0xc001001f, 0xc001001f, AMD | WRITE, 0}, // NB_CFG
    {0xc0010061, 0xc0010064, AMD | WRITE, 0}, // P-states: none
    {0xc0011029, 0xc0011029, AMD | WRITE, 2}, // DE_CFG: lfence serialises
};

static const struct fixed_msr *fixed_find(const struct domain *d, u32 msr)
{
	u32 vendor = cpu_features.intel ? INTEL : AMD;

	for (u32 n = 0; n < ARRAY_SIZE(fixed_msrs); n++) {
		const struct fixed_msr *f = &fixed_msrs[n];

		if (msr >= f->first && msr <= f->last && (f->flags & vendor) &&
		    (d->privileged || !(f->flags & DOM0))) {
			return f;
		}
	}
	return NULL;
}

// Of the machine's value (marked) with what a guest cannot have taken out.
static bool misc_enable(u64 *value)
{
	if (rdmsr_safe(MSR_MISC_ENABLE, value)) {
		return false;
	}
	*value &= ~(MISC_ENABLE_PERF | MISC_ENABLE_MONITOR);
	*value |= MISC_ENABLE_BTS_UNAVAILABLE | MISC_ENABLE_PEBS_UNAVAILABLE |
		  MISC_ENABLE_XTPR_DISABLE;
	return true;
}

static bool cold_read(struct vcpu *v, u32 msr, u64 *value)
{
	const struct fixed_msr *fixed;

	switch (msr) {
	case MSR_TSC:
		*value = rdtsc();
		return true;
	case MSR_APIC_BASE:
		*value = 0xfee00000 | APIC_BASE_ENABLED |
			 (v->id ? 0 : APIC_BASE_BSP);
		return true;
	case MSR_PATCH_LEVEL:
		// Guests expect that of the machine's microcode (marked).
		*value = rdmsr_safe(msr, value) ? 0 : *value;
		return true;
	case MSR_ARCH_CAPABILITIES:
		*value = v->domain->policy->arch_caps;
		return cpu_policy_has(v->domain->policy,
				      XEN_X86_FEATURE_ARCH_CAPS);
	case MSR_MISC_ENABLE:
		return misc_enable(value);
	case MSR_PAT:
		*value = PAT_VALUE;
		return true;
	case MSR_EFER:
		*value = EFER_GUEST;
		return true;
	default:
		fixed = fixed_find(v->domain, msr);
		*value = fixed ? fixed->value : 0;
		return fixed;
	}
}

// The instruction runs in kernel mode, so the GS base in use is the kernel's.
enum emul_outcome emul_rdmsr(struct vcpu *v, struct cpu_user_regs *regs,
			     const struct insn *i)
{
	u32 msr = regs->ecx;
	u64 value;

	if (likely(msr == MSR_KERNEL_GS_BASE)) {
		value = segment_base_get(v, SEGBASE_GS_USER);
	} else if (msr == MSR_GS_BASE) {
		value = segment_base_get(v, SEGBASE_GS_KERNEL);
	} else if (msr == MSR_FS_BASE) {
		value = segment_base_get(v, SEGBASE_FS);
	} else if (!cold_read(v, msr, &value)) {
		log_guest("rdmsr %x refused", msr);
		return EMUL_REFUSED;
	}
	regs->rax = (u32)value;
	regs->rdx = value >> 32;
	return EMUL_DONE;
}

// The guest names a frame of its own: it becomes a hypercall page.
static bool hypercall_page_write(struct domain *d, u64 value)
{
	struct page *p = page_lookup(maddr_to_mfn(value));
	void *page;

	if (!p || (value & PAGE_OFFSET_MASK) ||
	    page_get_type(p, d, PAGE_WRITABLE)) {
		return false;
	}
	page = page_map(page_mfn(p));
	hypercall_page_fill(page);
	page_unmap(page);
	page_put_type(p);
	return true;
}

// Marked: the one write that reaches the machine, a barrier for prediction.
static bool prediction_barrier(struct domain *d, u64 value)
{
	if (!cpu_policy_has(d->policy, XEN_X86_FEATURE_IBPB) || value > 1) {
		return false;
	}
	return !value || !wrmsr_safe(MSR_PRED_CMD, value);
}

static bool cold_write(struct vcpu *v, u32 msr, u64 value)
{
	const struct fixed_msr *fixed;

	switch (msr) {
	case MSR_HYPERCALL_PAGE:
		return hypercall_page_write(v->domain, value);
	case MSR_PRED_CMD:
		return prediction_barrier(v->domain, value);
	case MSR_PATCH_LEVEL: // Intel: 0 before it is read
		return cpu_features.intel;
	case MSR_MISC_ENABLE:
		return true;
	case MSR_EFER:
		return value == EFER_GUEST;
	default:
		fixed = fixed_find(v->domain, msr);
		return fixed && (fixed->flags & WRITE);
	}
}

enum emul_outcome emul_wrmsr(struct vcpu *v, struct cpu_user_regs *regs,
			     const struct insn *i)
{
	u64 value = (u64)regs->edx << 32 | regs->eax;
	u32 msr = regs->ecx;
	bool done;

	switch (msr) {
	case MSR_FS_BASE:
		done = !segment_base_set(SEGBASE_FS, value);
		break;
	case MSR_GS_BASE:
		done = !segment_base_set(SEGBASE_GS_KERNEL, value);
		break;
	case MSR_KERNEL_GS_BASE:
		done = !segment_base_set(SEGBASE_GS_USER, value);
		break;
	default:
		done = cold_write(v, msr, value);
		break;
	}
	if (!done) {
		log_guest("wrmsr %x = %lx refused", msr, value);
		return EMUL_REFUSED;
	}
	return EMUL_DONE;
}
