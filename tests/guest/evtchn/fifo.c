// SPDX-License-Identifier: MIT
// The FIFO form: words in arrays of pages, linked into 16 queues whose heads
// are in the control block.
#include "evtchn.h"

static struct evtchn_fifo_control_block *control;
static event_word_t *words;

static long init(u64 frame, u32 offset, u32 vcpu)
{
	struct evtchn_init_control op = {
	    .control_gfn = frame, .offset = offset, .vcpu = vcpu};
	long rc = hv_event_op(EVTCHNOP_init_control, &op);

	printf("init_control: %s, link bits %u\n", error_name(rc),
	       op.link_bits);
	return rc;
}

static long expand(u64 frame)
{
	struct evtchn_expand_array op = {.array_gfn = frame};

	return hv_event_op(EVTCHNOP_expand_array, &op);
}

static long priority(u32 port, u32 value)
{
	struct evtchn_set_priority op = {.port = port, .priority = value};

	return hv_event_op(EVTCHNOP_set_priority, &op);
}

// The ports under test: which numbers they have is the hypervisor's choice.
static u32 a, b, c;

static char port_name(u32 port)
{
	return !port	   ? '-'
	       : port == a ? 'a'
	       : port == b ? 'b'
	       : port == c ? 'c'
			   : '?';
}

static void state(const char *name, u32 port)
{
	printf("%s: word %x link %c, ready %x, heads", name, words[port] >> 28,
	       port_name(words[port] & EVTCHN_FIFO_LINK_MASK), control->ready);
	for (int q = 0; q < 16; q++) {
		if (control->head[q]) {
			printf(" %d:%c", q, port_name(control->head[q]));
		}
	}
	printf(", upcall pending %d\n", vcpu_info()->evtchn_upcall_pending);
}

void fifo(void)
{
	struct evtchn_unmask unmask;
	u64 frame, first;

	control = page_alloc();
	words = page_alloc();
	frame = virt_to_mfn(control);
	first = virt_to_mfn(words);
	vcpu_info()->evtchn_upcall_pending = 0;
	say("expand_array before init_control", expand(first));
	say("set_priority before init_control", priority(1, 3));
	init(frame, 4, 0);
	init(frame, 4096 - 64, 0);
	init(0xffffffffff, 0, 0);
	init(virt_to_mfn((void *)start_info->pt_base), 0, 0);
	init(frame, 0, 1);
	init(frame, 0, 0);
	init(frame, 0, 0);
	printf("alloc_unbound without an array: %s\n",
	       event_alloc_unbound(DOMID_SELF, DOMID_SELF) > 0 ? "a port"
							       : "none");
	say("expand_array by the root",
	    expand(virt_to_mfn((void *)start_info->pt_base)));
	words[1] = words[2] = 1u << EVTCHN_FIFO_MASKED; // a domU's console
	say("expand_array", expand(first));
	a = event_alloc_unbound(DOMID_SELF, DOMID_SELF);
	b = event_bind_interdomain(DOMID_SELF, a);
	c = event_bind_ipi(0);
	state("bound", a);
	state("bound", b);
	words[a] = words[b] = words[c] = 0;
	control->ready = 0;
	memset(control->head, 0, sizeof(control->head));
	vcpu_info()->evtchn_upcall_pending = 0;
	say("send", event_send(b));
	state("sent", a);
	say("send by the ipi", event_send(c));
	state("linked behind", a);
	state("the last", c);
	say("the 2-level bits", event_pending(a));
	words[a] = words[c] = 0;
	control->head[7] = 0;
	control->ready = 0;
	vcpu_info()->evtchn_upcall_pending = 0;
	say("set_priority 3", priority(c, 3));
	say("set_priority 16", priority(c, 16));
	say("set_priority of a closed port", priority(900, 3));
	say("send by the ipi", event_send(c));
	state("in queue 3", c);
	words[a] = 1u << EVTCHN_FIFO_MASKED;
	say("send to the masked port", event_send(b));
	state("masked", a);
	unmask.port = a;
	say("unmask", hv_event_op(EVTCHNOP_unmask, &unmask));
	state("unmasked", a);
	say("send by port 2000", event_send(2000));
	say("close", event_close(a));
}
