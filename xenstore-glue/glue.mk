# SPDX-License-Identifier: MIT
# The store's code is linked into the worker (toolstack/wabed/wabed.mk) and
# included by its test and its fuzzer. `make fuzz-store FUZZ_SECONDS=600`.
GLUE_C := $(addprefix xenstore-glue/,wire.c perms.c tree.c watch.c transaction.c \
	queue.c server.c host.c ring.c snapshot.c)

$(UNIT_OUT)/glue_test: $(wildcard xenstore-glue/*.[ch])

FUZZ_SECONDS ?= 30
$(BUILD)/fuzz/store: tests/fuzz/store.c $(wildcard xenstore-glue/*.[ch])
	@mkdir -p $(@D)
	@clang -std=gnu11 -O1 -g -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=undefined $< $(GLUE_C) -o $@

fuzz-store: $(BUILD)/fuzz/store
	@mkdir -p $(BUILD)/fuzz/store.corpus
	@$< -max_total_time=$(FUZZ_SECONDS) -max_len=8192 -rss_limit_mb=512 \
		$(BUILD)/fuzz/store.corpus
.PHONY: fuzz-store
