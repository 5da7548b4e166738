"""Tar archives written by hand, as no tool writes them: headers one by one, with right checksums."""

from __future__ import annotations

END = bytes(1024)
_BLOCK = 512


def tar_header(
    name: bytes = b"a.txt",
    *,
    kind: bytes = b"0",
    size: int | bytes = 0,
    link: bytes = b"",
    mode: int = 0o644,
    gnu: bool = False,
) -> bytes:
    """Give one header; a `size` of bytes stands there as it is."""
    block = bytearray(_BLOCK)
    block[:100] = name[:100].ljust(100, b"\0")
    block[100:108] = b"%07o\0" % mode
    block[124:136] = size.ljust(12, b"\0") if isinstance(size, bytes) else b"%011o\0" % size
    block[136:148] = b"%011o\0" % 1_600_000_000
    block[156:157] = kind
    block[157:257] = link[:100].ljust(100, b"\0")
    block[257:265] = b"ustar  \0" if gnu else b"ustar\x0000"
    return summed(block)


def summed(block: bytearray) -> bytes:
    """Give a header with the checksum that is right for it."""
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def tar_member(
    name: bytes = b"a.txt", content: bytes = b"", *, kind: bytes = b"0", link: bytes = b"", mode: int = 0o644
) -> bytes:
    """Give a member, by GNU's long names where they are needed."""
    before = b""
    if len(name) > 100:
        before += gnu_long(b"L", name)
    if len(link) > 100:
        before += gnu_long(b"K", link)
    return before + tar_header(name, kind=kind, size=len(content), link=link, mode=mode) + filled(content)


def gnu_long(kind: bytes, text: bytes) -> bytes:
    """Give the header that says a long name (`L`) or target (`K`) of the next one."""
    return tar_header(b"././@LongLink", kind=kind, size=len(text) + 1, gnu=True) + filled(text + b"\0")


def pax(records: bytes | dict[bytes, bytes], *, kind: bytes = b"x") -> bytes:
    """Give the header with records of the next one (`x`) or of all that follow (`g`)."""
    data = records if isinstance(records, bytes) else b"".join(_record(*item) for item in records.items())
    return tar_header(b"pax", kind=kind, size=len(data)) + filled(data)


def filled(data: bytes) -> bytes:
    """Fill up the last block."""
    return data + bytes(-len(data) % _BLOCK)


def _record(key: bytes, value: bytes) -> bytes:
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest) + 1
    while len(b"%d" % length) + len(rest) != length:
        length += 1
    return b"%d" % length + rest
