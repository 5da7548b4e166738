"""Zip archives that lie or are broken: told as such, never anything else, and never more than a member says."""

from __future__ import annotations

import stat
import struct
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.archives.reading import ArchiveError, Damaged, Unsupported
from actors.archives.zip.reader import ZipArchive
from tests.archives.memory_file import MemoryFile
from tests.archives.zip_bytes import ZipEntry, deflated, zip_bytes

TEXT = b"some text, some more text, and again some text. " * 20
SAMPLE = zip_bytes(
    [
        ZipEntry(name=b"stored.txt", content=b"stored"),
        ZipEntry(name=b"folder/", content=b"", mode=stat.S_IFDIR | 0o755),
        ZipEntry(name=b"folder/deflated.txt", content=TEXT, method=8),
        ZipEntry(name=b"link", content=b"stored.txt", mode=stat.S_IFLNK | 0o777),
    ]
)


def read_all(data: bytes, *, password: str | None = None) -> list[tuple[bytes, bytes]]:
    """Read everything in both ways, which have to agree."""
    archive = ZipArchive(MemoryFile("a.zip", data), password=password)
    read = []
    for member in archive.members():
        streamed = b"".join(archive.open(member))
        whole = archive.open_whole(member)
        assert whole is None or whole == streamed
        read.append((member.name, streamed))
    return read


def refusals(entry: ZipEntry) -> list[type[Exception]]:
    """What is raised by both ways to read an archive of one member, and one behind it."""
    archive = ZipArchive(MemoryFile("a.zip", zip_bytes([entry, ZipEntry(name=b"z" * 50, content=b"z" * 500)])))
    member = next(archive.members())
    raised = []
    for read in (archive.open_whole, lambda member: b"".join(archive.open(member))):
        with pytest.raises(ArchiveError, match=r"a\.txt") as caught:
            read(member)
        raised.append(caught.type)
    return raised


@pytest.mark.parametrize("length", range(len(SAMPLE)))
def test_archive_that_is_cut_off_anywhere_is_refused(length: int):
    with pytest.raises(ArchiveError):
        read_all(SAMPLE[:length])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(SAMPLE) - 1), st.integers(1, 255)), min_size=1, max_size=4))
def test_changed_bytes_give_a_refusal_or_what_was_packed(changes: list[tuple[int, int]]):
    data = bytearray(SAMPLE)
    for place, change in changes:
        data[place] ^= change
    try:
        read = read_all(bytes(data))
    except ArchiveError:
        return
    assert {content for _, content in read} <= {b"stored", b"", TEXT, b"stored.txt"}


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([0, 8, 9, 12, 14, 93, 95]), st.integers(0, 1000))
def test_any_bytes_as_packed_content_give_a_refusal_or_the_size(packed: bytes, method: int, size: int):
    entry = ZipEntry(content=bytes(size), packed=packed, method=method)
    try:
        ((_, content),) = read_all(zip_bytes([entry]))
    except ArchiveError:
        return
    assert content == bytes(size)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60), st.binary(max_size=60))
def test_any_extra_fields_are_survived(local_extra: bytes, central_extra: bytes):
    read = read_all(zip_bytes([ZipEntry(local_extra=local_extra, central_extra=central_extra)]))
    # Only an extra field of the name's own checksum gives another name.
    assert [content for _, content in read] == [b"hello"]


@pytest.mark.parametrize(
    "local",
    [
        {"name": b"b.txt"},
        {"name": b"a.txt/../b"},
        {"method": 8},
        {"flags": 1},
        {"flags": 1 << 11},
        {"size": 6},
        {"packed": 6},
        {"crc": 1},
    ],
    ids=["name", "longer name", "method", "encrypted", "encoding", "size", "packed", "checksum"],
)
def test_header_that_contradicts_the_directory_is_damage(local: dict[str, int | bytes]):
    assert refusals(ZipEntry(local=local)) == [Damaged, Damaged]


def both(entry: ZipEntry, **told: int) -> ZipEntry:
    return ZipEntry(**{**vars(entry), "local": told, "central": told})


