// SPDX-License-Identifier: MIT
// Privileged instructions of guests: what faulted with #GP is fetched, decoded
// and handed to the room that knows it. What is refused goes on as the #GP it
// was.
//
// Only 64-bit code is emulated: 32-bit user code gets #GP for port accesses
// too (its kernel would have to grant them with iopl 3, which no one does).
#include <wabe/context.h>
#include <wabe/emul.h>
#include <wabe/guest.h>
#include <wabe/trap.h>

#define OPCODE_RDMSR_BYTES 0x320f

// cli, sti and ports: kernel mode counts as ring 1, or as ring 0 for a guest
// that keeps its iopl in rflags.
static bool iopl_suffices(const struct vcpu *v)
{
	if (!v->kernel_mode) {
		return v->iopl == 3;
	}
	return v->iopl >= 1 ||
	       (v->domain->vm_assist & BIT(VMASST_TYPE_architectural_iopl));
}

// Instructions that a guest's kernel may use, whatever its iopl.
static enum emul_outcome kernel_insn(struct vcpu *v, struct cpu_user_regs *regs,
				     const struct insn *i)
{
	switch (i->opcode) {
	case 0x0f01:
		return i->modrm == 0xd1 ? emul_xsetbv(v, regs, i)
					: EMUL_REFUSED;
	case 0x0f06: // clts
		fpu_taskswitch(false);
		return EMUL_DONE;
	case 0x0f09: // wbinvd: who has devices may have reason to
		if (v->domain->privileged) {
			asm volatile("wbinvd" ::: "memory");
		}
		return EMUL_DONE;
	case 0x0f20:
		return emul_cr_read(v, regs, i);
	case 0x0f21:
	case 0x0f23:
		return emul_dr(v, regs, i);
	case 0x0f22:
		return emul_cr_write(v, regs, i);
	case 0x0f30:
		return emul_wrmsr(v, regs, i);
	case 0x0f32:
		return emul_rdmsr(v, regs, i);
	default:
		return EMUL_REFUSED;
	}
}

static enum emul_outcome execute(struct vcpu *v, struct cpu_user_regs *regs,
				 const struct insn *i)
{
	switch (i->opcode) {
	case 0x6c ... 0x6f:
	case 0xe4 ... 0xe7:
	case 0xec ... 0xef:
		if (!iopl_suffices(v) && !emul_ports_granted(v, regs, i)) {
			return EMUL_REFUSED;
		}
		return i->opcode < 0xe4 ? emul_string_io(v, regs, i)
					: emul_in_out(v, regs, i);
	case 0xfa: // cli
	case 0xfb: // sti
		// Events stay as they are: the popf that would undo a cli does
		// not trap, so a mask set here would never be lifted.
		return iopl_suffices(v) ? EMUL_DONE : EMUL_REFUSED;
	default:
		return v->kernel_mode ? kernel_insn(v, regs, i) : EMUL_REFUSED;
	}
}

bool emul_privileged(struct cpu_user_regs *regs)
{
	struct vcpu *v = current_vcpu();
	struct insn i;
	u64 head;

	// Linux reads KERNEL_GS_BASE at each context switch: no decoder for it.
	if (v->kernel_mode && regs->cs == SEL_GUEST_CS64 &&
	    (regs->rip & PAGE_OFFSET_MASK) <= PAGE_SIZE - sizeof(head) &&
	    !read_guest_u64(&head, GVA(regs->rip)) &&
	    (u16)head == OPCODE_RDMSR_BYTES) {
		if (emul_rdmsr(v, regs, NULL) != EMUL_DONE) {
			return false;
		}
		insn_retire(regs, 2);
		return true;
	}
	if (!insn_fetch_decode(&i, regs)) {
		return false;
	}
	switch (execute(v, regs, &i)) {
	case EMUL_DONE:
		insn_retire(regs, i.length);
		return true;
	case EMUL_STAY:
		return true;
	default:
		return false;
	}
}
