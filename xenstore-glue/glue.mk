# SPDX-License-Identifier: MIT
# The store's code is linked into the worker (toolstack/wabed/wabed.mk) and
# included by its test and its fuzzer (tests/fuzz/fuzz.mk).
GLUE_C := $(addprefix xenstore-glue/,wire.c perms.c tree.c watch.c transaction.c \
	queue.c server.c host.c ring.c snapshot.c)

$(UNIT_OUT)/glue_test: $(wildcard xenstore-glue/*.[ch])
