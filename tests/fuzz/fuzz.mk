# SPDX-License-Identifier: MIT
# Fuzzers of everything that reads what a guest or a stranger wrote. `make fuzz`
# runs each for FUZZ_SECONDS (600), one after the other; tests/unit/fuzz.sh runs
# each for seconds from its seeds, tests/fuzz/seeds/NAME.
FUZZERS := store ring spec image layer
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

.SECONDEXPANSION:
$(FUZZERS:%=$(FUZZ_OUT)/%): $(FUZZ_OUT)/%: tests/fuzz/%.c $$(FUZZ_%) \
		$(wildcard xenstore-glue/*.h toolstack/*/*.h)
	@mkdir -p $(@D)
	@echo '  FUZZ $@'
	@clang $(FUZZ_FLAGS) $(filter %.c,$^) -o $@ -lfdt -ljson-c -larchive -lseccomp

fuzzers: $(FUZZERS:%=$(FUZZ_OUT)/%)
fuzz: fuzzers
	@for f in $(FUZZERS); do SECONDS_EACH=$(FUZZ_SECONDS) tests/fuzz/run $$f || exit 1; done
.PHONY: fuzz fuzzers
