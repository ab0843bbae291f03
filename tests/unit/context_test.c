// SPDX-License-Identifier: MIT
// Contexts that a guest gives its vCPUs (VCPUOP_initialise), on the fake
// machine: what would stop the hypervisor when the vCPU comes to run is refused
// before. A vCPU without a root was once taken, and was the end when it was
// brought up. A root that takes long to validate is gone on with (XSA-296).
#include "mm_machine.h"

#include <wabe/hypercall.h>

#include <xen/vcpu.h>

static struct domain *a;
static struct tree t;
static struct vcpu_guest_context c;

static int setup(void **state)
{
	fake_init(2);
	a = fake_domain(1);
	fake_run(0, a->vcpu[0]);
	t = tree_make(a, 1, 1);
	a->vcpu[1]->initialised = false;
	memset(&c, 0, sizeof(c));
	c.flags = VGCF_in_kernel;
	c.ctrlreg[3] = t.l4 << PAGE_SHIFT;
	return 0;
}

static int end(void **state)
{
	fake_run(0, dom0->vcpu[0]);
	fake_fini();
	return 0;
}

static long initialise(void)
{
	return fake_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_initialise, 1,
			      (u64)&c, 0);
}

static void a_kernel_needs_a_root(void **state)
{
	c.ctrlreg[3] = 0;
	assert_int_equal(initialise(), -EINVAL);
	c.ctrlreg[3] = 0x800; // no frame, but not 0
	assert_int_equal(initialise(), -EINVAL);
	assert_false(a->vcpu[1]->initialised);
	c.ctrlreg[3] = t.l4 << PAGE_SHIFT;
	assert_int_equal(initialise(), 0);
	assert_int_equal(a->vcpu[1]->kernel_root, t.l4 << PAGE_SHIFT);
}

// A little at a time; the guest may give another root meanwhile.
static void a_root_is_validated_in_slices(void **state)
{
	struct tree half = tree_make(a, 4, 8);
	struct tree big = tree_make(a, 4, 8);

	c.ctrlreg[3] = half.l4 << PAGE_SHIFT;
	fake_call(__HYPERVISOR_vcpu_op, VCPUOP_initialise, 1, (u64)&c, 0, 1, 1);
	assert_true(fake_continued.again);
	assert_false(a->vcpu[1]->initialised);
	c.ctrlreg[3] = big.l4 << PAGE_SHIFT;
	assert_int_equal(fake_call(__HYPERVISOR_vcpu_op, VCPUOP_initialise, 1,
				   (u64)&c, 0, 1, 10000),
			 0);
	assert_true(fake_slices > 1);
	assert_true(a->vcpu[1]->initialised);
	assert_int_equal(a->vcpu[1]->kernel_root, big.l4 << PAGE_SHIFT);
	assert_int_equal(types(big.l4), 1);
}

static void user_mode_needs_one_of_its_own(void **state)
{
	c.flags = 0;
	assert_int_equal(initialise(), -EINVAL);
	c.ctrlreg[1] = 0x800;
	assert_int_equal(initialise(), -EINVAL);
	assert_false(a->vcpu[1]->initialised);
}

static void addresses_are_checked(void **state)
{
	u64 bad = 1ull << 47;
	u64 *fields[] = {
	    (u64 *)&c.trap_ctxt[3].address,  (u64 *)&c.event_callback_eip,
	    (u64 *)&c.failsafe_callback_eip, (u64 *)&c.syscall_callback_eip,
	    (u64 *)&c.user_regs.rip,	     (u64 *)&c.fs_base,
	    (u64 *)&c.gs_base_kernel,	     (u64 *)&c.gs_base_user,
	};

	for (u32 i = 0; i < ARRAY_SIZE(fields); i++) {
		*fields[i] = bad;
		assert_int_equal(initialise(), -EINVAL);
		*fields[i] = 0;
	}
	c.ldt_ents = 8193;
	assert_int_equal(initialise(), -EINVAL);
	c.ldt_ents = 0;
	c.gdt_ents = FIRST_RESERVED_GDT_ENTRY + 1;
	assert_int_equal(initialise(), -EINVAL);
	assert_false(a->vcpu[1]->initialised);
}

// At another offset it would reach over the end of its page (XSA-327).
static void vcpu_info_lies_in_its_page(void **state)
{
	struct vcpu_register_vcpu_info info = {.mfn = fake_alloc(a)};

	for (u32 offset = 1; offset < PAGE_SIZE; offset += 2) {
		info.offset = offset;
		assert_int_equal(fake_hypercall(__HYPERVISOR_vcpu_op,
						VCPUOP_register_vcpu_info, 1,
						(u64)&info, 0),
				 -ENXIO);
	}
	info.offset = PAGE_SIZE - sizeof(struct vcpu_info) + 8;
	assert_int_equal(fake_hypercall(__HYPERVISOR_vcpu_op,
					VCPUOP_register_vcpu_info, 1,
					(u64)&info, 0),
			 -ENXIO);
	assert_int_equal(refs(info.mfn), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, end)
	    T(a_kernel_needs_a_root),	       T(a_root_is_validated_in_slices),
	    T(user_mode_needs_one_of_its_own), T(addresses_are_checked),
	    T(vcpu_info_lies_in_its_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
