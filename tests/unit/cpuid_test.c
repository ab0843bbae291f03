// SPDX-License-Identifier: MIT
// CPU policies: what a PV guest is told on any processor, and what the
// toolstack can and cannot change. Runs on the CPUID of the machine it runs on.
#define WABE_ARCH_H // this file's own fake of wabe/arch.h
#include <wabe/types.h>

struct cpu;
static struct cpu *the_cpu;

static inline struct cpu *this_cpu(void)
{
	return the_cpu;
}

static inline u32 cpu_id(void)
{
	return 0;
}

static inline u64 index_clamp(u64 i, u64 n)
{
	return i < n ? i : 0;
}

#include "../../hypervisor/x86/cpuid_policy.c"
#include "../../hypervisor/x86/cpuid.c"
#include "../../hypervisor/x86/cpuid_toolstack.c"

#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

struct cpu_features cpu_features;
u64 frames_end = 1 << 20;
u32 tsc_khz = 1000000, tsc_to_ns_mul = 1u << 31;
s8 tsc_to_ns_shift = 1;
static u32 retired, allocations;

int copy_from_guest(void *dst, gva_t src, u64 bytes)
{
	memcpy(dst, (void *)src.a, bytes);
	return 0;
}

int copy_to_guest(gva_t dst, const void *src, u64 bytes)
{
	memcpy((void *)dst.a, src, bytes);
	return 0;
}

int copy_from_guest_at(void *dst, gva_t array, u64 i, u64 size)
{
	return copy_from_guest(dst, GVA(array.a + i * size), size);
}

int rdmsr_safe(u32 msr, u64 *value)
{
	return -EFAULT;
}

void insn_retire(struct cpu_user_regs *regs, u32 length)
{
	regs->rip += length;
	retired = length;
}

void *heap_alloc(size_t bytes)
{
	allocations++;
	return calloc(1, bytes);
}

void *heap_alloc_for(const struct domain *d, size_t bytes)
{
	return heap_alloc(bytes);
}

void heap_free(void *p)
{
	allocations--;
	free(p);
}

void panic(const char *fmt, ...)
{
	abort();
}

static struct domain guest = {.id = 1, .vcpus_max = 2};
static struct vcpu vcpu0 = {.domain = &guest},
		   vcpu1 = {.domain = &guest, .id = 1};

static int setup(void **state)
{
	static struct vcpu *vcpus[] = {&vcpu0, &vcpu1};

	guest.vcpu = vcpus;
	cpu_features.intel = cpuid(0, 0).b == 0x756e6547;
	cpu_features.xsave = cpuid(1, 0).c >> 26 & 1;
	cpu_features.xcr0 = 7;
	cpu_policies_init();
	return cpu_policy_create(&guest);
}

static bool has(u32 feature)
{
	return cpu_policy_has(guest.policy, feature);
}

static void a_pv_guest_sees_no_supervisor_features(void **state)
{
	static const u32 hidden[] = {
	    F(VME),	   F(PSE),	    F(PGE),	F(PSE36),      F(MTRR),
	    F(HTT),	   F(MONITOR),	    F(VMX),	F(SVM),	       F(PCID),
	    F(X2APIC),	   F(TSC_DEADLINE), F(PAGE1GB), F(TSC_ADJUST), F(SMEP),
	    F(SMAP),	   F(INVPCID),	    F(UMIP),	F(PKU),	       F(OSPKE),
	    F(RDPID),	   F(AVX512F),	    F(XSAVES),	F(TOPOEXT),    F(ITSC),
	    F(CMP_LEGACY), F(IBRSB),	    F(STIBP),	F(SSBD),       F(RTM),
	    F(MPX),
	};

	for (u32 n = 0; n < ARRAY_SIZE(hidden); n++) {
		assert_false(has(hidden[n]));
	}
	assert_true(has(F(LM)) && has(F(SYSCALL)) && has(F(NX)));
	assert_true(has(F(APIC)) && has(F(HYPERVISOR)) && has(F(PAT)));
	// Bit 16 of 7.ecx: 57-bit addresses.
	assert_int_equal(cpuid_guest(&vcpu0, 7, 0).c >> 16 & 1, 0);
}

static void vcpus_have_their_own_apic_ids(void **state)
{
	assert_int_equal(cpuid_guest(&vcpu0, 1, 0).b >> 24, 0);
	assert_int_equal(cpuid_guest(&vcpu1, 1, 0).b >> 24, 2);
	if (guest.policy->leaf[0].a >= 0xb) {
		assert_int_equal(cpuid_guest(&vcpu1, 0xb, 1).d, 2);
		assert_int_equal(cpuid_guest(&vcpu1, 0xb, 0).b, 0);
	}
}

