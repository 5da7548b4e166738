"""Hostile zip archives."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from functools import partial

from tests.archives.hostile import Case
from tests.archives.zip_bytes import ZipEntry, central_part, end64_part, end_part, local_part, zip_bytes

LINK = 0o120777
_GIB = 1 << 30
_MIB = 1 << 20
_HELLO = {"a.txt": b"hello"}


def zip_cases() -> list[Case]:
    """Give all of them."""
    return [*_names(), *_links(), *_twins(), *_kinds(), *_lies(), *_bombs()]


def _names() -> Iterator[Case]:
    refused = {
        "slip": (b"../x", "outside"),
        "slip after a folder": (b"a/../../x", "outside"),
        "dots that stay inside": (b"a/../x", "outside"),
        "slip behind a dot": (b"./../x", "outside"),
        "absolute": (b"/x", "absolute"),
        "twice absolute": (b"//x", "absolute"),
        "drive": (b"C:\\x", "drive of Windows"),
        "drive with a slash": (b"c:/x", "drive of Windows"),
        "slip by backslash": (b"..\\x", "outside"),
        "slip by backslashes after a folder": (b"a\\..\\..\\x", "outside"),
        "share of Windows": (b"\\\\server\\share\\x", "absolute for Windows"),
        "empty name": (b"", "empty"),
        "name with a NUL": (b"a\0b", "NUL"),
        "dot": (b".", "stands for a folder"),
        "two dots": (b"..", "outside"),
        "dot within": (b"a/./b", "stands for a folder"),
        "nothing between slashes": (b"a//b", "is empty"),
        "long name": (b"n" * 256, "256 bytes"),
        "long path": (b"/".join([b"path"] * 1000), "4,999 bytes"),
        "deep path": (b"d/" * 199 + b"f", "200 folders deep"),
        "own folder": (b".rota/x", "Rota's own"),
        "own draft": (b"a/.rota-draft-1", "Rota's own"),
    }
    for name, (path, message) in refused.items():
        entries = [ZipEntry(name=b"before"), ZipEntry(name=path)]
        yield Case(name=f"zip: {name}", data=partial(zip_bytes, entries), refused=message)
    allowed = {
        "control characters": "a\x1b[2Jb\nc\x7f",
        "bidi overrides": "photo\u202egpj.exe",
        "trailing dots and spaces": "name. . ",
        "marker of a datasource": ".rotamarker",
    }
    for name, text in allowed.items():
        entry = ZipEntry(name=text.encode(), flags=0x800)
        yield Case(name=f"zip: {name}", data=partial(zip_bytes, [entry]), made={text: b"hello"})
    yield Case(
        name="zip: name that says it is UTF-8 and is not",
        data=partial(zip_bytes, [ZipEntry(name=b"a\xff\xfeb", flags=0x800)]),
        made={"a%FF%FEb": b"hello"},
        noted=("not the UTF-8",),
    )


def _links() -> Iterator[Case]:
    def link(name: bytes, target: bytes) -> ZipEntry:
        return ZipEntry(name=name, content=target, mode=LINK)

    yield Case(
        name="zip: link to outside",
        data=partial(zip_bytes, [link(b"l", b"../../outside/secret")]),
        noted=("leads outside",),
    )
    yield Case(name="zip: link to an absolute path", data=partial(zip_bytes, [link(b"l", b"/etc")]), noted=("outside",))
    yield Case(name="zip: empty link", data=partial(zip_bytes, [link(b"l", b"")]), noted=("leads nowhere",))
    yield Case(
        name="zip: chain of links that leads outside only together",
        data=partial(zip_bytes, [link(b"d/up", b".."), link(b"d/out", b"up/.."), ZipEntry(name=b"d/file")]),
        made={"d": None, "d/file": b"hello", "d/up": ".."},
        noted=("leads outside",),
    )
    yield Case(
        name="zip: links in a circle",
        data=partial(zip_bytes, [link(b"a", b"b"), link(b"b", b"a")]),
        noted=("circle", "circle"),
    )
    yield Case(
        name="zip: link, then a file through it",
        data=partial(zip_bytes, [link(b"x", b"../../outside"), ZipEntry(name=b"x/secret", content=b"evil")]),
        made={"x (2)": None, "x (2)/secret": b"evil"},
        noted=("now 'x \\(2\\)/secret'", "leads outside"),
    )
    yield Case(
        name="zip: link, then a file of its name",
        data=partial(zip_bytes, [link(b"x", b"../../outside/secret"), ZipEntry(name=b"x", content=b"evil")]),
        made={"x (2)": b"evil"},
        noted=("now 'x \\(2\\)'", "leads outside"),
    )
    yield Case(
        name="zip: folder, then a link of its name",
        data=partial(
            zip_bytes,
            [ZipEntry(name=b"x/a"), link(b"x", b"../../outside"), ZipEntry(name=b"x/secret", content=b"evil")],
        ),
        made={"x": None, "x/a": b"hello", "x/secret": b"evil"},
        noted=("now 'x \\(2\\)'", "leads outside"),
    )
    yield Case(
        name="zip: link with a slash behind its name",
        data=partial(zip_bytes, [link(b"x/", b"../../outside"), ZipEntry(name=b"x/secret", content=b"evil")]),
        refused="is empty",
    )
    yield Case(
        name="zip: link of five thousand bytes",
        data=partial(zip_bytes, [link(b"x", b"a/" * 2500)]),
        refused="link to a path of more than",
    )


def _twins() -> Iterator[Case]:
    def both(first: str, second: str) -> list[ZipEntry]:
        return [
            ZipEntry(name=first.encode(), content=b"1", flags=0x800),
            ZipEntry(name=second.encode(), content=b"2", flags=0x800),
        ]

    composed, decomposed = "\u00e9", "e\u0301"
    for name, first, second, made in (
        ("duplicate", "a.txt", "a.txt", {"a.txt": b"1", "a (2).txt": b"2"}),
        ("case twins", "README", "Readme", {"README": b"1", "Readme (2)": b"2"}),
        ("normal forms", composed, decomposed, {composed: b"1", f"{decomposed} (2)": b"2"}),
        ("file, then folder", "a", "a/b", {"a": b"1", "a (2)": None, "a (2)/b": b"2"}),
        ("folder, then file", "a/b", "a", {"a": None, "a/b": b"1", "a (2)": b"2"}),
    ):
        yield Case(name=f"zip: {name}", data=partial(zip_bytes, both(first, second)), made=made, noted=("is now",))


def _kinds() -> Iterator[Case]:
    for name, mode in {
        "character device": 0o020666,
        "block device": 0o060666,
        "fifo": 0o010666,
        "socket": 0o140777,
    }.items():
        entries = [ZipEntry(name=b"special", mode=mode, content=b""), ZipEntry(name=b"file")]
        yield Case(name=f"zip: {name}", data=partial(zip_bytes, entries), made={"file": b"hello"}, noted=("device",))
    yield Case(
        name="zip: set-uid and writable for all",
        data=partial(
            zip_bytes, [ZipEntry(name=b"root", mode=0o106777), ZipEntry(name=b"d/", content=b"", mode=0o043777)]
        ),
        made={"root": b"hello", "d": None},
    )


def _lies() -> Iterator[Case]:
    content = b"some text that packs well, " * 100
    whole = zip_bytes([ZipEntry(content=content, method=8)])

    def lying(**fields: int | bytes) -> list[ZipEntry]:
        return [ZipEntry(content=content, method=8, local=fields, central=fields)]

    yield Case(
        name="zip: more comes out than it says",
        data=partial(zip_bytes, lying(size=10)),
        refused="another size than it says",
    )
    yield Case(
        name="zip: less comes out than it says",
        data=partial(zip_bytes, lying(size=1 << 20)),
        refused="is said to have 1,048,576",
    )
    yield Case(
        name="zip: packed size beyond the end",
        data=partial(zip_bytes, lying(packed=1 << 20)),
        refused="beyond where the directory begins",
    )
    yield Case(name="zip: wrong checksum", data=partial(zip_bytes, lying(crc=1)), refused="checksum")
    yield Case(
        name="zip: two names for one member",
        data=partial(zip_bytes, [ZipEntry(local={"name": b"../evil"})]),
        refused="called '../evil'",
    )
    yield Case(
        name="zip: encrypted", data=partial(zip_bytes, [ZipEntry(flags=1, content=b"x" * 20)]), refused="encrypted"
    )
    yield Case(name="zip: truncated", data=lambda: whole[: len(whole) // 2], refused="no end record")
    yield Case(name="zip: without its last byte", data=lambda: whole[:-1], refused="no end record")
    yield Case(name="zip: overlap", data=_overlapping, refused="lies within another member")
    yield Case(name="zip: more records than there are", data=_with_count(5), refused="has 1 records, its end says 5")
    yield Case(
        name="zip: a billion records said",
        data=lambda: _zip64(count=10**9),
        refused="has 1 records",
    )
    yield Case(name="zip: zip64 end that is not where it is said", data=lambda: _zip64(count=1, said_at=0), made=_HELLO)
    yield Case(
        name="zip: zip64 end with another directory", data=lambda: _zip64(count=1, offset=0), refused="beyond where"
    )


def _overlapping() -> bytes:
    """One member's bytes for a thousand records: 1 GiB out of a few KB."""
    entry = ZipEntry(content=bytes(_MIB), method=8)
    local, record = local_part(entry), central_part(entry, 0)
    return local + record * 1000 + end_part(records=1000, size=1000 * len(record), offset=len(local))


