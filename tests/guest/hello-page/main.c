// SPDX-License-Identifier: MIT
// Claim: a guest whose image starts at virtual address 0 and that makes its
// hypercalls through a page filled in by the hypervisor is started as well as
// one of the common form. guest.mk selects both; what is said is hello's.
#include "../hello/main.c"
