# SPDX-License-Identifier: MIT
# Unit tests: programs of this machine. `make unit` builds and runs them all,
# with sanitizers. A test that includes the sources it tests is one file; the
# others link the core (mm/, ipc/, dom/, call/) with the fake machine (fake/).
UNIT_FAKE := page_test pgtable_test mm_random_test mm_race_test model_test control_test \
	sched_sim_test privilege_test context_test core_test \
	failure_test ipc_race_test sched_race_test life_race_test
UNIT_TESTS := $(sort $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*_test.c)))
# The whole core but what is the fake machine's own.
UNIT_CORE := $(filter-out $(addprefix hypervisor/mm/,heap.c mapcache.c \
	vmap.c),$(foreach d,mm ipc dom call,$(wildcard hypervisor/$(d)/*.c))) \
	hypervisor/lib/bitmap.c $(wildcard tests/fake/*.c)
# The reference model and its driver.
UNIT_MODEL := $(wildcard tests/model/*.c)
UNIT_OUT := $(BUILD)/unit
UNIT_FLAGS := -std=gnu11 -O1 -g $(WARN) -fsanitize=address,undefined \
	-fno-sanitize-recover=undefined -fno-sanitize=alignment -pthread \
	-DWABE_DEBUG -D__XEN_TOOLS__ -D__XEN_INTERFACE_VERSION__=0x00041100 -MMD -MP
ifneq ($(COVERAGE),)
UNIT_FLAGS := $(filter-out -fsanitize=% -fno-sanitize% -O1,$(UNIT_FLAGS)) -O0 \
	--coverage -fprofile-update=atomic
endif
ifneq ($(TSAN),)
UNIT_FLAGS := $(filter-out -fsanitize=% -fno-sanitize%,$(UNIT_FLAGS)) \
	-fsanitize=thread -Wno-tsan
endif
UNIT_CORE_OBJ := $(UNIT_CORE:%.c=$(UNIT_OUT)/%.o)
UNIT_MODEL_OBJ := $(UNIT_MODEL:%.c=$(UNIT_OUT)/%.o)

$(UNIT_OUT)/%.o: %.c
	@mkdir -p $(@D)
	@$(CC) $(UNIT_FLAGS) -Itests/fake/include -Ihypervisor/include \
		-include tests/fake/fake.h -c $< -o $@

$(UNIT_FAKE:%=$(UNIT_OUT)/%): $(UNIT_OUT)/%: $(UNIT_OUT)/tests/unit/%.o \
		$(UNIT_CORE_OBJ)
	@$(CC) $(UNIT_FLAGS) $^ -lcmocka -o $@

$(UNIT_OUT)/model_test: $(UNIT_MODEL_OBJ)
$(UNIT_OUT)/failure_test: UNIT_FLAGS += -Wl,--wrap=frames_alloc

# The rest of mm/, below what fake/ has in its place.
$(UNIT_OUT)/memory_test: UNIT_FLAGS += -D_GNU_SOURCE -Itests/fake/include -include tests/fake/fake.h

# The others: one source.
$(UNIT_OUT)/%_test: tests/unit/%_test.c
	@mkdir -p $(@D)
	@$(CC) $(UNIT_FLAGS) -Wno-missing-prototypes -Wno-shadow -Ihypervisor/include $< \
		-lcmocka -o $@

unit: $(UNIT_TESTS:%=$(UNIT_OUT)/%)
	@failed=; for t in $(UNIT_TESTS); do echo "# $$t"; \
		CMOCKA_MESSAGE_OUTPUT=TAP $(UNIT_OUT)/$$t || failed="$$failed $$t"; \
	done; [ -z "$$failed" ] || { echo "FAILED:$$failed"; exit 1; }

# Those that have to do with the core.
UNIT_COVER := $(filter-out glue_test creator_test toolstack_test verbs_test forward_test worker_test \
	decode_test cpuid_test time_test,$(UNIT_TESTS))
coverage: needs-build-check
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/coverage COVERAGE=1 coverage-all
	@tests/coverage $(BUILD)/coverage
# The tests of races, under ThreadSanitizer.
tsan-all: $(UNIT_OUT)/mm_race_test $(UNIT_OUT)/ipc_race_test
tsan: needs-build-check
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/tsan TSAN=1 tsan-all
	@tests/run tests/unit/tsan.sh
coverage-all: $(UNIT_COVER:%=$(UNIT_OUT)/%)

-include $(UNIT_TESTS:%=$(UNIT_OUT)/%.d) $(UNIT_CORE_OBJ:.o=.d) $(UNIT_MODEL_OBJ:.o=.d) $(UNIT_FAKE:%=$(UNIT_OUT)/tests/unit/%.d)
.PHONY: unit coverage coverage-all tsan tsan-all
