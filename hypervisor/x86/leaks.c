// SPDX-License-Identifier: MIT
// What this processor is known to leak by speculation, said at boot together
// with what is done about it, and the controls that are set once. (Slots in
// the entry path are filled by slots.c; what a switch of domains does is in
// context.c.)
#include <wabe/cpu.h>
#include <wabe/mmu.h>

#define SPEC_CTRL_IBRS BIT(0)
#define EFER_AUTO_IBRS BIT(21)

#define CAPS_RDCL_NO BIT(0)
#define CAPS_IBRS_ALL BIT(1)
#define CAPS_SKIP_L1DFL BIT(3)
#define CAPS_SSB_NO BIT(4)
#define CAPS_MDS_NO BIT(5)
#define CAPS_TAA_NO BIT(8)
#define CAPS_FBSDP_NO BIT(14)

static u64 caps(void)
{
	return cpu_features.arch_caps ? rdmsr(MSR_ARCH_CAPABILITIES) : 0;
}

// IBRS that is set once and needs no write at entry: Intel's enhanced, AMD's
// automatic one.
static bool ibrs_intel(void)
{
	return cpu_features.spec_ctrl && caps() & CAPS_IBRS_ALL;
}

static bool ibrs_amd(void)
{
	return cpu_features.amd && cpu_features.max_ext_leaf >= 0x80000021 &&
	       cpuid(0x80000021, 0).a & BIT(8);
}

void leaks_init_cpu(void)
{
	if (ibrs_intel()) {
		wrmsr(MSR_SPEC_CTRL, SPEC_CTRL_IBRS);
	} else if (ibrs_amd()) {
		wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_AUTO_IBRS);
	}
}

void INIT_TEXT leaks_print(void)
{
	const struct cpu_features *f = &cpu_features;
	u64 c = caps();
	bool intel = f->intel, meltdown = intel && !(c & CAPS_RDCL_NO);
	bool mds = intel && !(c & CAPS_MDS_NO);
	bool ibrs = ibrs_intel() || ibrs_amd();

	printk("Known leaks: Spectre-v1 Spectre-v2%s%s%s%s%s%s",
	       c & CAPS_SSB_NO ? "" : " SSB", meltdown ? " Meltdown" : "",
	       meltdown && !(c & CAPS_SKIP_L1DFL) ? " L1TF" : "",
	       mds ? " MDS" : "", intel && !(c & CAPS_TAA_NO) ? " TAA" : "",
	       intel && !(c & CAPS_FBSDP_NO) ? " MMIO" : "");
	printk("Against them: no map of guests' memory, indexes masked, "
	       "entries checked for L1TF%s%s%s%s%s",
	       f->smep ? ", SMEP" : "", f->smap ? ", SMAP" : "",
	       f->md_clear ? ", VERW" : "", ibrs ? ", IBRS" : "",
	       f->ibpb ? ", IBPB" : "");
	if (meltdown) {
		l1tf_guard();
		log_at(LOG_WARNING, "Meltdown: a guest may read what the "
				    "hypervisor has mapped");
	}
	if (mds && !f->md_clear) {
		log_at(LOG_WARNING, "MDS: no VERW in this microcode");
	}
	if (!ibrs) {
		log_at(LOG_WARNING, "Spectre-v2: no IBRS that stays on");
	}
}
