// SPDX-License-Identifier: MIT
// CPUID as guests see it: the domain's policy, what depends on the vCPU, the
// hypervisor's own leaves.
//
// Only CPUID behind the "forced emulation" prefix comes here; a plain one runs
// natively, and user space sees the machine.
#include <wabe/cpuid.h>
#include <wabe/emul.h>
#include <wabe/guest.h>
#include <wabe/page.h>
#include <wabe/time.h>
#include <wabe/trap.h>

#include <public/wabe.h>
#include <xen/arch-x86/cpufeatureset.h>
#include <xen/arch-x86/cpuid.h>

#define OSXSAVE BIT(27)
#define XEN_VERSION (4u << 16 | 17)
#define HYPERCALL_PAGE_MSR 0x40000000

// ud2, "xen", cpuid.
static const u8 forced_cpuid[] = {0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2};

// How time is told: subleaf 0 what the TSC is, 1 how it becomes ns, 2 its rate.
static struct cpuid_regs tsc_leaf(const struct domain *d, u32 subleaf)
{
	u32 flags = cpu_features.invariant_tsc ? BIT(1) : 0;

	if (cpu_policy_has(d->policy, XEN_X86_FEATURE_RDTSCP)) {
		flags |= BIT(2);
	}
	switch (subleaf) {
	case 0:
		return (struct cpuid_regs){flags, d->tsc_mode, tsc_khz, 0};
	case 1:
		return (struct cpuid_regs){0, 0, tsc_to_ns_mul,
					   tsc_to_ns_shift};
	default:
		return (struct cpuid_regs){.a = subleaf == 2 ? tsc_khz : 0};
	}
}

static struct cpuid_regs hypervisor_leaf(const struct domain *d, u32 n,
					 u32 subleaf)
{
	// The toolstack may have asked for fewer leaves.
	u32 limit = d->policy->hypervisor_limit;
	u32 max = limit ? MIN(MAX(limit, 2), XEN_CPUID_MAX_NUM_LEAVES)
			: XEN_CPUID_MAX_NUM_LEAVES;
	u32 bits = 64 - __builtin_clzll((frames_end - 1) | 1) + PAGE_SHIFT;

	switch (n <= max ? n : ~0u) {
	case 0:
		return (struct cpuid_regs){
		    XEN_CPUID_FIRST_LEAF + max, XEN_CPUID_SIGNATURE_EBX,
		    XEN_CPUID_SIGNATURE_ECX, XEN_CPUID_SIGNATURE_EDX};
	case 1:
		return (struct cpuid_regs){.a = XEN_VERSION};
	case 2: // one hypercall page
		return (struct cpuid_regs){
		    1, HYPERCALL_PAGE_MSR,
		    XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD, 0};
	case 3:
		return tsc_leaf(d, subleaf);
	case 5: // how wide a machine address can be
		return (struct cpuid_regs){.b = subleaf ? 0 : bits};
	default:
		return (struct cpuid_regs){0};
	}
}

static struct cpuid_regs extension_leaf(u32 n)
{
	switch (n) {
	case 0:
		return (struct cpuid_regs){WABE_CPUID_LEAF + 1, WABE_CPUID_EBX,
					   WABE_CPUID_EBX, WABE_CPUID_EBX};
	case 1:
		return (struct cpuid_regs){WABE_VERSION, WABE_HYPERCALL, 0, 0};
	}
	return (struct cpuid_regs){0};
}

// What depends on the vCPU.
static void vcpu_patch(struct cpuid_regs *r, const struct vcpu *v, u32 leaf,
		       u32 subleaf)
{
	const struct cpu_policy *p = v->domain->policy;
	u32 apic_id = v->id * 2;

	if (leaf == 1) {
		r->b |= apic_id << 24;
		// The processor's CR4 has it on, whatever the guest's says.
		r->c |= cpu_policy_has(p, XEN_X86_FEATURE_XSAVE) ? OSXSAVE : 0;
	} else if (leaf == 0xb) { // no levels
		r->c = subleaf & 0xff;
		r->d = apic_id;
	} else if (leaf == 0xd &&
		   (subleaf ? subleaf == 1 &&
				  cpu_policy_has(p, XEN_X86_FEATURE_XSAVEC)
			    : r->a)) {
		// Bytes of an XSAVE area for the states that are switched on.
		r->b = v->xcr0 & XCR0_AVX ? p->leaf[cpu_policy_slot(0xd, 0)].c
					  : XSAVE_LEAST;
	}
}

struct cpuid_regs cpuid_guest(struct vcpu *v, u32 leaf, u32 subleaf)
{
	struct cpu_policy *p = v->domain->policy;
	struct cpuid_regs r = {0};
	int slot;

	if (leaf >> 8 == XEN_CPUID_FIRST_LEAF >> 8) {
		return hypervisor_leaf(v->domain, leaf & 0xff, subleaf);
	}
	if (leaf >> 8 == WABE_CPUID_LEAF >> 8) {
		return extension_leaf(leaf & 0xff);
	}
	slot = cpu_policy_slot(leaf, subleaf);
	if (slot >= 0) {
		r = p->leaf[index_clamp(slot, CPU_POLICY_SLOTS)];
	}
	if (leaf <= p->leaf[0].a) {
		vcpu_patch(&r, v, leaf, subleaf);
	}
	return r;
}

bool emul_forced_cpuid(struct cpu_user_regs *regs)
{
	u8 bytes[sizeof(forced_cpuid)];
	struct cpuid_regs r;

	if (copy_from_guest(bytes, GVA(regs->rip), sizeof(bytes)) ||
	    memcmp(bytes, forced_cpuid, sizeof(bytes))) {
		return false;
	}
	r = cpuid_guest(current_vcpu(), regs->eax, regs->ecx);
	regs->rax = r.a;
	regs->rbx = r.b;
	regs->rcx = r.c;
	regs->rdx = r.d;
	insn_retire(regs, sizeof(forced_cpuid));
	return true;
}
