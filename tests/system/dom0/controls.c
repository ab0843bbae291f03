// SPDX-License-Identifier: MIT
// controls DOMAIN: what control calls answer about a domain that is there, good
// arguments and bad ones, an errno each. DOMAIN is a small PV guest with one
// vCPU and a limit of 16 MiB, paused once; it is left as it was.
// tests/system/xl/controls.sh compares what this prints with Debian's Xen.
#include "controls.h"

#define CANONICAL_NOT 0x800000000000ul

xencall_handle *calls;
unsigned int domain;
void *request, *data;

void request_begin(void)
{
	memset(request, 0, 4096);
	memset(data, 0, 3 * 4096);
}

void say(const char *what, long rc)
{
	if (rc == -1) {
		printf("%s: %s\n", what, strerrorname_np(errno));
	} else {
		printf("%s: %ld\n", what, rc);
	}
}

long domctl(unsigned int id, uint32_t command)
{
	control()->cmd = command;
	control()->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	control()->domain = (domid_t)id;
	return xencall1(calls, __HYPERVISOR_domctl, (uint64_t)request);
}

struct xen_domctl_getdomaininfo domain_info(unsigned int id)
{
	request_begin();
	if (domctl(id, XEN_DOMCTL_getdomaininfo) || control()->domain != id) {
		memset(&control()->u, 0, sizeof(control()->u));
	}
	return control()->u.getdomaininfo;
}

// --- made, paused, ended -----------------------------------------------------

static struct xen_domctl_createdomain *creation(void)
{
	struct xen_domctl_createdomain *c = &control()->u.createdomain;

	request_begin();
	c->max_vcpus = 1;
	c->max_evtchn_port = 1023;
	c->max_grant_frames = 4;
	c->max_maptrack_frames = 4;
	c->grant_opts = 1;
	return c;
}

// One that comes to be, although it should not, goes again.
static void created(const char *what, unsigned int id)
{
	long rc = domctl(id, XEN_DOMCTL_createdomain);
	unsigned int made = control()->domain;

	say(what, rc);
	if (!rc) {
		request_begin();
		while (domctl(made, XEN_DOMCTL_destroydomain) &&
		       errno == ERESTART) {
		}
	}
}

static void creations(void)
{
	creation();
	created("create", 0);
	creation();
	created("create, an id in use", domain);
	creation()->max_vcpus = 0;
	created("create, no vCPU", 0);
	creation()->max_vcpus = 100000;
	created("create, 100000 vCPUs", 0);
	creation()->flags = 1u << 20;
	created("create, unknown flags", 0);
	creation()->iommu_opts = 1;
	created("create, IOMMU options without one", 0);
	creation()->grant_opts = 0;
	created("create, grant version 0", 0);
	creation()->grant_opts = 3;
	created("create, grant version 3", 0);
	creation()->grant_opts = 0x11;
	created("create, unknown grant options", 0);
	creation()->max_grant_frames = 65;
	created("create, 65 grant frames", 0);
	creation()->max_maptrack_frames = 1025;
	created("create, 1025 maptrack frames", 0);
	creation()->max_grant_frames = -1;
	created("create, grant frames by default", 0);
	creation()->arch.emulation_flags = 1;
	created("create, with emulation", 0);
	creation()->arch.misc_flags = 1u << 20;
	created("create, unknown flags of the architecture", 0);
	creation()->cpupool_id = 77;
	created("create, in a pool that is not there", 0);
	creation()->vmtrace_size = 4096;
	created("create, with tracing", 0);
}

