# SPDX-License-Identifier: MIT
# The worker. Its only library in dom0 is libc: libseccomp and libfdt are
# linked in, Xen is reached by descriptors the creator hands over.
WORKER_C := $(addprefix toolstack/wabed/,worker.c confine.c control.c served.c \
	store.c backend.c console.c log.c block.c net.c net_receive.c \
	net_transmit.c peer.c pool.c state.c exec.c \
	answers.c packet_fds.c)
$(TS_OUT)/wabed-worker: $(call ts_objects,toolstack/wabed/worker_main.c \
	toolstack/wabed/supervisor.c \
	$(WORKER_C) $(GLUE_C))
	@echo '  LINK $@'
	@$(CC) $(TS_LINK) -pthread -o $@ $(filter-out $(TS_SANITIZER),$^) -l:libseccomp.a -l:libfdt.a

toolstack-all: $(TS_OUT)/wabed-worker

# Its test is one program with a guest inside, under the sanitizers.
$(UNIT_OUT)/worker_test: tests/unit/worker_test.c $(WORKER_C) $(GLUE_C) \
		$(wildcard toolstack/wabed/*.h xenstore-glue/*.h) \
		$(TS_OUT)/wabed-worker
	@mkdir -p $(@D)
	@$(CC) -std=gnu11 -O1 -g -Wall -Wextra \
		-Wno-unused-parameter -fsanitize=address,undefined \
		-fno-sanitize-recover=undefined -pthread -D__XEN_TOOLS__ \
		-DWORKER_PROGRAM='"$(abspath $(TS_OUT))/wabed-worker"' \
		$(filter %.c,$^) -lcmocka -lseccomp -lfdt -o $@

$(UNIT_OUT)/fair_test: tests/unit/fair_test.c tests/fuzz/guests.h $(WORKER_C) \
		$(GLUE_C) $(wildcard toolstack/wabed/*.h xenstore-glue/*.h)
	@mkdir -p $(@D)
	@$(CC) -std=gnu11 -O1 -g -Wall -Wextra -Wno-unused-parameter \
		-fsanitize=address,undefined -fno-sanitize-recover=undefined \
		-pthread -D__XEN_TOOLS__ $(filter %.c,$^) -lcmocka -lseccomp \
		-lfdt -o $@
