// SPDX-License-Identifier: MIT
// Included first in every file by the Makefile: all symbols are the image's
// own, so each is reached relative to the instruction pointer.
#pragma GCC visibility push(hidden)
