"""Zip archives are read: every method, kind, time and name, small and large, in several threads."""

from __future__ import annotations

import io
import os
import random
import stat
import struct
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from actors.archives.reading import Archive, MemberKind, NamesAhead, Unsupported, WholeReading
from actors.archives.zip.reader import ZipArchive
from actors.archives.zstd import compress as zstd_compress
from tests.archives.memory_file import MemoryFile
from tests.archives.zip_bytes import ZipEntry, zip_bytes

SECOND = 1_000_000_000
TEXT = b"".join(b"line %d of a text that can be compressed\n" % number for number in range(5000))


def archive_of(data: bytes, *, password: str | None = None) -> ZipArchive:
    return ZipArchive(MemoryFile("a.zip", data), password=password)


def only(data: bytes):
    (member,) = archive_of(data).members()
    return member


def content_of(data: bytes) -> bytes:
    archive = archive_of(data)
    (member,) = archive.members()
    return b"".join(archive.open(member))


def zipped(contents: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return made.getvalue()


def test_it_is_what_it_promises_to_be():
    archive: Archive = archive_of(zipped({"a": b"b"}))

    assert isinstance(archive, WholeReading)
    assert isinstance(archive, NamesAhead)
    assert archive.is_direct
    archive.close()
    archive.close()


@pytest.mark.parametrize(
    "method",
    [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA],
    ids=["stored", "deflate", "bzip2", "lzma"],
)
def test_methods_of_the_interpreter_are_read(method: int):
    contents = {"small": b"small", "empty": b"", "text": TEXT, "large": random.Random(7).randbytes(1_200_000)}
    archive = archive_of(zipped(contents, method))

    assert {m.name.decode(): b"".join(archive.open(m)) for m in archive.members()} == contents


def test_zstd_is_read():
    assert content_of(zip_bytes([ZipEntry(content=TEXT, packed=zstd_compress(TEXT), method=93)])) == TEXT


def test_xz_is_read():
    import lzma

    assert content_of(zip_bytes([ZipEntry(content=TEXT, packed=lzma.compress(TEXT), method=95)])) == TEXT


@pytest.mark.parametrize("content", [TEXT, b"", bytes(9_000_000)], ids=["text", "empty", "zeros"])
def test_deflate64_is_read(content: bytes):
    import inflate64

    deflater = inflate64.Deflater()
    packed = deflater.deflate(content) + deflater.flush()

    assert content_of(zip_bytes([ZipEntry(content=content, packed=packed, method=9)])) == content


def test_unknown_method_is_unsupported_and_named():
    with pytest.raises(Unsupported, match=r"a\.txt.*method 98"):
        content_of(zip_bytes([ZipEntry(method=98)]))


def test_small_members_are_read_together():
    contents = {f"{number}.txt": b"content %d" % number * 20 for number in range(2000)}
    file = MemoryFile("a.zip", zipped(contents))
    archive = ZipArchive(file)

    assert {m.name.decode(): archive.open_whole(m) for m in archive.members()} == contents
    assert file.reads < 20
    assert file.read_bytes < 2 * file.size


def test_few_members_of_many_do_not_cost_those_between():
    contents = {f"{number}": random.Random(number).randbytes(20_000) for number in range(500)}
    file = MemoryFile("a.zip", zipped(contents, zipfile.ZIP_STORED))
    archive = ZipArchive(file)
    wanted = [member for member in archive.members() if not member.number % 50]

    for member in wanted:
        assert archive.open_whole(member) == contents[member.name.decode()]
    assert file.read_bytes < file.size / 5


def test_large_member_comes_in_pieces():
    content = random.Random(1).randbytes(2_000_000) * 5
    archive = archive_of(zipped({"large": content}))
    (member,) = archive.members()

    assert archive.open_whole(member) is None
    pieces = list(archive.open(member))
    assert b"".join(pieces) == content
    assert max(map(len, pieces)) <= 4 * 1024 * 1024


def test_members_are_read_in_several_threads_and_again():
    contents = {f"{number}": random.Random(number).randbytes(number * 37) * 3 for number in range(300)}
    archive = archive_of(zipped(contents))
    members = list(archive.members()) * 2
    random.Random(3).shuffle(members)

    def is_right(member):
        whole = archive.open_whole(member)
        return whole == b"".join(archive.open(member)) == contents[member.name.decode()]

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(is_right, members))


def test_consumed_grows_to_what_members_take():
    data = zipped({"a": TEXT, "b": os.urandom(100)})
    archive = archive_of(data)
    seen = [archive.consumed]
    for member in archive.members():
        b"".join(archive.open(member))
        seen.append(archive.consumed)

    assert seen == sorted(set(seen))
    assert seen[0] == 0
    assert seen[-1] == data.index(b"PK\x01\x02")