@pytest.mark.parametrize("method", [0, 8], ids=["stored", "deflate"])
@pytest.mark.parametrize("size", [0, 1, len(TEXT) - 1, len(TEXT) + 1, 8_000_000])
def test_size_that_lies_is_damage(method: int, size: int):
    assert refusals(both(ZipEntry(content=TEXT, method=method), size=size)) == [Damaged, Damaged]


def test_wrong_checksum_is_damage():
    assert refusals(ZipEntry(crc=1)) == [Damaged, Damaged]
    assert refusals(ZipEntry(content=TEXT, method=8, crc=1)) == [Damaged, Damaged]


def test_content_without_its_end_is_damage():
    cut = deflated(TEXT)[:-2]
    assert refusals(ZipEntry(content=TEXT, method=8, packed=cut)) == [Damaged, Damaged]


def test_extra_fields_that_push_content_into_the_next_member_are_damage():
    entry = ZipEntry()
    data = bytearray(zip_bytes([entry, ZipEntry(name=b"b.txt", content=b"b" * 500)]))
    data[28:30] = struct.pack("<H", 40)
    archive = ZipArchive(MemoryFile("a.zip", bytes(data)))
    first = next(archive.members())

    with pytest.raises(Damaged, match="next member"):
        archive.open_whole(first)
    with pytest.raises(Damaged, match="next member"):
        next(archive.open(first))


def test_no_more_is_given_than_a_member_says():
    entry = both(ZipEntry(content=bytes(50_000_000), method=8), size=1000)
    archive = ZipArchive(MemoryFile("a.zip", zip_bytes([entry])))
    (member,) = archive.members()
    pieces: list[bytes] = []
    with pytest.raises(Damaged, match="larger"):
        pieces.extend(archive.open(member))
    assert sum(map(len, pieces)) <= 1000


def test_size_that_lies_takes_no_memory():
    extra = struct.pack("<HHQQ", 1, 16, 1 << 40, len(deflated(TEXT)))
    told: dict[str, int | bytes] = {"size": 0xFFFFFFFF, "packed": 0xFFFFFFFF}
    entry = ZipEntry(content=TEXT, method=8, local_extra=extra, central_extra=extra, local=told, central=told)
    archive = ZipArchive(MemoryFile("a.zip", zip_bytes([entry])))
    tracemalloc.start()
    try:
        (member,) = archive.members()
        assert member.size == 1 << 40
        assert archive.open_whole(member) is None
        with pytest.raises(Damaged, match="is said to have|cut off"):
            list(archive.open(member))
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_dictionary_that_is_too_large_is_unsupported():
    lzma_head = struct.pack("<BBHBI", 9, 20, 5, 0x5D, 0xFFFFFFFF)
    extra = struct.pack("<HHQ", 1, 8, 1 << 40)
    told: dict[str, int | bytes] = {"size": 0xFFFFFFFF}
    entry = ZipEntry(
        packed=lzma_head + bytes(50), method=14, local_extra=extra, central_extra=extra, local=told, central=told
    )
    archive = ZipArchive(MemoryFile("a.zip", zip_bytes([entry])))
    (member,) = archive.members()

    with pytest.raises(Unsupported, match="memory"):
        list(archive.open(member))


def test_link_of_endless_target_is_refused():
    entry = ZipEntry(content=b"a" * 4097, mode=stat.S_IFLNK | 0o777)
    with pytest.raises(Damaged, match="4,096"):
        read_all(zip_bytes([entry]))


@pytest.mark.parametrize("flag", [1 << 5, 1 << 6 | 1, 1 << 13], ids=["patch", "strong", "masked"])
def test_what_cannot_be_read_is_told(flag: int):
    archive = ZipArchive(MemoryFile("a.zip", zip_bytes([ZipEntry(flags=flag)])))
    (member,) = archive.members()
    assert archive.open_whole(member) is None
    with pytest.raises(Unsupported, match=r"a\.txt"):
        list(archive.open(member))


def test_twins_are_handed_on():
    twins = [ZipEntry(content=b"one"), ZipEntry(content=b"two")]
    assert read_all(zip_bytes(twins)) == [(b"a.txt", b"one"), (b"a.txt", b"two")]


def test_archive_that_holds_itself_is_a_member_like_others():
    inner = zip_bytes([ZipEntry()])
    assert read_all(zip_bytes([ZipEntry(name=b"inner.zip", content=inner)])) == [(b"inner.zip", inner)]
