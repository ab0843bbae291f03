// SPDX-License-Identifier: MIT
// Making dom0, the first domain, of the boot modules: its kernel and initrd.
// dom0_build() is the table of contents; each line's room is in dom0.h.
#include <wabe/alloc.h>
#include <wabe/boot.h>
#include <wabe/console.h>
#include <wabe/cpu.h>
#include <wabe/dom0.h>
#include <wabe/evtchn.h>
#include <wabe/mapcache.h>
#include <wabe/mmu.h>
#include <wabe/time.h>

#define EVTCHN_PORTS (1u << 17) // all that the FIFO interface can name
#define GRANT_FRAMES 64
#define MAPTRACK_FRAMES 1024
#define RFLAGS_START 0x202 // IF; bit 1 is always set

static INIT_DATA struct dom0_builder builder;

void dom0_refuse(const char *what, const char *why)
{
	console_force(); // whatever loglvl= says
	printk("dom0 cannot be started: %s (%s): %s", what,
	       boot_info.modules[0].cmdline, why);
	printk("The machine is stopped.");
	machine_halt();
}

static struct bytes module_bytes(u32 i, const char *what)
{
	const struct boot_module *m = &boot_info.modules[i];
	struct bytes b = {NULL, 0};

	if (i < boot_info.module_count) {
		b.data = boot_ptr(m->maddr, m->bytes);
		b.bytes = m->bytes;
		if (!b.data) {
			dom0_refuse(what, "it was loaded above 4 GiB");
		}
	}
	return b;
}

static void modules_find(struct dom0_builder *b)
{
	b->kernel_module = module_bytes(0, "the kernel");
	b->initrd = module_bytes(1, "the initrd");
	if (!b->kernel_module.bytes) {
		dom0_refuse("the kernel", "the boot loader gave no module");
	}
}

static void domain_make(struct dom0_builder *b)
{
	u32 vcpus = options.dom0_max_vcpus ? options.dom0_max_vcpus : cpu_count;
	struct domain_config config = {
	    .id = 0,
	    .partition = partition_default,
	    .privileged = true,
	    .vcpus_max = MIN(vcpus, DOMAIN_VCPUS_MAX),
	    .evtchn_max = EVTCHN_PORTS - 1,
	    .grant_frames = GRANT_FRAMES,
	    .maptrack_frames = MAPTRACK_FRAMES,
	};

	if (domain_create(&config, &b->domain)) {
		panic("dom0: no memory for its structures");
	}
	dom0 = b->domain;
	b->domain->pages_max = ~0ull;
	// As Xen's builder does for a kernel that says it can.
	bit_set(&b->domain->vm_assist, VMASST_TYPE_pae_extended_cr3);
	bit_set(&b->domain->vm_assist, VMASST_TYPE_writable_pagetables);
	b->pages = dom0_memory_target();
}

static void hypercall_page_write(const struct dom0_builder *b)
{
	u64 va = b->kernel.hypercall_page;
	void *page;

	if (va == KERNEL_NOTE_NONE) {
		return;
	}
	page = page_map(dom0_mfn(b, (va - b->kernel.virt_base) >> PAGE_SHIFT));
	hypercall_page_fill(page);
	page_unmap(page);
}

// Events are masked until a vCPU's kernel opens them; its clock runs.
static void vcpus_make(const struct dom0_builder *b)
{
	struct domain *d = b->domain;

	for (u32 i = 0; i < d->vcpus_max; i++) {
		struct vcpu *v;

		if (vcpu_create(d, i, i % cpu_count, &v)) {
			panic("dom0: no memory for vCPU %u", i);
		}
		v->info->evtchn_upcall_mask = 1;
		vcpu_time_publish(v);
	}
	wallclock_publish(d);
}

// From now on the tables are checked, as all that dom0 will ever write to them.
static void tables_take(const struct dom0_builder *b, struct vcpu *v)
{
	mfn_t root = dom0_mfn(b, b->layout.tables);
	int err;

	do {
		work_reset();
		err = page_pin(mfn_page(root), b->domain, PAGE_L4);
	} while (err == -ERESTART);
	if (err || root_set(v, root)) {
		panic("dom0: its first page tables are refused (%d)", err);
	}
}

static void vcpu_start(const struct dom0_builder *b)
{
	struct vcpu *v = b->domain->vcpu[0];

	dom0_write(b, b->layout.stack << PAGE_SHIFT, NULL, PAGE_SIZE);
	tables_take(b, v);
	v->regs.rip = b->kernel.entry;
	v->regs.rsi = dom0_va(b, b->layout.start_info);
	v->regs.rsp = dom0_va(b, b->layout.stack + 1);
	v->regs.rflags = RFLAGS_START;
	v->regs.cs = SEL_GUEST_CS64;
	v->regs.ss = SEL_GUEST_DS;
	v->kernel_rsp = v->regs.rsp;
	v->kernel_ss = SEL_GUEST_DS;
	v->kernel_mode = 1;
	v->initialised = true;
	v->offline = 0;
}

static void report(const struct dom0_builder *b)
{
	const struct dom0_layout *l = &b->layout;

	printk("dom0: kernel at 0x%lx, entry 0x%lx, initrd %lu KiB",
	       b->kernel.virt_base + b->kernel.segments[0].paddr,
	       b->kernel.entry, l->initrd_bytes >> 10);
	printk("dom0: p2m at 0x%lx, start_info 0x%lx, page tables 0x%lx (%lu)",
	       l->p2m_va, dom0_va(b, l->start_info), dom0_va(b, l->tables),
	       l->table_count);
	printk("dom0: %lu MiB in %u pieces, %u vCPUs",
	       b->pages >> (20 - PAGE_SHIFT), b->extent_count,
	       b->domain->vcpus_max);
}

void dom0_build(void)
{
	struct dom0_builder *b = &builder;

	modules_find(b);
	domain_make(b);
	dom0_kernel_read(b); // into scratch memory of dom0
	dom0_memory_populate(b);
	dom0_layout_make(b); // needs sizes of kernel and memory
	dom0_kernel_load(b);
	dom0_write(b, b->layout.initrd << PAGE_SHIFT, b->initrd.data,
		   b->initrd.bytes);
	dom0_memory_settle(b); // the file in scratch is used up
	dom0_p2m_write(b);
	dom0_tables_build(b);
	dom0_start_info_write(b);
	hypercall_page_write(b);
	vcpus_make(b);
	vcpu_start(b); // no more writing to its frames
	report(b);
	domain_unpause(b->domain);
}
