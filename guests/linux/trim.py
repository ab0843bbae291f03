# SPDX-License-Identifier: MIT
# trim.py FROM TO: write a kernel's ELF file again without its padding. Linux
# aligns its code to 2 MiB and fills what is between with int3: whole pages of
# that become gaps between segments, which a domain builder neither reads nor
# writes; so do pages in no section. Pages of zeros become the end of a segment,
# as .bss is.
import struct
import sys

PAGE = 4096
GAP = 16 * PAGE  # a shorter run stays
HEADER, SEGMENT = "<16sHHIQQQIHHHHHH", "<IIQQQQQQ"
LOAD, NOTE, NOBITS = 1, 4, 8


def in_section(at, end):
    return any(s[4] < end and at < s[4] + s[5] for s in sections if s[1] != NOBITS)


def pieces(at_file, data, room):
    """(offset, end of content, end with zeros) of what stays of a segment."""
    start = at = 0
    while at < len(data):
        end, fill = at, data[at : at + 1] * PAGE
        while fill[0] in (0, 0xCC) and data[end : end + PAGE] == fill:
            end += PAGE
        if end - at >= GAP:
            zeros = room if end == len(data) else end
            needed = not fill[0] and in_section(at_file + at, at_file + end)
            if at > start or needed:
                yield start, at, zeros if needed else at
            start = end
        at = max(end, at + PAGE)
    if len(data) > start:
        yield start, len(data), room


elf = open(sys.argv[1], "rb").read()
head = list(struct.unpack_from(HEADER, elf))
sections = [struct.unpack_from("<IIQQQQIIQQ", elf, head[6] + i * 64) for i in range(head[12])]
out, segments = bytearray(PAGE), []
for i in range(head[10]):
    kind, flags, at, va, pa, filled, room, align = struct.unpack_from(SEGMENT, elf, head[5] + i * 56)
    if kind not in (LOAD, NOTE):
        continue
    data = elf[at : at + filled]
    cut = pieces(at, data, room) if kind == LOAD and filled >= GAP else [(0, filled, room)]
    for start, end, zeros in cut:
        segments.append((kind, flags, len(out), va + start, pa + start, end - start,
                         zeros - start, 4 if kind == NOTE else PAGE))
        out += data[start:end] + bytes(-end % PAGE)
head[5], head[6], head[10], head[11:] = 64, 0, len(segments), [64, 0, 0]
assert 64 + 56 * len(segments) <= PAGE
out[:64] = struct.pack(HEADER, *head)
for i, s in enumerate(segments):
    struct.pack_into(SEGMENT, out, 64 + 56 * i, *s)
open(sys.argv[2], "wb").write(out)