def _with_count(count: int) -> partial[bytes]:
    def made() -> bytes:
        entry = ZipEntry()
        local, central = local_part(entry), central_part(entry, 0)
        return local + central + end_part(records=count, size=len(central), offset=len(local))

    return partial(made)


def _zip64(*, count: int, offset: int | None = None, said_at: int | None = None) -> bytes:
    entry = ZipEntry()
    local, central = local_part(entry), central_part(entry, 0)
    begins, at = len(local) if offset is None else offset, len(local) + len(central)
    end64 = end64_part(records=count, size=len(central), offset=begins, at=at, said_at=said_at)
    return local + central + end64 + end_part(records=0xFFFF, size=0xFFFFFFFF, offset=0xFFFFFFFF)


def _bombs() -> Iterator[Case]:
    yield Case(name="zip: flat bomb", data=flat_bomb, refused="max_ratio")
    yield Case(
        name="zip: more than is allowed",
        data=partial(zip_bytes, [ZipEntry(name=b"%d" % at, content=bytes(_MIB)) for at in range(3)]),
        refused="max_bytes",
        params={"max_bytes": 2 * _MIB},
    )
    inner = zip_bytes([ZipEntry(content=bytes(_MIB), method=8)])
    yield Case(
        name="zip: bomb within a bomb",
        data=partial(zip_bytes, [ZipEntry(name=b"inner.zip", content=inner)]),
        made={"inner.zip": inner},
    )
    yield Case(
        name="zip: too many entries",
        data=partial(many_entries, 101),
        refused="100 .*max_entries",
        params={"max_entries": 100},
    )


