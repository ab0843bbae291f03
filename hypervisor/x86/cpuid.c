// SPDX-License-Identifier: MIT
// CPUID as guests see it: the domain's policy, what depends on the vCPU, the
// hypervisor's own leaves; and the copies of policies from and to the
// toolstack.
//
// Only CPUID behind the "forced emulation" prefix comes here; a plain one runs
// natively, and user space sees the machine.
#include <wabe/alloc.h>
#include <wabe/cpu.h>
#include <wabe/cpuid.h>
#include <wabe/domain.h>
#include <wabe/emul.h>
#include <wabe/guest.h>
#include <wabe/lib.h>
#include <wabe/time.h>
#include <wabe/trap.h>

#include <xen/arch-x86/cpufeatureset.h>
#include <xen/arch-x86/cpuid.h>

#define OSXSAVE BIT(27)
#define XEN_VERSION (4u << 16 | 17)
#define HYPERCALL_PAGE_MSR 0x40000000

#define XSTATE_LEGACY_BYTES 0x240
#define XCR0_AVX BIT(2)

// ud2, "xen", cpuid.
static const u8 forced_cpuid[] = {0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2};

// How time is told: subleaf 0 what the TSC is, 1 how it becomes ns, 2 its rate.
static struct cpuid_regs tsc_leaf(const struct domain *d, u32 subleaf)
{
	struct cpuid_regs r = {0};

	switch (subleaf) {
	case 0:
		r.a = (cpu_features.invariant_tsc ? BIT(1) : 0) |
		      (cpu_policy_has(d->policy, XEN_X86_FEATURE_RDTSCP) ? BIT(2)
									  : 0);
		r.b = d->tsc_mode;
		r.c = tsc_khz;
		break;
	case 1:
		r.c = tsc_to_ns_mul;
		r.d = tsc_to_ns_shift;
		break;
	case 2:
		r.a = tsc_khz;
		break;
	}
	return r;
}

// Bits in the machine address of the last frame.
static u32 machine_address_bits(void)
{
	return 64 - __builtin_clzll((frames_end - 1) | 1) + PAGE_SHIFT;
}

// The highest of our leaves; the toolstack may have asked for fewer.
static u32 hypervisor_max(const struct cpu_policy *p)
{
	u32 limit = p->hypervisor_limit;

	return limit == 0 || limit > XEN_CPUID_MAX_NUM_LEAVES
		       ? XEN_CPUID_MAX_NUM_LEAVES
		       : MAX(limit, 2);
}

static struct cpuid_regs hypervisor_leaf(const struct domain *d, u32 n,
					 u32 subleaf)
{
	u32 max = hypervisor_max(d->policy);
	struct cpuid_regs r = {0};

	if (n > max) {
		return r;
	}
	switch (n) {
	case 0:
		return (struct cpuid_regs){XEN_CPUID_FIRST_LEAF + max,
					   XEN_CPUID_SIGNATURE_EBX,
					   XEN_CPUID_SIGNATURE_ECX,
					   XEN_CPUID_SIGNATURE_EDX};
	case 1:
		r.a = XEN_VERSION;
		break;
	case 2:
		r.a = 1; // hypercall page
		r.b = HYPERCALL_PAGE_MSR;
		r.c = XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD;
		break;
	case 3:
		return tsc_leaf(d, subleaf);
	case 5:
		r.b = subleaf ? 0 : machine_address_bits();
		break;
	}
	return r;
}

// Bytes of an XSAVE area for the states that the vCPU has switched on.
static u32 xsave_bytes(const struct vcpu *v, const struct cpu_policy *p)
{
	return v->xcr0 & XCR0_AVX ? p->leaf[0xd].c : XSTATE_LEGACY_BYTES;
}

