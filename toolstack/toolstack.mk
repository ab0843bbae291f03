# SPDX-License-Identifier: MIT
# The toolstack: ordinary programs for dom0, on Debian's libraries. libfdt,
# json-c and libarchive are linked in; Xen's libraries come from dom0.
TS_OUT := $(BUILD)/toolstack
TS_FLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Wshadow -Wmissing-prototypes \
	-Wstrict-prototypes -Wundef -Werror -Wno-unused-parameter \
	-D__XEN_TOOLS__ -Itoolstack/include -Itoolstack/lib -Itoolstack/wabed \
	-Ixenstore-glue -I/usr/include/json-c -ffunction-sections
TS_LINK := -Wl,--gc-sections -Wl,-z,relro,-z,now
# SANITIZE=1: programs that report what AddressSanitizer, LeakSanitizer and
# UndefinedBehaviorSanitizer find, with a BUILD of their own (soak_sanitized.sh).
ifdef SANITIZE
TS_FLAGS += -O1 -fno-omit-frame-pointer -fsanitize=address,undefined
TS_SANITIZER := $(TS_OUT)/tests/system/sanitizer.o
TS_LINK += -fsanitize=address,undefined -static-libasan -static-libubsan \
	$(TS_SANITIZER)
endif

ts_objects = $(patsubst %.c,$(TS_OUT)/%.o,$(1))
# The privileged half of the library; the rest is for everyone.
TS_MACHINE := $(patsubst %,toolstack/lib/%.c,domain build build_tables \
	build_start kernel unpack extension)
