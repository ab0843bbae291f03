# SPDX-License-Identifier: MIT
# For the kernel's linker script: Linux begins its entry code and its constants
# at 2 MiB each so that big pages can map them; a PV guest has none, and 4 MiB
# of the padding is lost to a micro-domain.
/^#define ALIGN_ENTRY_TEXT/s/PMD_SIZE/PAGE_SIZE/
/^#define X86_ALIGN_RODATA/,/__end_rodata_aligned/s/HPAGE_SIZE/PAGE_SIZE/
