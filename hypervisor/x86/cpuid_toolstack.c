// SPDX-License-Identifier: MIT
// CPU policies as the toolstack reads and writes them: a list of leaves and a
// list of MSRs.
#include <wabe/alloc.h>
#include <wabe/cpuid.h>
#include <wabe/domain.h>
#include <wabe/guest.h>

#define NO_SUBLEAF XEN_CPUID_NO_SUBLEAF
#define MSR_PLATFORM_INFO 0xce

static void leaf_put(struct xen_cpuid_leaf *out, u32 leaf, u32 subleaf,
		     const struct cpuid_regs *r)
{
	*out = (struct xen_cpuid_leaf){leaf, subleaf, r->a, r->b, r->c, r->d};
}

u32 cpu_policy_leaves(const struct cpu_policy *p, struct xen_cpuid_leaf *out)
{
	const struct cpuid_regs limit = {.a = p->hypervisor_limit}, none = {0};
	const struct cpuid_regs *extended = &p->leaf[CPU_POLICY_EXTENDED_SLOT];
	u32 count = 0, max = extended->a & 0xffff;

	for (u32 n = 0; n < CPU_POLICY_BASIC && n <= p->leaf[0].a; n++) {
		u32 slot = cpu_policy_first[n], sub = 0;

		do {
			leaf_put(&out[count++], n,
				 cpu_policy_subleaves(n) ? sub++ : NO_SUBLEAF,
				 &p->leaf[slot++]);
		} while (slot < cpu_policy_first[n + 1]);
	}
	leaf_put(&out[count++], 0x40000000, NO_SUBLEAF, &limit);
	leaf_put(&out[count++], 0x40000100, NO_SUBLEAF, &none);
	for (u32 n = 0; n < CPU_POLICY_EXTENDED && n <= max; n++) {
		leaf_put(&out[count++], CPU_EXTENDED + n, NO_SUBLEAF,
			 &extended[n]);
	}
	return count;
}

u32 cpu_policy_msrs(const struct cpu_policy *p, struct xen_msr_entry *out)
{
	out[0] = (struct xen_msr_entry){.idx = MSR_PLATFORM_INFO};
	out[1] = (struct xen_msr_entry){.idx = MSR_ARCH_CAPABILITIES,
					.val = p->arch_caps};
	return CPU_POLICY_MSRS_MAX;
}

int cpu_policy_set_leaf(struct cpu_policy *p, const struct xen_cpuid_leaf *l)
{
	int slot = cpu_policy_slot(l->leaf, l->subleaf);
	bool plain = !cpu_policy_subleaves(l->leaf);

	if (plain && l->subleaf != NO_SUBLEAF) {
		return -ERANGE;
	}
	if (l->leaf == 0x40000000) {
		p->hypervisor_limit = l->a & 0xff;
		return 0;
	}
	// Another hypervisor's interface; XSAVE states that we never offer.
	if (l->leaf == 0x40000100 || (slot < 0 && l->leaf == 0xd)) {
		return 0;
	}
	if (slot < 0) {
		return -ERANGE;
	}
	p->leaf[slot] = (struct cpuid_regs){l->a, l->b, l->c, l->d};
	return 0;
}

int cpu_policy_set_msr(struct cpu_policy *p, const struct xen_msr_entry *m)
{
	if (m->flags) {
		return -EINVAL;
	}
	switch (m->idx) {
	case MSR_PLATFORM_INFO:
		return m->val ? -EINVAL : 0;
	case MSR_ARCH_CAPABILITIES:
		p->arch_caps = m->val;
		return 0;
	default:
		return -ERANGE;
	}
}

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

// Read both lists into *p; what is refused is named in *err.
static int lists_in(struct cpu_policy *p, gva_t leaves, u32 leaf_count,
		    gva_t msrs, u32 msr_count, struct cpu_policy_error *err)
{
	struct xen_cpuid_leaf leaf;
	struct xen_msr_entry msr;
	int error = 0;

	for (u32 n = 0; !error && n < leaf_count; n++) {
		error = copy_from_guest_at(&leaf, leaves, n, sizeof(leaf));
		if (!error && (error = cpu_policy_set_leaf(p, &leaf))) {
			err->leaf = leaf.leaf;
			err->subleaf = leaf.subleaf;
		}
	}
	for (u32 n = 0; !error && n < msr_count; n++) {
		error = copy_from_guest_at(&msr, msrs, n, sizeof(msr));
		if (!error && (error = cpu_policy_set_msr(p, &msr))) {
			err->msr = msr.idx;
		}
	}
	return error ? error : cpu_policy_finish(p, err);
}

int cpu_policy_copy_in(struct domain *d, gva_t leaves, u32 leaf_count,
		       gva_t msrs, u32 msr_count, struct cpu_policy_error *err)
{
	struct cpu_policy *p;
	int error;

	*err = (struct cpu_policy_error){~0u, ~0u, ~0u};
	domain_for_each_vcpu (v, d) {
		if (v->initialised) { // may be reading it, or has shown it
			return -EEXIST;
		}
	}
	if (leaf_count > LEAVES_TAKEN || msr_count > MSRS_TAKEN) {
		return -E2BIG;
	}
	p = heap_alloc_for(d, sizeof(*p));
	if (!p) {
		return -ENOMEM;
	}
	*p = *d->policy;
	error = lists_in(p, leaves, leaf_count, msrs, msr_count, err);
	if (error) {
		heap_free(p);
		return error;
	}
	cpu_policy_destroy(d);
	d->policy = p;
	return 0;
}