static void life(void)
{
	request_begin();
	say("destroy dom0", domctl(0, XEN_DOMCTL_destroydomain));
	say("destroy nobody", domctl(NOBODY, XEN_DOMCTL_destroydomain));
	say("pause", domctl(domain, XEN_DOMCTL_pausedomain));
	say("pause dom0", domctl(0, XEN_DOMCTL_pausedomain));
	say("unpause", domctl(domain, XEN_DOMCTL_unpausedomain));
	say("unpause dom0", domctl(0, XEN_DOMCTL_unpausedomain));
	say("unpause", domctl(domain, XEN_DOMCTL_unpausedomain));
	say("unpause what runs", domctl(domain, XEN_DOMCTL_unpausedomain));
	say("pause again", domctl(domain, XEN_DOMCTL_pausedomain));
	say("resume what is not shut down",
	    domctl(domain, XEN_DOMCTL_resumedomain));
	say("resume dom0", domctl(0, XEN_DOMCTL_resumedomain));
}

static void shut(const char *what, unsigned int id, unsigned int reason)
{
	struct sched_remote_shutdown *s = request;
	struct xen_domctl_getdomaininfo info;

	request_begin();
	s->domain_id = (domid_t)id;
	s->reason = reason;
	say(what, xencall2(calls, __HYPERVISOR_sched_op,
			   SCHEDOP_remote_shutdown, (uint64_t)request));
	if (id != domain) {
		return;
	}
	info = domain_info(id);
	printf(
	    "  shut down %u, reason %u\n", !!(info.flags & XEN_DOMINF_shutdown),
	    info.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask);
}

static void shutdowns(void)
{
	shut("shut nobody down", NOBODY, SHUTDOWN_crash);
	shut("shut down by another", domain, SHUTDOWN_watchdog);
	shut("again, another reason", domain, SHUTDOWN_reboot);
	say("resume", domctl(domain, XEN_DOMCTL_resumedomain));
	printf("  shut down %u\n",
	       !!(domain_info(domain).flags & XEN_DOMINF_shutdown));
}

static long watchdog(uint32_t id, uint32_t seconds)
{
	struct sched_watchdog *w = request;

	request_begin();
	w->id = id;
	w->timeout = seconds;
	return xencall2(calls, __HYPERVISOR_sched_op, SCHEDOP_watchdog,
			(uint64_t)request);
}

// dom0's own, far away.
static void watchdogs(void)
{
	say("watchdog 1, which is not there", watchdog(1, 1000));
	say("watchdog 77", watchdog(77, 1000));
	say("watchdog, a new one", watchdog(0, 1000));
	say("watchdog, another", watchdog(0, 1000));
	say("watchdog, a third", watchdog(0, 1000));
	say("watchdog 1, later", watchdog(1, 2000));
	say("watchdog 1, off", watchdog(1, 0));
	say("watchdog 1, off again", watchdog(1, 0));
	say("watchdog 2, off", watchdog(2, 0));
}

// --- vCPUs -------------------------------------------------------------------

static long context(unsigned int id, uint32_t vcpu, uint32_t command)
{
	memset(request, 0, 4096);
	control()->u.vcpucontext.vcpu = vcpu;
	set_xen_guest_handle_raw(control()->u.vcpucontext.ctxt, data);
	return domctl(id, command);
}

static long context_get(void)
{
	request_begin();
	return context(domain, 0, XEN_DOMCTL_getvcpucontext);
}

static void context_set(const char *what)
{
	say(what, context(domain, 0, XEN_DOMCTL_setvcpucontext));
	context_get();
}