def test_content_behind_a_long_extra_field_is_read():
    extra = struct.pack("<HH", 0xCAFE, 60_000) + b"x" * 60_000
    archive = archive_of(zip_bytes([ZipEntry(local_extra=extra), ZipEntry(name=b"b")]))

    assert [(archive.open_whole(m), b"".join(archive.open(m))) for m in archive.members()] == [(b"hello", b"hello")] * 2


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        (ZipEntry(name=b"d/", content=b"", mode=0), MemberKind.FOLDER),
        (ZipEntry(name=b"d", content=b"", mode=stat.S_IFDIR | 0o755), MemberKind.FOLDER),
        (ZipEntry(name=b"d", content=b"", mode=0, attributes=0x10, made_by=0), MemberKind.FOLDER),
        (ZipEntry(name=b"d\\", content=b"", mode=0, made_by=0), MemberKind.FOLDER),
        (ZipEntry(name=b"f\\", content=b""), MemberKind.FILE),
        (ZipEntry(name=b"f", mode=0), MemberKind.FILE),
        (ZipEntry(name=b"f", mode=stat.S_IFLNK | 0o777, made_by=0), MemberKind.FILE),
        (ZipEntry(name=b"l", mode=stat.S_IFLNK | 0o777), MemberKind.LINK),
        (ZipEntry(name=b"l", mode=stat.S_IFLNK | 0o777, made_by=19 << 8), MemberKind.LINK),
        (ZipEntry(name=b"p", mode=stat.S_IFIFO | 0o644), MemberKind.SPECIAL),
        (ZipEntry(name=b"c", mode=stat.S_IFCHR | 0o644), MemberKind.SPECIAL),
    ],
    ids=lambda value: value.value if isinstance(value, MemberKind) else value.name.decode(),
)
def test_kinds_are_told(entry: ZipEntry, kind: MemberKind):
    assert only(zip_bytes([entry])).kind is kind


def test_link_tells_its_target():
    assert only(zip_bytes([ZipEntry(content=b"../there", mode=stat.S_IFLNK | 0o777, method=8)])).link == b"../there"


def test_executable_and_maker_are_told():
    assert only(zip_bytes([ZipEntry(mode=0o100755)])).executable
    assert not only(zip_bytes([ZipEntry(mode=0o100644)])).executable
    assert only(zip_bytes([ZipEntry(name=b"a\\b", made_by=10 << 8)])).backslashes
    assert not only(zip_bytes([ZipEntry(name=b"a\\b")])).backslashes


def test_names_are_handed_on_as_they_are():
    names = [b"../../etc/passwd", b"/abs", b"C:\\x", b"a\0b", b"", b"\xff\xfe", b"same", b"same"]
    archive = archive_of(zip_bytes([ZipEntry(name=name) for name in names]))

    assert [(m.number, m.name) for m in archive.members()] == list(enumerate(names))


def test_unicode_path_wins_if_it_is_of_this_name():
    def extra(name: bytes) -> bytes:
        path = struct.pack("<BI", 1, zlib.crc32(name)) + "ü.txt".encode()
        return struct.pack("<HH", 0x7075, len(path)) + path

    fitting = only(zip_bytes([ZipEntry(name=b"\x81.txt", central_extra=extra(b"\x81.txt"))]))
    renamed = only(zip_bytes([ZipEntry(name=b"\x81.txt", central_extra=extra(b"another"))]))

    assert (fitting.name, fitting.utf8) == ("ü.txt".encode(), True)
    assert (renamed.name, renamed.utf8) == (b"\x81.txt", False)


def test_old_names_are_known_ahead():
    names = [b"plain", "ü".encode(), "é".encode("cp1252") + b"/x", "é".encode("cp1252") + b"/y"]
    archive = archive_of(zip_bytes([ZipEntry(name=name) for name in names]))

    assert archive.old_names() == [b"\xe9"]


def test_times_come_from_the_best_field():
    dos = 1_589_673_600  # the 17th of May 2020
    stamp = struct.pack("<HHBi", 0x5455, 5, 1, -1000)
    ntfs = struct.pack("<HHIHHQQQ", 0x000A, 32, 0, 1, 24, 116444736000000000 + 12345, 0, 0)

    assert only(zip_bytes([ZipEntry()])).modified_ns == dos * SECOND
    assert only(zip_bytes([ZipEntry(central_extra=stamp)])).modified_ns == -1000 * SECOND
    assert only(zip_bytes([ZipEntry(central_extra=stamp + ntfs)])).modified_ns == 1234500
    assert only(zip_bytes([ZipEntry(dos_date=0)])).modified_ns is None


def test_content_with_sizes_behind_it_is_read():
    crc = zlib.crc32(b"hello")
    unknown: dict[str, int | bytes] = {"crc": 0, "packed": 0, "size": 0}
    for after in (struct.pack("<IIII", 0x08074B50, crc, 5, 5), struct.pack("<III", crc, 5, 5)):
        assert content_of(zip_bytes([ZipEntry(flags=8, local=unknown, after=after)])) == b"hello"
