# SPDX-License-Identifier: MIT
# Fuzzers of everything that reads what a guest or a stranger wrote. `make fuzz`
# runs each for FUZZ_SECONDS (600), one after the other; tests/fuzz/short.sh runs
# each for seconds from its seeds, tests/fuzz/seeds/NAME.
FUZZERS := store ring spec image layer model
FUZZ_OUT := $(BUILD)/fuzz
FUZZ_SECONDS ?= 600
FUZZ_FLAGS := -std=gnu11 -D_GNU_SOURCE -Wno-macro-redefined -O1 -g -fsanitize=fuzzer,address,undefined \
	-fno-sanitize-recover=undefined -D__XEN_TOOLS__ -pthread \
	-Itoolstack/include -Itoolstack/lib -Itoolstack/wabed -Ixenstore-glue \
	-I/usr/include/json-c

FUZZ_store := $(GLUE_C)
FUZZ_ring := $(WORKER_C) $(GLUE_C)
FUZZ_spec := $(addprefix toolstack/lib/,spec.c spec_fdt.c spec_file.c dts.c file.c error.c)
FUZZ_image := $(addprefix toolstack/lib/,image.c image_layer.c user.c spec.c file.c error.c)
FUZZ_layer := $(addprefix toolstack/lib/,file.c error.c)

# The whole core on the fake machine, beside the reference model.
FUZZ_model := $(UNIT_CORE) $(UNIT_MODEL)
FUZZ_CORE := -DWABE_DEBUG -D__XEN_INTERFACE_VERSION__=0x00041100 \
	-Itests/fake/include -Ihypervisor/include -include tests/fake/fake.h
$(FUZZ_OUT)/model: FUZZ_FLAGS += $(FUZZ_CORE)
$(FUZZ_OUT)/model: $(wildcard hypervisor/*/*.h hypervisor/include/wabe/*.h tests/fake/*.h tests/model/*.h)

.SECONDEXPANSION:
$(FUZZERS:%=$(FUZZ_OUT)/%): $(FUZZ_OUT)/%: tests/fuzz/%.c $$(FUZZ_%) \
		$(wildcard xenstore-glue/*.h toolstack/*/*.h)
	@mkdir -p $(@D)
	@echo '  FUZZ $@'
	@clang $(FUZZ_FLAGS) $(filter %.c,$^) -o $@ -lfdt -ljson-c -larchive -lseccomp

fuzzers: $(FUZZERS:%=$(FUZZ_OUT)/%)
fuzz: fuzzers
	@for f in $(FUZZERS); do SECONDS_EACH=$(FUZZ_SECONDS) tests/fuzz/run $$f || exit 1; done

# The same with AFL++, for FUZZ_SECONDS; what it finds: build/fuzz/afl.
$(FUZZ_OUT)/model-afl: tests/fuzz/model.c $(FUZZ_model) tests/fuzz/fuzz.mk
	@mkdir -p $(@D)
	@echo '  AFL  $@'
	@AFL_QUIET=1 AFL_USE_ASAN=1 afl-clang-fast $(filter-out -fsanitize=%,$(FUZZ_FLAGS)) \
		$(FUZZ_CORE) -fsanitize=fuzzer $(filter %.c,$^) -o $@
fuzz-afl: needs-build-fuzz
	@$(MAKE) --no-print-directory $(FUZZ_OUT)/model-afl
	@tests/fuzz/afl $(FUZZ_OUT)/model-afl $(FUZZ_SECONDS)
.PHONY: fuzz fuzzers fuzz-afl
