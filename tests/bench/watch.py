# SPDX-License-Identifier: MIT
# watch.py [NAME FILE WHERE]...: arguments for marks.c that find places in ELF
# files by their code: WHERE is a symbol, "entry", or "xen-entry" (what the
# note for Xen says).
import struct
import sys


def sections(elf):
    at, size, count = struct.unpack_from("<Q", elf, 40)[0], *struct.unpack_from("<HH", elf, 58)
    return [struct.unpack_from("<IIQQQQIIQQ", elf, at + i * size) for i in range(count)]


def segments(elf):
    at, size, count = struct.unpack_from("<Q", elf, 32)[0], *struct.unpack_from("<HH", elf, 54)
    return [struct.unpack_from("<IIQQQQQQ", elf, at + i * size) for i in range(count)]


def symbol(elf, wanted):
    for s in sections(elf):
        if s[1] != 2:
            continue
        names = sections(elf)[s[6]][4]
        for at in range(s[4], s[4] + s[5], 24):
            name, value = struct.unpack_from("<I4xQ", elf, at)
            end = elf.index(b"\0", names + name)
            if elf[names + name : end].decode() == wanted:
                return value
    sys.exit("watch.py: no symbol " + wanted)


def xen_entry(elf):
    for p in segments(elf):
        at, end = p[2], p[2] + p[5]
        while p[0] == 4 and at + 12 <= end:
            name, desc, kind = struct.unpack_from("<III", elf, at)
            value = at + 12 + (name + 3) // 4 * 4
            if elf[at + 12 : at + 15] == b"Xen" and kind == 1:
                return struct.unpack_from("<Q", elf, value)[0]
            at = value + (desc + 3) // 4 * 4
    sys.exit("watch.py: no entry for Xen")


def code(elf, address):
    for p in segments(elf):
        if p[0] == 1 and p[3] <= address < p[3] + p[5]:
            at = p[2] + address - p[3]
            return elf[at : at + 32]
    sys.exit("watch.py: no code at %x" % address)


words = sys.argv[1:]
for name, file, where in zip(words[::3], words[1::3], words[2::3]):
    elf = open(file, "rb").read()
    if where == "entry":
        address = struct.unpack_from("<Q", elf, 24)[0]
    elif where == "xen-entry":
        address = xen_entry(elf)
    else:
        address = symbol(elf, where)
    print(",watch=%s:%x:%s" % (name, address & 0xFFF, code(elf, address).hex()), end="")