def flat_bomb(size: int = _GIB) -> bytes:
    """Give a zip of some 1 MB that says truly that 1 GiB of zeros is in it."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    # From the second one on each is the same, for nothing before it is looked back at.
    first = compressor.compress(bytes(_MIB)) + compressor.flush(zlib.Z_FULL_FLUSH)
    packed = first * (size // _MIB) + b"\x03\x00"
    fields: dict[str, int | bytes] = {"size": size}
    return zip_bytes([ZipEntry(name=b"zeros", packed=packed, method=8, crc=0, local=fields, central=fields)])


def many_entries(count: int) -> bytes:
    """Give a zip of so many empty files, quickly."""
    local = struct.Struct("<IHHHHHIIIHH6s")
    central = struct.Struct("<IHHHHHHIIIHHHHHII6s")
    date = 41 << 9 | 5 << 5 | 17
    names = [b"%06x" % number for number in range(count)]
    data = b"".join(local.pack(0x04034B50, 20, 0, 0, 0, date, 0, 0, 0, 6, 0, name) for name in names)
    directory = b"".join(
        central.pack(
            0x02014B50, 3 << 8 | 20, 20, 0, 0, 0, date, 0, 0, 0, 6, 0, 0, 0, 0, 0o100644 << 16, number * local.size, name
        )
        for number, name in enumerate(names)
    )  # fmt: skip
    return data + directory + _end_of(count, len(directory), len(data))


def _end_of(count: int, size: int, offset: int) -> bytes:
    end = end_part(records=min(count, 0xFFFF), size=size, offset=offset)
    return end if count < 0xFFFF else end64_part(records=count, size=size, offset=offset, at=offset + size) + end
