// SPDX-License-Identifier: MIT
// sysctl: what the processor can do, and what of it guests may be given.
#include <wabe/cpuid.h>
#include <wabe/lib.h>

#include "control.h"

long sysctl_featureset(struct xen_sysctl *op)
{
	struct xen_sysctl_cpu_featureset *f = &op->u.cpu_featureset;
	const struct cpu_policy *p = cpu_policy_featureset(f->index);
	u32 words[CPU_FEATURE_WORDS];
	u32 count = MIN(f->nr_features, CPU_FEATURE_WORDS);

	if (!p) {
		return -EINVAL;
	}
	if (!HANDLE_GVA(f->features).a) {
		f->nr_features = CPU_FEATURE_WORDS;
		return 0;
	}
	cpu_policy_words(p, words);
	if (copy_to_guest(HANDLE_GVA(f->features), words,
			  count * sizeof(words[0]))) {
		return -EFAULT;
	}
	f->nr_features = count;
	return count < CPU_FEATURE_WORDS ? -ENOBUFS : 0;
}

long sysctl_cpu_policy(struct xen_sysctl *op)
{
	struct xen_sysctl_cpu_policy *c = &op->u.cpu_policy;
	const struct cpu_policy *p = cpu_policy_system(c->index);

	if (!p || c->_rsvd) {
		return -EINVAL;
	}
	return cpu_policy_copy_out(p, HANDLE_GVA(c->leaves), &c->nr_leaves,
				   HANDLE_GVA(c->msrs), &c->nr_msrs);
}

// Guests ask for CPUID by the forced-emulation prefix; native CPUID is neither
// masked nor made to fault.
long sysctl_levelling_caps(struct xen_sysctl *op)
{
	op->u.cpu_levelling_caps.caps = 0;
	return 0;
}
