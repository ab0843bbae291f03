// SPDX-License-Identifier: MIT
// What a guest is handed besides its memory: start info, shared info, two
// grants (console 0, store 1), the registers of vCPU 0.
#define _GNU_SOURCE
#include "build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xen/domctl.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xencall.h>

#define FLAT_CS 0xe033
#define FLAT_SS 0xe02b
#define EFLAGS_IF 0x200

void start_info_write(const struct build *b)
{
	start_info_t *si = build_page(b, b->start_info.pfn);

	strcpy(si->magic, "xen-3.0-x86_64");
	si->nr_pages = b->pages;
	si->shared_info = b->shared_info_frame * PAGE;
	si->store_mfn = b->d->store_mfn;
	si->store_evtchn = b->d->store_port;
	si->console.domU.mfn = b->d->console_mfn;
	si->console.domU.evtchn = b->d->console_port;
	si->pt_base = build_va(b, b->tables.pfn);
	si->nr_pt_frames = b->tables.pages;
	if (b->kernel.has_init_p2m) {
		si->mfn_list = b->kernel.init_p2m;
		si->first_p2m_pfn = b->list.pfn;
		si->nr_p2m_frames = b->list.pages + b->list_tables.pages;
	} else {
		si->mfn_list = build_va(b, b->list.pfn);
	}
	if (b->initrd_bytes) {
		si->mod_len = b->initrd_bytes;
		if (b->kernel.mod_start_pfn) {
			si->mod_start = b->initrd.pfn;
			si->flags |= SIF_MOD_START_PFN;
		} else {
			si->mod_start = build_va(b, b->initrd.pfn);
		}
	}
	if (b->cmdline) {
		strncpy((char *)si->cmd_line, b->cmdline,
			sizeof(si->cmd_line) - 1);
	}
}

int shared_info_write(const struct build *b, struct wabe_error *err)
{
	xen_pfn_t frame = b->shared_info_frame;
	shared_info_t *shared;
	int page_error = 0;

	shared = xenforeignmemory_map(b->m->memory, b->d->domid,
				      PROT_READ | PROT_WRITE, 1, &frame,
				      &page_error);
	if (!shared) {
		return error_set(err, errno, "mapping shared info");
	}
	for (unsigned int i = 0; i < XEN_LEGACY_MAX_VCPUS; i++) {
		shared->vcpu_info[i].evtchn_upcall_mask = 1;
	}
	xenforeignmemory_unmap(b->m->memory, shared, 1);
	return 0;
}

int grants_write(const struct build *b, struct wabe_error *err)
{
	xenforeignmemory_resource_handle *handle;
	grant_entry_v1_t *entries;
	void *map = NULL;

	handle = xenforeignmemory_map_resource(
	    b->m->memory, (domid_t)b->d->domid, XENMEM_resource_grant_table,
	    XENMEM_resource_grant_table_id_shared, 0, 1, &map,
	    PROT_READ | PROT_WRITE, 0);
	if (!handle) {
		return error_set(err, errno, "mapping the grant table");
	}
	entries = map;
	entries[GNTTAB_RESERVED_CONSOLE].frame = (uint32_t)b->d->console_mfn;
	entries[GNTTAB_RESERVED_XENSTORE].frame = (uint32_t)b->d->store_mfn;
	// The frame must be there before the flags say so.
	__sync_synchronize();
	entries[GNTTAB_RESERVED_CONSOLE].flags = GTF_permit_access;
	entries[GNTTAB_RESERVED_XENSTORE].flags = GTF_permit_access;
	xenforeignmemory_unmap_resource(b->m->memory, handle);
	return 0;
}

int vcpu_write(const struct build *b, struct wabe_error *err)
{
	CLEANUP_FREE vcpu_guest_context_any_t *any = calloc(1, sizeof(*any));
	vcpu_guest_context_x86_64_t *c;

	if (!any) {
		return error_set(err, ENOMEM, "vCPU");
	}
	c = &any->x64;
	c->user_regs.rip = b->kernel.entry;
	c->user_regs.rsp = build_va(b, b->stack.pfn + b->stack.pages);
	c->user_regs.rsi = build_va(b, b->start_info.pfn);
	c->user_regs.rflags = EFLAGS_IF;
	c->user_regs.cs = FLAT_CS;
	c->user_regs.ss = FLAT_SS;
	c->kernel_ss = c->user_regs.ss;
	c->kernel_sp = c->user_regs.rsp;
	c->flags = VGCF_in_kernel | VGCF_online;
	c->ctrlreg[3] = (uint64_t)b->p2m[b->tables.pfn] * PAGE;
	if (xc_vcpu_setcontext(b->m->xch, b->d->domid, 0, any)) {
		return error_set(err, errno, "starting state of vCPU 0");
	}
	return 0;
}

// Older kernels have a page the hypervisor fills with hypercalls. libxenctrl
// keeps this call to itself.
int hypercall_page_write(const struct build *b, struct wabe_error *err)
{
	uint64_t pfn = (b->kernel.hypercall_page - b->kernel.virt_base) / PAGE;
	struct xen_domctl *op;
	xencall_handle *call;
	int status = -1;

	if (!b->kernel.has_hypercall_page) {
		return 0;
	}
	if (b->kernel.hypercall_page < b->kernel.virt_base || pfn >= b->pages) {
		return error_set(err, 0, "hypercall page outside the kernel");
	}
	call = xencall_open(b->m->quiet, 0);
	op = call ? xencall_alloc_buffer(call, sizeof(*op)) : NULL;
	if (op) {
		memset(op, 0, sizeof(*op));
		op->cmd = XEN_DOMCTL_hypercall_init;
		op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
		op->domain = (domid_t)b->d->domid;
		op->u.hypercall_init.gmfn = b->p2m[pfn];
		status = xencall1(call, __HYPERVISOR_domctl,
				  (uint64_t)(uintptr_t)op);
		xencall_free_buffer(call, op);
	}
	if (status < 0) {
		error_set(err, errno, "hypercall page");
	}
	if (call) {
		xencall_close(call);
	}
	return status < 0 ? -1 : 0;
}
