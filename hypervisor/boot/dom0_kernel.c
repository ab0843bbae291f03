// SPDX-License-Identifier: MIT
// dom0's kernel: from the boot module to its place in dom0's memory.
#include <wabe/dom0.h>
#include <wabe/lib.h>

#define PAYLOAD_LEAST 64 // shorter than any packed kernel

// Unpack `payload` into scratch memory.
static struct bytes unpack(struct dom0_builder *b, struct bytes payload)
{
	u64 out_bytes = payload_unpacked_bytes(payload);
	u64 arena_bytes = payload_arena_bytes(payload), got = 0;
	const char *why;
	u8 *out;

	if (!arena_bytes) {
		dom0_refuse(
		    "the kernel",
		    "it is packed in a format other than XZ, gzip and zstd");
	}
	if (!out_bytes) {
		dom0_refuse("the kernel", "its unpacked size makes no sense");
	}
	out = dom0_scratch(b, out_bytes);
	shim_start(dom0_scratch(b, arena_bytes), arena_bytes);
	why = payload_unpack(payload, out, out_bytes, &got);
	shim_stop();
	if (why) {
		dom0_refuse("the kernel", why);
	}
	return (struct bytes){out, got};
}

void dom0_kernel_read(struct dom0_builder *b)
{
	struct bytes file = b->kernel_module;
	const char *why = NULL;

	if (bzimage_is(file)) {
		struct bytes payload = {NULL, 0};

		why = bzimage_payload(file, &payload);
		if (!why && payload.bytes < PAYLOAD_LEAST) {
			why = "its payload is too short";
		}
		if (!why) {
			file = memcmp(payload.data, "\177ELF", 4) == 0
				   ? payload
				   : unpack(b, payload);
		}
	}
	if (!why) {
		why = elf_read(file, &b->kernel);
	}
	if (why) {
		dom0_refuse("the kernel", why);
	}
}

void dom0_kernel_load(const struct dom0_builder *b)
{
	for (u32 i = 0; i < b->kernel.segment_count; i++) {
		const struct kernel_segment *s = &b->kernel.segments[i];

		dom0_write(b, s->paddr, s->data, s->file_bytes);
		dom0_write(b, s->paddr + s->file_bytes, NULL,
			   s->bytes - s->file_bytes);
	}
}