// What depends on the vCPU.
static void vcpu_patch(struct cpuid_regs *r, const struct vcpu *v, u32 leaf,
		       u32 subleaf)
{
	const struct cpu_policy *p = v->domain->policy;
	u32 apic_id = v->id * 2;

	switch (leaf) {
	case 1:
		r->b |= apic_id << 24;
		// The processor's CR4 has it on, whatever the guest's says.
		r->c |= cpu_policy_has(p, XEN_X86_FEATURE_XSAVE) ? OSXSAVE : 0;
		break;
	case 0xb: // no levels
		r->c = subleaf & 0xff;
		r->d = apic_id;
		break;
	case 0xd:
		if (subleaf == 0 && r->a) {
			r->b = xsave_bytes(v, p);
		} else if (subleaf == 1 &&
			   cpu_policy_has(p, XEN_X86_FEATURE_XSAVEC)) {
			r->b = xsave_bytes(v, p);
		}
		break;
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

// --- the toolstack ----------------------------------------------------------

// Write `made` elements to an array with room for *count; tell how many.
static int array_out(gva_t to, u32 *count, const void *from, u32 made, u32 max,
		     u32 size)
{
	if (!to.a) {
		*count = max;
		return 0;
	}
	if (*count < made) {
		return -ENOBUFS;
	}
	*count = made;
	return copy_to_guest(to, from, (u64)made * size);
}

int cpu_policy_copy_out(const struct cpu_policy *p, gva_t leaves,
			u32 *leaf_count, gva_t msrs, u32 *msr_count)
{
	struct xen_cpuid_leaf leaf_list[CPU_POLICY_LEAVES_MAX];
	struct xen_msr_entry msr_list[CPU_POLICY_MSRS_MAX];
	int error = array_out(leaves, leaf_count, leaf_list,
			      cpu_policy_leaves(p, leaf_list),
			      CPU_POLICY_LEAVES_MAX, sizeof(leaf_list[0]));

	if (error) {
		return error;
	}
	return array_out(msrs, msr_count, msr_list,
			 cpu_policy_msrs(p, msr_list), CPU_POLICY_MSRS_MAX,
			 sizeof(msr_list[0]));
}

// Longest lists taken: what a toolstack with more leaves than ours may send.
#define LEAVES_TAKEN 256
#define MSRS_TAKEN 16

static int leaves_in(struct cpu_policy *p, gva_t from, u32 count,
		     struct cpu_policy_error *err)
{
	for (u32 n = 0; n < count; n++) {
		struct xen_cpuid_leaf leaf;
		int error = copy_from_guest_at(&leaf, from, n, sizeof(leaf));

		if (!error) {
			error = cpu_policy_set_leaf(p, &leaf);
			err->leaf = error ? leaf.leaf : ~0u;
			err->subleaf = error ? leaf.subleaf : ~0u;
		}
		if (error) {
			return error;
		}
	}
	return 0;
}

static int msrs_in(struct cpu_policy *p, gva_t from, u32 count,
		   struct cpu_policy_error *err)
{
	for (u32 n = 0; n < count; n++) {
		struct xen_msr_entry msr;
		int error = copy_from_guest_at(&msr, from, n, sizeof(msr));

		if (!error) {
			error = cpu_policy_set_msr(p, &msr);
			err->msr = error ? msr.idx : ~0u;
		}
		if (error) {
			return error;
		}
	}
	return 0;
}

// vCPUs that could be reading the policy, or have shown it to their guest.
static bool has_run(struct domain *d)
{
	domain_for_each_vcpu(v, d) {
		if (v->initialised) {
			return true;
		}
	}
	return false;
}

int cpu_policy_copy_in(struct domain *d, gva_t leaves, u32 leaf_count,
		       gva_t msrs, u32 msr_count, struct cpu_policy_error *err)
{
	struct cpu_policy *p;
	int error;

	*err = (struct cpu_policy_error){~0u, ~0u, ~0u};
	if (has_run(d)) {
		return -EEXIST;
	}
	if (leaf_count > LEAVES_TAKEN || msr_count > MSRS_TAKEN) {
		return -E2BIG;
	}
	p = heap_alloc(sizeof(*p));
	if (!p) {
		return -ENOMEM;
	}
	*p = *d->policy;
	error = leaves_in(p, leaves, leaf_count, err);
	error = error ? error : msrs_in(p, msrs, msr_count, err);
	error = error ? error : cpu_policy_finish(p, err);
	if (error) {
		heap_free(p);
		return error;
	}
	cpu_policy_destroy(d);
	d->policy = p;
	return 0;
}
