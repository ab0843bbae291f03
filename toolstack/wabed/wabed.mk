# SPDX-License-Identifier: MIT
# The worker. Its only library in dom0 is libc: libseccomp and libfdt are
# linked in, Xen is reached by descriptors the creator hands over.
WORKER_C := $(addprefix toolstack/wabed/,worker.c confine.c control.c served.c \
	store.c backend.c console.c log.c block.c net.c net_receive.c \
	net_transmit.c peer.c pool.c)
$(TS_OUT)/wabed-worker: $(call ts_objects,toolstack/wabed/worker_main.c \
	$(WORKER_C) $(GLUE_C))
	@echo '  LINK $@'
	@$(CC) $(TS_LINK) -pthread -o $@ $^ -l:libseccomp.a -l:libfdt.a

toolstack-all: $(TS_OUT)/wabed-worker
