# SPDX-License-Identifier: MIT
# The test guests: guests/lib with tests/guest/NAME/main.c is $(BUILD)/guest/NAME.
# `make guests` builds all. A guest that differs from the common form says so:
#   GUEST_NOTES_name := notes-page	calls through a hypercall page
#   GUEST_BASE_name := 0		its VIRT_BASE

GUEST_NOTES_hello-page := notes-page
GUEST_BASE_hello-page := 0

GUESTS := $(sort $(notdir $(patsubst %/main.c,%,$(wildcard tests/guest/*/main.c))))

GUEST_LIB := $(BUILD)/guests/lib/head.o $(patsubst %.c,$(BUILD)/%.o,$(wildcard guests/lib/*.c))
GUEST_FLAGS := -std=gnu11 -O2 -g $(WARN) -ffreestanding -fno-pic -mcmodel=kernel \
	-fno-stack-protector -fno-strict-aliasing -fwrapv -fno-builtin \
	-fno-delete-null-pointer-checks -fno-asynchronous-unwind-tables \
	-mno-red-zone -mgeneral-regs-only -fcf-protection=none -fno-common \
	-nostdinc -isystem $(shell $(CC) -print-file-name=include 2>/dev/null) \
	-Iguests/lib -idirafter /usr/include $(HV_DEFINE)

guests: $(GUESTS:%=$(BUILD)/guest/%)

$(BUILD)/guests/lib/%.o: guests/lib/%.c
	@mkdir -p $(@D)
	@echo '  CC   $<'
	@$(CC) $(GUEST_FLAGS) -MMD -c $< -o $@

$(BUILD)/guests/lib/%.o: guests/lib/%.S
	@mkdir -p $(@D)
	@echo '  AS   $<'
	@$(CC) $(GUEST_FLAGS) -D__ASSEMBLY__ -MMD -c $< -o $@

$(BUILD)/tests/guest/%.o: tests/guest/%.c
	@mkdir -p $(@D)
	@echo '  CC   $<'
	@$(CC) $(GUEST_FLAGS) -MMD -c $< -o $@

# The reference model, as the guest replay has it.
GUEST_MODEL := $(filter-out tests/model/host.c,$(wildcard tests/model/*.c))
GUEST_MORE_replay := $(GUEST_MODEL:%.c=$(BUILD)/%.o)
$(BUILD)/tests/model/%.o: tests/model/%.c
	@mkdir -p $(@D)
	@echo '  CC   $<'
	@$(CC) $(GUEST_FLAGS) -MMD -c $< -o $@

define guest_rule
$(BUILD)/guest/$(1): $$(patsubst %.c,$$(BUILD)/%.o,$$(wildcard tests/guest/$(1)/*.c)) $$(GUEST_MORE_$(1)) \
		$$(GUEST_LIB) $$(BUILD)/guests/lib/$$(or $$(GUEST_NOTES_$(1)),notes).o \
		guests/lib/guest.lds
	@mkdir -p $$(@D)
	@ld -m elf_x86_64 -nostdlib -static -z noexecstack --no-warn-rwx-segments \
		-z max-page-size=4096 --defsym=virt_base=$$(or $$(GUEST_BASE_$(1)),0xffffffff80000000) \
		-T guests/lib/guest.lds -o $$@ $$(filter %.o,$$^)
endef
$(foreach g,$(GUESTS),$(eval $(call guest_rule,$(g))))

-include $(wildcard $(BUILD)/guests/lib/*.d $(BUILD)/tests/guest/*/*.d $(BUILD)/tests/model/*.d)

.PHONY: guests