TS_LIB := $(filter-out $(TS_MACHINE),$(wildcard toolstack/lib/*.c))
TS_XEN := -lxenctrl -lxenevtchn -lxenforeignmemory -lxencall -lxentoollog
TS_ARCHIVE := -l:libcrypto.a -l:libarchive.a -llzma -lzstd -lbz2 -lz -l:libacl.a -l:libattr.a
TS_PLAIN := -l:libfdt.a -l:libjson-c.a

$(addprefix $(TS_OUT)/,domain-boot wabed wabed-worker wabe): $(TS_SANITIZER)

$(TS_OUT)/%.o: %.c
	@mkdir -p $(@D)
	@echo '  CC   $<'
	@$(CC) $(TS_FLAGS) -MMD -c $< -o $@

$(TS_OUT)/domain-boot: $(call ts_objects,toolstack/tests/domain_boot.c \
	$(TS_MACHINE) $(TS_LIB))
	@echo '  LINK $@'
	@$(CC) $(TS_LINK) -o $@ $(filter-out $(TS_SANITIZER),$^) $(TS_XEN) $(TS_PLAIN) $(TS_ARCHIVE)

$(TS_OUT)/wabed: $(call ts_objects,$(wildcard toolstack/wabed/creator*.c) \
	$(TS_MACHINE) $(TS_LIB))
	@echo '  LINK $@'
	@$(CC) $(TS_LINK) -o $@ $(filter-out $(TS_SANITIZER),$^) $(TS_XEN) -lxenstore $(TS_PLAIN) $(TS_ARCHIVE)

$(TS_OUT)/wabe: $(call ts_objects,$(wildcard toolstack/cmd/*.c) $(TS_LIB))
	@echo '  LINK $@'
	@$(CC) $(TS_LINK) -o $@ $(filter-out $(TS_SANITIZER),$^) $(TS_PLAIN) $(TS_ARCHIVE) -lpthread

# The library for programs besides: toolstack/include/wabe.h is its manual.
$(TS_OUT)/libwabe.a: $(call ts_objects,$(TS_LIB))
	@echo '  AR   $@'
	@rm -f $@
	@ar rcs $@ $^

$(TS_OUT)/wabe.1: toolstack/manual $(TS_OUT)/wabe
	@toolstack/manual $(TS_OUT)/wabe >$@

# Into DESTDIR: what dom0 needs, and the hypervisor. Programs go below PREFIX;
# wabed looks for the guests' kernel in /usr/lib/wabe.
PREFIX ?= /usr/local
install: needs-build-toolstack-linux
	@$(MAKE) --no-print-directory install-all
install-all: $(BUILD)/wabe toolstack-all $(BUILD)/linux/vmlinux
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/bin $(addprefix $(TS_OUT)/,wabe wabed wabed-worker)
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib $(TS_OUT)/libwabe.a
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/include toolstack/include/wabe.h
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man1 $(TS_OUT)/wabe.1
	install -D -m 644 toolstack/wabe.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/wabe
	install -D -m 644 -t $(DESTDIR)/usr/lib/wabe $(BUILD)/linux/vmlinux $(BUILD)/linux/init.cpio.gz
	install -D -m 644 $(BUILD)/wabe $(DESTDIR)/boot/wabe

toolstack: needs-build-toolstack
	@$(MAKE) --no-print-directory toolstack-all
toolstack-all: $(TS_OUT)/domain-boot $(TS_OUT)/wabed $(TS_OUT)/wabe \
	$(TS_OUT)/libwabe.a $(TS_OUT)/wabe.1

-include $(shell find $(TS_OUT) -name '*.d' 2>/dev/null)
.PHONY: toolstack toolstack-all install install-all

# Its unit test, sources and all with sanitizers.
$(UNIT_OUT)/toolstack_test: tests/unit/toolstack_test.c $(addprefix \
		toolstack/lib/,spec.c spec_fdt.c spec_file.c dts.c file.c \
		error.c user.c build_tables.c)
	@mkdir -p $(@D)
	@$(CC) $(UNIT_FLAGS) $(TS_FLAGS) $^ -o $@ -l:libfdt.a -lcmocka

# The creator's, with what it says to workers and clients.
$(UNIT_OUT)/creator_test: tests/unit/creator_test.c $(addprefix \
		toolstack/wabed/,creator_clients.c creator_forward.c creator_table.c \
		creator_worker.c) $(addprefix toolstack/lib/,packet.c spec.c \
		spec_fdt.c spec_file.c dts.c file.c error.c)
	@mkdir -p $(@D)
	@$(CC) $(UNIT_FLAGS) $(TS_FLAGS) $^ -o $@ -l:libfdt.a -lcmocka

$(UNIT_OUT)/forward_test: tests/unit/forward_test.c toolstack/wabed/creator_forward.c \
		toolstack/lib/error.c
	@mkdir -p $(@D)
	@$(CC) $(UNIT_FLAGS) $(TS_FLAGS) $^ -o $@ -lcmocka

# The command, before a creator of the test's own.
$(UNIT_OUT)/verbs_test: tests/unit/verbs_test.c $(addprefix toolstack/lib/,packet.c \
		file.c error.c) $(TS_OUT)/wabe
	@mkdir -p $(@D)
	@$(CC) $(UNIT_FLAGS) $(TS_FLAGS) -DWABE_PROGRAM='"$(abspath $(TS_OUT))/wabe"' \
		$(filter %.c,$^) -o $@ -lcmocka -lutil

# The library from C++, in several threads, with the thread sanitizer.
LIBRARY_C := $(addprefix toolstack/lib/,client.c packet.c spec.c spec_fdt.c \
	spec_file.c dts.c file.c error.c)
UNIT_TESTS += library_test
$(UNIT_OUT)/library_test: tests/unit/library_test.cc $(LIBRARY_C) \
		$(wildcard toolstack/*/*.h)
	@mkdir -p $(UNIT_OUT)/library
	@for f in $(LIBRARY_C); do clang $(TS_FLAGS) -fsanitize=thread -c $$f \
		-o $(UNIT_OUT)/library/$$(basename $$f .c).o || exit 1; done
	@clang++ -std=c++17 -O1 -g -Wall -Wextra -Werror -fsanitize=thread \
		-Itoolstack/include -Itoolstack/lib $< $(LIBRARY_C:toolstack/lib/%.c=$(UNIT_OUT)/library/%.o) \
		-lfdt -pthread -o $@
unit: $(UNIT_OUT)/library_test
