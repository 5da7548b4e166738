"""Hostile tar archives, plain and compressed."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Iterator
from functools import partial

from tests.archives.hostile import Case, chunked
from tests.archives.tar_bytes import END, filled, gnu_long, pax, summed, tar_header, tar_member

_GIB = 1 << 30
_MIB = 1 << 20
_HELLO = b"hello"


def tar_cases() -> list[Case]:
    """Give all of them."""
    return [*_names(), *_links(), *_hard_links(), *_twins(), *_kinds(), *_lies(), *_bombs()]


def _tar(name: str, *parts: bytes, **said: object) -> Case:
    return Case(name=f"tar: {name}", file="evil.tar", data=lambda: b"".join(parts) + END, **said)  # type: ignore[arg-type]


def _file(name: bytes) -> bytes:
    return tar_member(name, _HELLO)


def _link(name: bytes, target: bytes) -> bytes:
    return tar_member(name, kind=b"2", link=target)


def _hard(name: bytes, target: bytes) -> bytes:
    return tar_member(name, kind=b"1", link=target)


def _names() -> Iterator[Case]:
    refused = {
        "slip": (b"../x", "outside"),
        "slip after a folder": (b"a/../../x", "outside"),
        "slip behind dots": (b"./././../x", "outside"),
        "absolute": (b"/x", "absolute"),
        "twice absolute": (b"//x", "absolute"),
        "drive": (b"C:\\x", "drive of Windows"),
        "slip by backslash": (b"..\\x", "outside"),
        "empty name": (b"", "empty"),
        "two dots": (b"..", "outside"),
        "long name": (b"n" * 256, "256 bytes"),
        "long path": (b"/".join([b"path"] * 1000), "4,999 bytes"),
        "deep path": (b"d/" * 199 + b"f", "200 folders deep"),
        "own name": (b".rota-draft-1", "Rota's own"),
    }
    for name, (path, message) in refused.items():
        yield _tar(name, _file(b"before"), _file(path), refused=message)
    yield _tar("slip in a record", pax({b"path": b"../x"}), _file(b"fine"), refused="outside")
    yield _tar("slip in a record for all", pax({b"path": b"../x"}, kind=b"g"), _file(b"fine"), refused="outside")
    yield _tar("NUL in a record", pax({b"path": b"a\0b"}), _file(b"fine"), refused="NUL")
    yield _tar("absolute folder", tar_member(b"/", kind=b"5"), refused="absolute")
    yield _tar("folder that is the place itself", tar_member(b"./", kind=b"5"), _file(b"./a"), made={"a": _HELLO})
    yield _tar(
        "bytes that are no text", _file("grün".encode("latin-1")), made={"grün": _HELLO}, noted=("cp1252 is taken",)
    )


def _links() -> Iterator[Case]:
    yield _tar("link to outside", _link(b"l", b"../../outside/secret"), noted=("leads outside",))
    yield _tar("link to an absolute path", _link(b"l", b"/etc/passwd"), noted=("leads outside",))
    yield _tar("link without a target", _link(b"l", b""), noted=("leads nowhere",))
    yield _tar("link without a name", _file(b"a"), _link(b"", b"a"), refused="empty")
    yield _tar("link that is the place itself", _link(b"./", b"../../outside"), refused="empty")
    yield _tar("link called as the folder", _link(b".", b"../../outside"), refused="stands for a folder")
    yield _tar(
        "chain of links that leads outside only together",
        tar_member(b"d/", kind=b"5"),
        _link(b"d/up", b".."),
        _link(b"d/out", b"up/.."),
        _file(b"d/out/x"),
        made={"d": None, "d/up": "..", "d/out (2)": None, "d/out (2)/x": _HELLO},
        noted=("is now", "leads outside"),
    )
    yield _tar(
        "link, then a file through it",
        _link(b"x", b"../../outside"),
        _file(b"x/secret"),
        made={"x (2)": None, "x (2)/secret": _HELLO},
        noted=("is now", "leads outside"),
    )
    yield _tar(
        "folder that becomes a link",
        tar_member(b"x/", kind=b"5"),
        _link(b"x", b"../../outside"),
        _file(b"x/secret"),
        made={"x": None, "x/secret": _HELLO},
        noted=("is now", "leads outside"),
    )
    yield _longer_than_paths()


def _longer_than_paths() -> Case:
    """Links and folders that lead farther than the system resolves, and then back out (CVE-2025-4517)."""
    long = b"d" * 247
    parts, folder, steps = [], b"", b"abcdefghijklmno"
    made: dict[str, bytes | str | None] = {}
    for step in steps:
        path = (folder + b"/" if folder else b"") + long
        short = (folder + b"/" if folder else b"") + bytes((step,))
        parts += [tar_member(path + b"/", kind=b"5"), _link(short, long)]
        made |= {path.decode(): None, short.decode(): long.decode()}
        folder = path
    over = b"/".join(bytes((step,)) for step in steps)
    back, escape = b"../" * len(steps), over + b"/" + b"l" * 254 + b"/../../../outside"
    parts += [_link(over + b"/" + b"l" * 254, back), _link(b"escape", escape), _file(b"escape/secret")]
    # What would go through a link gets folders of its own, and so nothing is where the last link leads.
    own = [f"a (2){over[1 : 2 * count - 1].decode()}" for count in range(1, len(steps) + 1)]
    made |= dict.fromkeys(own) | {f"{own[-1]}/{'l' * 254}": back.decode(), "escape": escape.decode()}
    made |= {"escape (2)": None, "escape (2)/secret": _HELLO}
    return _tar("links longer than the system resolves", *parts, made=made, noted=("is now", "is now"))


def _hard_links() -> Iterator[Case]:
    yield _tar("hard link to outside", _hard(b"x", b"../../outside/secret"), refused="outside")
    yield _tar("hard link to an absolute path", _hard(b"x", b"/etc/passwd"), refused="absolute")
    yield _tar(
        "hard link to a link",
        _link(b"l", b"../../outside/secret"),
        _hard(b"x", b"l"),
        noted=("not unpacked before it", "leads outside"),
    )
    yield _tar(
        "hard link before its member",
        _hard(b"x", b"later"),
        _file(b"later"),
        made={"later": _HELLO},
        noted=("not unpacked before it",),
    )
    yield _tar(
        "hard link to itself",
        _hard(b"x", b"x"),
        noted=("not unpacked before it",),
    )
    yield _tar(
        "hard link, then another content for its name",
        _file(b"a"),
        _hard(b"b", b"a"),
        tar_member(b"b", b"other"),
        made={"a": _HELLO, "b": _HELLO, "b (2)": b"other"},
        noted=("is now",),
    )
    yield _tar(
        "hard links that multiply a content",
        tar_member(b"a", bytes(_MIB)),
        *(_hard(b"b%d" % at, b"a") for at in range(100)),
        refused="max_bytes",
        params={"max_bytes": 50 * _MIB},
    )


def _twins() -> Iterator[Case]:
    yield _tar("duplicate", _file(b"a"), tar_member(b"a", b"2"), made={"a": _HELLO, "a (2)": b"2"}, noted=("is now",))
    yield _tar("case twins", _file(b"A"), tar_member(b"a", b"2"), made={"A": _HELLO, "a (2)": b"2"}, noted=("is now",))
    yield _tar(
        "file, then folder",
        _file(b"a"),
        _file(b"a/b"),
        made={"a": _HELLO, "a (2)": None, "a (2)/b": _HELLO},
        noted=("is now",),
    )


def _kinds() -> Iterator[Case]:
    for name, kind in {"character device": b"3", "block device": b"4", "fifo": b"6"}.items():
        yield _tar(name, tar_member(b"special", kind=kind), _file(b"a"), made={"a": _HELLO}, noted=("device",))
    yield _tar(
        "set-uid and writable for all",
        tar_member(b"root", _HELLO, mode=0o6777),
        tar_member(b"d/", kind=b"5", mode=0o3777),
        tar_member(b"none", _HELLO, mode=0),
        made={"root": _HELLO, "d": None, "none": _HELLO},
    )


def _lies() -> Iterator[Case]:
    yield _tar("negative size", _file(b"a"), tar_header(size=b"\xff" * 12), refused="size")
    yield _tar("negative size in digits", _file(b"a"), tar_header(size=b"-0000000001"), refused="size")
    yield _tar("size beyond the end", tar_header(size=1 << 30), refused="cut off")
    yield _tar("size of a record beyond the end", pax({b"size": b"%d" % _GIB}), _file(b"a"), refused="cut off")
    yield _tar("size of a record that is negative", pax({b"size": b"-1"}), _file(b"a"), refused="no number")
    yield _tar("record of no length", pax(b"0 path=x\n"), _file(b"a"), refused="record")
    yield _tar("record of one byte", pax(b"1 \n"), _file(b"a"), refused="record")
    yield _tar("record that is too long", pax(b"999 path=x\n"), _file(b"a"), refused="record")
    yield _tar("record with endless digits", pax(b"9" * 100_000), _file(b"a"), refused="record")
    yield _tar("header before header without an end", pax({b"comment": b"x"}) * 10_000, refused="headers precede")
    yield _tar("long name of a gigabyte", tar_header(kind=b"L", size=_GIB, gnu=True), refused="bytes")
    yield _tar("long names without an end", gnu_long(b"L", b"x" * 200) * 10_000, _file(b"a"), refused="headers precede")
    yield _tar("wrong checksum", _file(b"a"), b"x" + _file(b"b")[1:], refused="checksum")
    yield _tar("hole of a terabyte", _sparse(1 << 40), refused="max_ratio|max_bytes|are free")
    yield _tar("offset that is negative", _sparse(10, offset=b"\xff" * 12), refused="cannot be read")
    yield Case(
        name="tar.gz: truncated",
        file="evil.tar.gz",
        data=lambda: gzip.compress(tar_member(b"a", bytes(range(256)) * 1000) + END)[:-300],
        refused="cut off",
    )


def _sparse(size: int, *, offset: bytes | None = None) -> bytes:
    """Give a sparse file of this size that is nothing but a hole."""
    block = bytearray(tar_header(b"sparse", kind=b"S", gnu=True))
    where = b"\x80" + size.to_bytes(11, "big") if offset is None else offset
    block[386:398] = where
    block[398:410] = b"%011o\0" % 0
    block[483:495] = b"\x80" + size.to_bytes(11, "big")
    return summed(block)


def _bombs() -> Iterator[Case]:
    head, zeros = tar_header(b"zeros", size=_GIB), bytes(_MIB)
    for suffix, pack in packers().items():
        yield Case(
            name=f"tar.{suffix}: bomb",
            file=f"evil.tar.{suffix}",
            data=partial(lambda pack: chunked(pack(head), pack(zeros), _GIB // _MIB, pack(END))(), pack),
            refused="max_ratio",
        )
    yield Case(
        name="tar: too many entries",
        file="evil.tar",
        data=lambda: tar_member(b"a") * 101 + END,
        refused="100 .*max_entries",
        params={"max_entries": 100},
    )
    yield Case(
        name="tar.gz: content that is skipped counts too",
        file="evil.tar.gz",
        data=lambda: gzip.compress(
            filled(tar_header(b"skipped", size=64 * _MIB)) + bytes(64 * _MIB) + _file(b"a") + END
        ),
        made={"a": _HELLO},
        params={"members": ["a"]},
    )


def packers() -> dict[str, partial[bytes]]:
    """Give what packs a whole stream, by suffix; several behind each other are one again."""
    from backports import zstd

    return {
        "gz": partial(gzip.compress, compresslevel=9, mtime=0),
        "zst": partial(zstd.compress, level=3),
        "xz": partial(lzma.compress, preset=1),
        "bz2": partial(bz2.compress, compresslevel=9),
    }
