// SPDX-License-Identifier: MIT
// CPU policies: what a domain is told about its processor
// (x86/cpuid_policy.c makes them, cpuid.c answers from them, cpuid_toolstack.c
// reads and writes them for domctl and sysctl).
//
// A policy is the table of CPUID leaves of one kind of guest. The machine has
// a few, made at boot; a domain points at one of those until the toolstack
// gives it its own.
#ifndef WABE_CPUID_H
#define WABE_CPUID_H

#include <wabe/addr.h>
#include <wabe/cpu.h>
#include <wabe/errno.h>
#include <wabe/types.h>

#include <xen/xen.h>

struct domain;
struct vcpu;

// Leaves kept: 0 to 13 (four of them with subleaves), 0x80000000 to 0x80000021.
#define CPU_EXTENDED 0x80000000
#define CPU_POLICY_BASIC 14
#define CPU_POLICY_EXTENDED 0x22
#define CPU_POLICY_EXTENDED_SLOT 24
#define CPU_POLICY_SLOTS (CPU_POLICY_EXTENDED_SLOT + CPU_POLICY_EXTENDED)

// Longest serialised form: the leaves and the two limits of 0x40000x00.
#define CPU_POLICY_LEAVES_MAX (CPU_POLICY_SLOTS + 2)
#define CPU_POLICY_MSRS_MAX 2
// Words of a feature set, numbered as in xen/arch-x86/cpufeatureset.h.
#define CPU_FEATURE_WORDS 19

struct cpu_policy {
	union {
		struct {
			struct cpuid_regs leaf[CPU_POLICY_SLOTS];
			u64 arch_caps; // MSR 0x10a
		};
		u32 reg[4 * CPU_POLICY_SLOTS + 2]; // the same
	};
	u32 hypervisor_limit; // highest leaf from 0x40000000, low byte
};

// Leaf n < CPU_POLICY_BASIC has the slots from [n] to before [n + 1].
extern const u8 cpu_policy_first[CPU_POLICY_BASIC + 1];

// Where a policy does not suit: ~0 where no leaf (MSR) is to blame.
struct cpu_policy_error {
	u32 leaf, subleaf, msr;
};

// Boot, after cpu_detect(): make the machine's policies.
void cpu_policies_init(void);

// domain_create(): the default for its kind. 0 always.
int cpu_policy_create(struct domain *d);
void cpu_policy_destroy(struct domain *d);

// A policy of the machine by XEN_SYSCTL_cpu_policy_* (XEN_SYSCTL_
// cpu_featureset_*). NULL: number not known. The HVM ones are empty.
const struct cpu_policy *cpu_policy_system(u32 index);
const struct cpu_policy *cpu_policy_featureset(u32 index);

// sysctl get_cpu_featureset: the words of a policy.
void cpu_policy_words(const struct cpu_policy *p, u32 out[CPU_FEATURE_WORDS]);

// sysctl and domctl get_cpu_policy: *leaf_count, *msr_count say how many fit
// into the guest's arrays and get how many were written, or, where an array's
// address is 0, how many there can be. 0, -ENOBUFS, -EFAULT.
int cpu_policy_copy_out(const struct cpu_policy *p, gva_t leaves,
			u32 *leaf_count, gva_t msrs, u32 *msr_count);
// domctl set_cpu_policy: features beyond what a PV guest may have are dropped
// (as Xen), anything else that does not fit is refused with *err filled in.
// 0; -EINVAL; -ERANGE (unknown leaf or MSR); -E2BIG; -ENOMEM; -EFAULT; -EEXIST
// when the domain has run. control_lock is held.
int cpu_policy_copy_in(struct domain *d, gva_t leaves, u32 leaf_count,
		       gva_t msrs, u32 msr_count, struct cpu_policy_error *err);

// The parts of the two above that need no guest, for tests. The arrays have
// room for CPU_POLICY_*_MAX; the count is returned.
u32 cpu_policy_leaves(const struct cpu_policy *p, struct xen_cpuid_leaf *out);
u32 cpu_policy_msrs(const struct cpu_policy *p, struct xen_msr_entry *out);
int cpu_policy_set_leaf(struct cpu_policy *p,
			const struct xen_cpuid_leaf *leaf);
int cpu_policy_set_msr(struct cpu_policy *p, const struct xen_msr_entry *msr);
// Bring a policy that was changed within what the machine and PV allow.
// 0, or -EINVAL and *err.
int cpu_policy_finish(struct cpu_policy *p, struct cpu_policy_error *err);

// Slot of a leaf in cpu_policy.leaf, or -1. `subleaf` is looked at only where
// the leaf has some.
int cpu_policy_slot(u32 leaf, u32 subleaf);
// How many subleaves `leaf` has; 0: they do not matter.
static inline u32 cpu_policy_subleaves(u32 leaf)
{
	u32 n = index_clamp(leaf, CPU_POLICY_BASIC); // leaf 0 has none
	u32 count = cpu_policy_first[n + 1] - cpu_policy_first[n];

	return count > 1 ? count : 0;
}
bool cpu_policy_has(const struct cpu_policy *p, u32 feature);

// CPUID as vCPU `v` sees it.
struct cpuid_regs cpuid_guest(struct vcpu *v, u32 leaf, u32 subleaf);

#endif
