# SPDX-License-Identifier: MIT
# Unit tests: programs of this machine. `make unit` builds and runs them all,
# with sanitizers. A test that includes the sources it tests is one file; those
# of mm/ link them with the fake machine (tests/fake).
UNIT_FAKE := page_test pgtable_test mm_random_test mm_race_test
UNIT_TESTS := $(sort $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*_test.c)))
UNIT_MM := $(addprefix hypervisor/mm/,page.c validate.c entry.c pgtable.c \
	root.c relinquish.c grant_pte.c mmio.c audit.c alloc.c partition.c \
	share.c) $(addprefix hypervisor/call/,mmu.c mmu_batch.c mmuext.c) \
	hypervisor/lib/bitmap.c $(wildcard tests/fake/*.c)
UNIT_OUT := $(BUILD)/unit
UNIT_FLAGS := -std=gnu11 -O1 -g $(WARN) -fsanitize=address,undefined \
	-fno-sanitize-recover=undefined -fno-sanitize=alignment -pthread \
	-DWABE_DEBUG -D__XEN_TOOLS__ -D__XEN_INTERFACE_VERSION__=0x00041100 -MMD
UNIT_MM_OBJ := $(UNIT_MM:%.c=$(UNIT_OUT)/%.o)

$(UNIT_OUT)/%.o: %.c
	@mkdir -p $(@D)
	@$(CC) $(UNIT_FLAGS) -Itests/fake/include -Ihypervisor/include \
		-include tests/fake/fake.h -c $< -o $@

$(UNIT_FAKE:%=$(UNIT_OUT)/%): $(UNIT_OUT)/%: $(UNIT_OUT)/tests/unit/%.o \
		$(UNIT_MM_OBJ)
	@$(CC) $(UNIT_FLAGS) $^ -lcmocka -o $@

# The others: one source.
$(UNIT_OUT)/%_test: tests/unit/%_test.c
	@mkdir -p $(@D)
	@$(CC) $(UNIT_FLAGS) -Wno-missing-prototypes -Wno-shadow -Ihypervisor/include $< \
		-lcmocka -o $@

unit: $(UNIT_TESTS:%=$(UNIT_OUT)/%)
	@failed=; for t in $(UNIT_TESTS); do echo "# $$t"; \
		CMOCKA_MESSAGE_OUTPUT=TAP $(UNIT_OUT)/$$t || failed="$$failed $$t"; \
	done; [ -z "$$failed" ] || { echo "FAILED:$$failed"; exit 1; }

-include $(UNIT_MM_OBJ:.o=.d) $(UNIT_FAKE:%=$(UNIT_OUT)/tests/unit/%.d)
.PHONY: unit