// It has its first context and did not run yet.
static void contexts(void)
{
	struct vcpu_guest_context *c = data;
	static char before[4096 * 3];

	say("context of vCPU 1", context(domain, 1, XEN_DOMCTL_getvcpucontext));
	say("context", context_get());
	memcpy(before, data, sizeof(before));
	context_set("context set as it is");
	printf("  and is the same %d\n",
	       !memcmp(before, data, sizeof(struct vcpu_guest_context)));
	say("context set of vCPU 1",
	    context(domain, 1, XEN_DOMCTL_setvcpucontext));
	say("context set of itself", context(0, 0, XEN_DOMCTL_setvcpucontext));
	c->ctrlreg[3] += 4096;
	context_set("context with another root");
	c->event_callback_eip = CANONICAL_NOT;
	context_set("context, a callback not canonical");
	c->trap_ctxt[14].address = CANONICAL_NOT;
	context_set("context, a trap handler not canonical");
	c->gs_base_user = CANONICAL_NOT;
	context_set("context, a GS base not canonical");
	c->ldt_ents = 10000;
	context_set("context, too long an LDT");
	c->gdt_ents = 10000;
	context_set("context, too long a GDT");
	c->gdt_ents = 512;
	context_set("context, another GDT");
	c->debugreg[7] = 0x2003;
	c->debugreg[0] = 0xffff828000200000;
	context_set("context, a breakpoint in the hypervisor");
	printf("  is not kept: %lx %lx\n", c->debugreg[0],
	       c->debugreg[7] & ~0x400ul);
	c->user_regs.cs = 8;
	c->user_regs.rflags |= 0x3000 | 1 << 17;
	context_set("context, in ring 0, with IOPL 3");
	printf("  is ring %u, flags %lx\n", c->user_regs.cs & 3,
	       c->user_regs.rflags & 0x20200);
	memcpy(data, before, sizeof(before));
	context_set("context set as it was");
}

static long affinity(uint32_t vcpu, uint32_t flags, uint8_t bits)
{
	struct xen_domctl_vcpuaffinity *a = &control()->u.vcpuaffinity;

	request_begin();
	a->vcpu = vcpu;
	a->flags = flags;
	a->cpumap_hard.nr_bits = a->cpumap_soft.nr_bits = 8;
	*(uint8_t *)data = bits;
	set_xen_guest_handle_raw(a->cpumap_hard.bitmap, data);
	set_xen_guest_handle_raw(a->cpumap_soft.bitmap, data);
	return domctl(domain, XEN_DOMCTL_setvcpuaffinity);
}

static void vcpus(void)
{
	request_begin();
	control()->u.getvcpuinfo.vcpu = 7;
	say("vCPU 7", domctl(domain, XEN_DOMCTL_getvcpuinfo));
	control()->u.max_vcpus.max = 2;
	say("two vCPUs", domctl(domain, XEN_DOMCTL_max_vcpus));
	control()->u.max_vcpus.max = 1;
	say("one vCPU, again", domctl(domain, XEN_DOMCTL_max_vcpus));
	say("affinity of vCPU 7", affinity(7, XEN_VCPUAFFINITY_HARD, 1));
	say("affinity to nothing", affinity(0, XEN_VCPUAFFINITY_HARD, 0));
	say("affinity to CPU 7", affinity(0, XEN_VCPUAFFINITY_HARD, 0x80));
	say("soft affinity to CPU 7", affinity(0, XEN_VCPUAFFINITY_SOFT, 0x80));
	say("affinity of no kind", affinity(0, 0, 1));
	say("affinity of unknown kind", affinity(0, 0x80, 1));
	say("affinity to all", affinity(0, 3, 0xff));
	request_begin();
	control()->u.sendtrigger.vcpu = 7;
	say("NMI to vCPU 7", domctl(domain, XEN_DOMCTL_sendtrigger));
	control()->u.sendtrigger.vcpu = 0;
	control()->u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_POWER;
	say("power button", domctl(domain, XEN_DOMCTL_sendtrigger));
	control()->u.sendtrigger.trigger = 77;
	say("trigger 77", domctl(domain, XEN_DOMCTL_sendtrigger));
	control()->u.address_size.size = 64;
	say("64 bits", domctl(domain, XEN_DOMCTL_set_address_size));
	control()->u.address_size.size = 48;
	say("48 bits", domctl(domain, XEN_DOMCTL_set_address_size));
}

int main(int argc, char **argv)
{
	domain = argc == 2 ? (unsigned int)atoi(argv[1]) : 0;
	calls = xencall_open(NULL, 0);
	if (!domain || !calls) {
		perror("controls DOMAIN: xencall_open");
		return 2;
	}
	request = xencall_alloc_buffer_pages(calls, 1);
	data = xencall_alloc_buffer_pages(calls, 3);
	contexts();
	vcpus();
	creations();
	watchdogs();
	resources();
	life();
	shutdowns();
	return 0;
}
