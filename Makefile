# SPDX-License-Identifier: MIT
# The one place with rules. `make help` lists what there is to make.

CC ?= gcc
BUILD ?= build
DEBUG ?= 0

# --- the hypervisor ---------------------------------------------------------
HV_DIRS := boot x86 mm dom ipc call lib
HV_C := $(sort $(foreach d,$(HV_DIRS),$(wildcard hypervisor/$(d)/*.c)))
HV_S := $(sort $(foreach d,$(HV_DIRS),$(wildcard hypervisor/$(d)/*.S)))
HV_GENERATE := hypervisor/x86/asm-offsets.c
HV_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(filter-out $(HV_GENERATE),$(HV_C))) \
	  $(patsubst %.S,$(BUILD)/%.S.o,$(HV_S))

WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes \
	-Wundef -Werror -Wno-unused-parameter
HV_INCLUDE := -Ihypervisor/include -I$(BUILD)/include -idirafter /usr/include
HV_DEFINE := -D__XEN_TOOLS__ -D__XEN_INTERFACE_VERSION__=0x00041100
ifneq ($(DEBUG),0)
HV_DEFINE += -DWABE_DEBUG
endif
HV_FLAGS := -std=gnu11 -O2 -g $(WARN) -ffreestanding -fpie -fno-plt \
	-fno-stack-protector -fno-strict-aliasing -fwrapv \
	-fno-delete-null-pointer-checks -fno-asynchronous-unwind-tables \
	-fno-jump-tables -mno-red-zone -mgeneral-regs-only -fcf-protection=none \
	-fno-common -nostdinc -isystem $(shell $(CC) -print-file-name=include 2>/dev/null) \
	$(HV_INCLUDE) $(HV_DEFINE)

# On a fresh machine, too: what the compiler needs is installed first.
all: needs-build
	@$(MAKE) --no-print-directory $(BUILD)/wabe

$(BUILD)/include/asm-offsets.h: $(HV_GENERATE)
	@mkdir -p $(@D) $(BUILD)/hypervisor/x86
	@$(CC) $(HV_FLAGS) -include hypervisor/include/hidden.h -g0 -MMD \
		-MF $(BUILD)/hypervisor/x86/asm-offsets.d -MT $@ -S $< -o $@.s
	@sed -n 's/^.*@OFFSET \([A-Z0-9_]*\) \$$*\(-\{0,1\}[0-9]*\).*/#define \1 \2/p' $@.s >$@

$(BUILD)/%.o: %.c | $(BUILD)/include/asm-offsets.h
	@mkdir -p $(@D)
	@echo '  CC   $<'
	@$(CC) $(HV_FLAGS) -include hypervisor/include/hidden.h -MMD -MP -c $< -o $@

$(BUILD)/%.S.o: %.S $(BUILD)/include/asm-offsets.h
	@mkdir -p $(@D)
	@echo '  AS   $<'
	@$(CC) $(HV_FLAGS) -D__ASSEMBLY__ -MMD -MP -c $< -o $@

# A header that is no more: what named it is compiled again.
%.h: ;

-include $(HV_OBJ:.o=.d) $(BUILD)/hypervisor/x86/asm-offsets.d

# The image is linked for the address it runs at, then wrapped as one segment
# of a 32-bit ELF file, which multiboot loaders take.
HV_LIBS := -llzma -lzstd -lz
$(BUILD)/wabe.elf: $(HV_OBJ) hypervisor/boot/wabe.lds
	ld -m elf_x86_64 -nostdlib -static -z noexecstack --no-warn-rwx-segments \
		-z max-page-size=4096 -T hypervisor/boot/wabe.lds -o $@ $(HV_OBJ) \
		$(foreach l,$(HV_LIBS),$(shell $(CC) -print-file-name=lib$(l:-l%=%).a))

$(BUILD)/wabe.bin: $(BUILD)/wabe.elf
	objcopy -O binary $< $@

$(BUILD)/wabe: $(BUILD)/wabe.bin hypervisor/boot/wrap.lds
	ld -m elf_i386 -z noexecstack --no-warn-rwx-segments -T hypervisor/boot/wrap.lds \
		--defsym=bss_end=0x$$(nm $(BUILD)/wabe.elf | sed -n 's/^ffff8280\([0-9a-f]*\) . image_end$$/\1/p') \
		-b binary -o $@ $<

# --- jobs -------------------------------------------------------------------
CACHE := $(or $(WABE_CACHE),$(HOME)/.cache/wabe)
export BUILD WABE_CACHE := $(CACHE)

-include tests/unit/unit.mk tests/guest/guest.mk toolstack/toolstack.mk
-include xenstore-glue/glue.mk toolstack/wabed/wabed.mk tests/fuzz/fuzz.mk

SYSTEM_TESTS := nmi panic entry sched hostile memory devices guests smp wabe wabe_verbs wabe_options wabe_proof many grub boot1 xl
SYSTEM := $(wildcard $(SYSTEM_TESTS:%=tests/system/%.sh))
# What takes long.
SOAK := $(wildcard tests/system/soak*.sh)

# Each job installs what it lacks, then goes on in a make of its own.
needs-%:
	@tests/needs $(subst -, ,$*)

$(CACHE)/dom0/ready3:
	@guests/dom0/fetch $(CACHE)/dom0

$(BUILD)/linux/vmlinux: $(wildcard guests/linux/*)
	@guests/linux/build $(CACHE)/linux $(BUILD)/linux

test: needs-build-toolstack-linux-check-run-grub-gdb
	@$(MAKE) --no-print-directory test-all
test-all: $(BUILD)/wabe $(CACHE)/dom0/ready3 $(UNIT_TESTS:%=$(UNIT_OUT)/%) guests \
		fuzzers toolstack-all $(BUILD)/linux/vmlinux
	@tests/run tests/unit/run.sh tests/unit/command.sh tests/unit/spec.sh tests/unit/build.sh tests/unit/images.sh tests/fuzz/short.sh tests/mutants/mutants.sh $(SYSTEM)

soak: needs-build-toolstack-linux-check-run-grub-gdb
	@$(MAKE) --no-print-directory $(BUILD)/wabe $(CACHE)/dom0/ready3 guests \
		toolstack-all $(BUILD)/linux/vmlinux
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/sanitized SANITIZE=1 toolstack-all
	@JOBS=1 tests/run $(SOAK)

# The long form of the proof: as long as given (HOURS=1).
HOURS ?= 1
prove: needs-build-toolstack-linux-check-fuzz-run-grub-gdb
	@$(MAKE) --no-print-directory $(BUILD)/wabe $(CACHE)/dom0/ready3 guests fuzzers \
		$(BUILD)/fuzz/model-afl $(UNIT_TESTS:%=$(UNIT_OUT)/%) toolstack-all \
		$(BUILD)/linux/vmlinux
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/coverage COVERAGE=1 coverage-all
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/tsan TSAN=1 tsan-all
	@HOURS=$(HOURS) tests/prove

# Break one protection after another: each must turn its test red.
mutants: needs-build-check-run
	@$(MAKE) --no-print-directory $(BUILD)/wabe guests $(UNIT_TESTS:%=$(UNIT_OUT)/%)
	@tests/mutants/run

# What each of Xen's advisories means here, and the test that shows it.
ledger:
	@tests/ledger/run

# Ask Debian's Xen again what the tests compare with: writes the transcripts.
oracle: needs-build-toolstack-run-gdb
	@$(MAKE) --no-print-directory $(BUILD)/wabe $(CACHE)/dom0/ready3 guests toolstack-all
	@tests/guest/run --record
	@tests/guest/run --record -u
	@for cpus in 2 1; do RECORD=1 CPUS=$$cpus LIMIT=3000 SCRIPTS="$$(cat tests/system/xl/order*)" \
		bash tests/system/xl.sh || exit 1; done

# About 5 minutes; the figures are the same on any machine.
bench: needs-build-toolstack-linux-run
	@$(MAKE) --no-print-directory $(BUILD)/wabe $(CACHE)/dom0/ready3 guests \
		toolstack-all $(BUILD)/linux/vmlinux
	@tests/bench/run

check: needs-build-check
	@tests/check

# Boot to a dom0 shell; without a terminal: show what it is and stop.
run: needs-build-toolstack-linux-run
	@$(MAKE) --no-print-directory $(BUILD)/wabe $(CACHE)/dom0/ready3 toolstack-all \
		$(BUILD)/linux/vmlinux
	@tests/system/play

help:
	@echo 'make          build/wabe, the hypervisor'
	@echo 'make run      boot it in QEMU with Debian as dom0, to a shell'
	@echo 'make test     all tests, about 12 minutes on 2 cores'
	@echo 'make check    format, sizes, headers'
	@echo 'make soak     the long tests'
	@echo 'make fuzz     each fuzzer for ten minutes'
	@echo 'make prove    what can be proven in HOURS=1: mutations, fuzzers, hostile guests'
	@echo 'make coverage what of the core the unit tests reach; make tsan: races'
	@echo 'make mutants  break protections, see the tests notice'
	@echo 'make ledger   Xen'"'"'s advisories, one by one'
	@echo 'make install  hypervisor and toolstack into DESTDIR, below PREFIX (/usr/local)'
	@echo 'make oracle   record again what Debian'"'"'s Xen says, to compare with'
	@echo 'make bench    measure, beside Debian'"'"'s Xen; writes PROMISES.md'

.PHONY: test test-all soak prove mutants ledger oracle bench check run help unit guests

clean:
	rm -rf $(BUILD)

.PHONY: all clean