static void xsave_sizes_follow_xcr0(void **state)
{
	if (!has(F(AVX))) {
		skip();
	}
	vcpu0.xcr0 = 3;
	assert_int_equal(cpuid_guest(&vcpu0, 0xd, 0).a, 7);
	assert_int_equal(cpuid_guest(&vcpu0, 0xd, 0).b, 0x240);
	assert_int_equal(cpuid_guest(&vcpu0, 0xd, 0).c, 0x340);
	vcpu0.xcr0 = 7;
	assert_int_equal(cpuid_guest(&vcpu0, 0xd, 0).b, 0x340);
	assert_int_equal(cpuid_guest(&vcpu0, 0xd, 2).a, 0x100);
	assert_int_equal(cpuid_guest(&vcpu0, 0xd, 5).a, 0);
	assert_int_equal(cpuid_guest(&vcpu0, 1, 0).c >> 27 & 1, 1);
}

static void the_hypervisor_is_found_once(void **state)
{
	struct cpuid_regs r = cpuid_guest(&vcpu0, 0x40000000, 0);

	assert_int_equal(r.a, 0x40000005);
	assert_memory_equal(&r.b, "XenVMMXenVMM", 12);
	assert_int_equal(cpuid_guest(&vcpu0, 0x40000001, 0).a, 0x00040011);
	assert_int_equal(cpuid_guest(&vcpu0, 0x40000002, 0).b, 0x40000000);
	assert_int_equal(cpuid_guest(&vcpu0, 0x40000003, 0).c, tsc_khz);
	assert_int_equal(cpuid_guest(&vcpu0, 0x40000005, 0).b, 32);
	r = cpuid_guest(&vcpu0, 0x40000100, 0);
	assert_int_equal(r.a, 0x40000101);
	assert_memory_equal(&r.b, "WabeWabeWabe", 12);
	assert_int_equal(cpuid_guest(&vcpu0, 0x40000101, 0).b, 51);
	assert_int_equal(cpuid_guest(&vcpu0, 0x40000102, 0).a, 0);
	for (u32 leaf = 0x40000200; leaf < 0x40010000; leaf += 0x100) {
		assert_int_equal(cpuid_guest(&vcpu0, leaf, 0).a, 0);
		assert_int_equal(cpuid_guest(&vcpu0, leaf, 0).b, 0);
	}
}

static void any_leaf_can_be_asked(void **state)
{
	for (u32 n = 0; n < 1000000; n++) {
		u32 leaf = random() << 16 ^ random();

		cpuid_guest(&vcpu0, n & 1 ? leaf : leaf & 0xc00000ff, random());
	}
	assert_int_equal(cpuid_guest(&vcpu0, 0x20, 0).a, 0);
	assert_int_equal(cpuid_guest(&vcpu0, 0x80000fff, 0).a, 0);
	assert_int_equal(cpuid_guest(&vcpu0, ~0u, ~0u).a, 0);
}

static void the_prefix_is_needed(void **state)
{
	u8 code[] = {0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2};
	struct cpu cpu = {.current = &vcpu0};
	struct cpu_user_regs r = {
	    .rip = (u64)code, .rax = 0xabcdefff40000001, .rdx = ~0ull};

	the_cpu = &cpu;
	assert_true(emul_forced_cpuid(&r));
	assert_int_equal(r.rip, (u64)code + 7);
	assert_int_equal(r.rax, 0x40011);
	assert_int_equal(r.rdx, 0);
	code[3] = 'E';
	r.rip = (u64)code;
	assert_false(emul_forced_cpuid(&r));
}

static struct xen_cpuid_leaf leaves[CPU_POLICY_LEAVES_MAX];
static struct xen_msr_entry msrs[CPU_POLICY_MSRS_MAX];
static struct cpu_policy_error err;

static struct xen_cpuid_leaf *leaf_find(u32 count, u32 leaf)
{
	for (u32 n = 0; n < count; n++) {
		if (leaves[n].leaf == leaf) {
			return &leaves[n];
		}
	}
	return NULL;
}

static u32 default_leaves(void)
{
	return cpu_policy_leaves(
	    cpu_policy_system(XEN_SYSCTL_cpu_policy_pv_default), leaves);
}

static int put(u32 leaf_count, u32 msr_count)
{
	return cpu_policy_copy_in(&guest, GVA((u64)leaves), leaf_count,
				  GVA((u64)msrs), msr_count, &err);
}

