// SPDX-License-Identifier: MIT
// The parts of x86/ that the core only passes things to. Those that can refuse
// do so where a test can bring it about; what they do else does not show.
#include <wabe/context.h>
#include <wabe/cpuid.h>
#include <wabe/hypercall.h>
#include <wabe/irq.h>
#include <wabe/pirq.h>
#include <wabe/evtchn.h>
#include <wabe/time.h>

#include "fake.h"

u32 tsc_khz = 1000000, tsc_to_ns_mul = 1u << 31;
s8 tsc_to_ns_shift = 1;
char image_start[1], text_end[1];

// --- contexts ----------------------------------------------------------------

int context_init_vcpu(struct vcpu *v)
{
	v->fpu = heap_alloc(fpu_state_bytes());
	return v->fpu ? 0 : -ENOMEM;
}

void fpu_destroy_vcpu(struct vcpu *v)
{
	heap_free(v->fpu);
	v->fpu = NULL;
}

bool descriptor_check(u64 *descriptor)
{
	return !(*descriptor & 1); // odd ones are bad here
}

static void gdt_release(struct vcpu *v)
{
	for (u32 i = 0; i < ARRAY_SIZE(v->gdt_frames); i++) {
		if (v->gdt_frames[i]) {
			page_put_type(mfn_page(MFN(v->gdt_frames[i])));
			v->gdt_frames[i] = 0;
		}
	}
	v->gdt_ents = 0;
}

int gdt_set(struct vcpu *v, const u64 *frames, u32 ents)
{
	u32 count = DIV_ROUND_UP(ents, 512);

	for (u32 i = 0; i < count; i++) {
		struct page *p = page_lookup(MFN(frames[i]));

		if (!p || page_get_type(p, v->domain, PAGE_SEG)) {
			while (i) {
				page_put_type(mfn_page(MFN(frames[--i])));
			}
			return -EINVAL;
		}
	}
	gdt_release(v);
	for (u32 i = 0; i < count; i++) {
		v->gdt_frames[i] = frames[i];
	}
	v->gdt_ents = ents;
	return 0;
}

int ldt_set(struct vcpu *v, u64 base, u32 ents)
{
	v->ldt_base = base;
	v->ldt_ents = ents;
	return 0;
}

int debugreg_set(struct vcpu *v, u32 reg, u64 value)
{
	v->dr[reg] = value;
	return 0;
}

int segment_base_set(u32 which, u64 base)
{
	return 0;
}

u32 fpu_state_bytes(void)
{
	return 832;
}

void fpu_changed(struct vcpu *v)
{
}

void fpu_get_fxsave(struct vcpu *v, void *out512)
{
	memcpy(out512, v->fpu, 512);
}

void fpu_set_fxsave(struct vcpu *v, const void *in512)
{
	memcpy(v->fpu, in512, 512);
}

int fpu_set_xcr0(struct vcpu *v, u64 value)
{
	return value & 1 ? 0 : -EINVAL;
}

void fpu_taskswitch(bool set)
{
	current_vcpu()->ts = set;
}

long call_iret(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	return 0;
}

// --- time --------------------------------------------------------------------

void vcpu_time_publish(struct vcpu *v)
{
	WRITE_ONCE(v->info->time.system_time, time_now());
}

void wallclock_publish(struct domain *d)
{
}

void wallclock_set(u64 secs, u32 nsecs, u64 system_ns)
{
}

// --- the machine -------------------------------------------------------------

void machine_power_off(void)
{
	panic("power off");
}

void machine_halt(void)
{
	panic("halt");
}

void machine_reboot(void)
{
	panic("reboot");
}

void regs_print(const struct cpu_user_regs *regs)
{
}

void cpus_dump(void)
{
}

void irqs_dump(void)
{
}

void nmi_report(void)
{
}

void cpu_calls_run(void)
{
}

u32 pci_read(u32 address, u32 bytes)
{
	return ~0u;
}

int ioapic_read(u64 base, u32 reg, u32 *value)
{
	return -EINVAL;
}

u32 ioapic_gsi_count(void)
{
	return 24;
}

// --- interrupts of the machine: pirqs 0 to 15 are there ----------------------

int pirq_bind(struct domain *d, u32 pirq, u32 port)
{
	return pirq < 16 ? 0 : -EINVAL;
}

void pirq_unbind(struct domain *d, u32 pirq)
{
}

void pirq_set_vcpu(struct domain *d, u32 pirq, struct vcpu *v)
{
}

int pirq_map_gsi(struct domain *d, s32 gsi, s32 pirq)
{
	return gsi < 16 ? gsi : -EINVAL;
}

int pirq_map_msi(struct domain *d, s32 pirq, u16 segment, u16 bdf, bool msix,
		 u16 entry)
{
	return -ENODEV;
}

int pirq_unmap(struct domain *d, s32 pirq)
{
	return pirq < 16 ? 0 : -EINVAL;
}

int pirq_reserve(struct domain *d)
{
	return 15;
}

int pirq_setup_gsi(s32 gsi, bool level, bool low)
{
	return 0;
}

int pirq_needs_eoi(struct domain *d, u32 pirq)
{
	return 0;
}

int pirq_eoi(struct domain *d, u32 pirq)
{
	return 0;
}

int pirq_restore_msi(struct domain *d, u16 segment, u16 bdf)
{
	return -ENODEV;
}

// --- CPUID -------------------------------------------------------------------

static const struct cpu_policy policy;

int cpu_policy_create(struct domain *d)
{
	d->policy = heap_alloc(sizeof(*d->policy));
	return d->policy ? 0 : -ENOMEM;
}

void cpu_policy_destroy(struct domain *d)
{
	heap_free(d->policy);
	d->policy = NULL;
}

const struct cpu_policy *cpu_policy_system(u32 index)
{
	return index ? NULL : &policy;
}

const struct cpu_policy *cpu_policy_featureset(u32 index)
{
	return index ? NULL : &policy;
}

void cpu_policy_words(const struct cpu_policy *p, u32 words[CPU_FEATURE_WORDS])
{
	memset(words, 0, CPU_FEATURE_WORDS * sizeof(words[0]));
}

int cpu_policy_copy_out(const struct cpu_policy *p, gva_t leaves,
			u32 *leaf_count, gva_t msrs, u32 *msr_count)
{
	*leaf_count = *msr_count = 0;
	return 0;
}

int cpu_policy_copy_in(struct domain *d, gva_t leaves, u32 leaf_count,
		       gva_t msrs, u32 msr_count, struct cpu_policy_error *err)
{
	return leaf_count || msr_count ? -EINVAL : 0;
}