static void what_is_read_can_be_written(void **state)
{
	u32 leaf_count = 0, msr_count = 0;
	struct cpu_policy before = *guest.policy;
	gva_t nowhere = GVA(0);

	assert_int_equal(cpu_policy_copy_out(guest.policy, nowhere, &leaf_count,
					     nowhere, &msr_count),
			 0);
	assert_int_equal(leaf_count, CPU_POLICY_LEAVES_MAX);
	assert_int_equal(msr_count, CPU_POLICY_MSRS_MAX);
	assert_int_equal(cpu_policy_copy_out(guest.policy, GVA((u64)leaves),
					     &leaf_count, GVA((u64)msrs),
					     &msr_count),
			 0);
	assert_true(leaf_count <= CPU_POLICY_LEAVES_MAX);
	assert_int_equal(put(leaf_count, msr_count), 0);
	assert_memory_equal(guest.policy, &before, sizeof(before));
	leaf_count = 3;
	assert_int_equal(cpu_policy_copy_out(guest.policy, GVA((u64)leaves),
					     &leaf_count, nowhere, &msr_count),
			 -ENOBUFS);
}

static void the_toolstack_can_only_take_away(void **state)
{
	u32 count = default_leaves();

	leaf_find(count, 1)->d = ~0u;
	leaf_find(count, 1)->c = ~0u & ~BIT(F(XSAVE) % 32);
	leaf_find(count, 7)->b = ~0u;
	leaf_find(count, 0)->b = 0x12345678;
	assert_int_equal(put(count, 0), 0);
	a_pv_guest_sees_no_supervisor_features(NULL);
	assert_int_equal(guest.policy->leaf[0].b, cpuid(0, 0).b);
	// Without XSAVE nothing that builds on it.
	assert_false(has(F(AVX)) || has(F(AVX2)) || has(F(XSAVEC)));
	assert_int_equal(cpuid_guest(&vcpu0, 0xd, 0).a, 0);
	assert_int_equal(cpuid_guest(&vcpu0, 1, 0).c >> 27 & 1, 0);
	count = default_leaves();
	assert_int_equal(put(count, 0), 0);
}

static void misfits_are_named(void **state)
{
	const struct cpu_policy *before = guest.policy;
	u32 count = default_leaves();

	leaf_find(count, 0)->a = 0x80;
	assert_int_equal(put(count, 0), -EINVAL);
	assert_int_equal(err.leaf, 0);
	count = default_leaves();
	leaf_find(count, 0x80000000)->a = 0x80ffffff;
	assert_int_equal(put(count, 0), -EINVAL);
	assert_int_equal(err.leaf, 0x80000000);
	count = default_leaves();
	leaves[3].leaf = 0x1234;
	assert_int_equal(put(count, 0), -ERANGE);
	assert_int_equal(err.leaf, 0x1234);
	assert_int_equal(put(1000, 0), -E2BIG);
	msrs[0] = (struct xen_msr_entry){.idx = 0x174};
	assert_int_equal(put(0, 1), -ERANGE);
	assert_int_equal(err.msr, 0x174);
	msrs[0] = (struct xen_msr_entry){.idx = 0xce, .val = 1};
	assert_int_equal(put(0, 1), -EINVAL);
	vcpu1.initialised = true;
	assert_int_equal(put(0, 0), -EEXIST);
	vcpu1.initialised = false;
	assert_ptr_equal(guest.policy, before);
}

// A highest leaf that lies below the extended ones was once taken for a count,
// and far more than the policy was cleared.
static void the_highest_leaf_is_one_that_there_is(void **state)
{
	u32 count = default_leaves(), *highest;

	for (u32 n = 0; n < 3; n++) {
		leaf_find(count, 0x80000000)->a =
		    (u32[]){0, 0xffff, 0x7fffffff}[n];
		assert_int_equal(put(count, 0), 0);
		highest = &guest.policy->leaf[CPU_POLICY_EXTENDED_SLOT].a;
		assert_in_range(*highest, 0x80000000, cpuid(0x80000000, 0).a);
		assert_int_equal(cpuid_guest(&vcpu0, 0, 0).b, cpuid(0, 0).b);
	}
	count = default_leaves();
	assert_int_equal(put(count, 0), 0);
}

static void nothing_is_left_over(void **state)
{
	cpu_policy_destroy(&guest);
	assert_int_equal(allocations, 0);
	assert_int_equal(cpu_policy_create(&guest), 0);
	cpu_policy_destroy(&guest);
	assert_int_equal(allocations, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_pv_guest_sees_no_supervisor_features),
	    cmocka_unit_test(vcpus_have_their_own_apic_ids),
	    cmocka_unit_test(xsave_sizes_follow_xcr0),
	    cmocka_unit_test(the_hypervisor_is_found_once),
	    cmocka_unit_test(any_leaf_can_be_asked),
	    cmocka_unit_test(the_prefix_is_needed),
	    cmocka_unit_test(what_is_read_can_be_written),
	    cmocka_unit_test(the_toolstack_can_only_take_away),
	    cmocka_unit_test(misfits_are_named),
	    cmocka_unit_test(the_highest_leaf_is_one_that_there_is),
	    cmocka_unit_test(nothing_is_left_over),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
