"""Tar archives that nobody means well with: built by hand, cut, and with bytes that were turned."""

from __future__ import annotations

import gzip
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.archives.reading import ArchiveError, Damaged, Unsupported
from actors.archives.tar.reader import TarArchive
from actors.archives.tar.records import Records
from rota.archives import Format
from tests.archives.memory_file import MemoryFile

END = bytes(1024)
TYPE, SIZE, SUM = 156, slice(124, 136), slice(148, 156)


def header(
    name: bytes = b"file", *, type_: bytes = b"0", size: bytes | int = 0, gnu: bool = False, **at: bytes
) -> bytes:
    """Give a header with a right checksum; `at124=b"..."` writes bytes at a place."""
    block = bytearray(512)
    block[: len(name)] = name
    block[100:108] = b"0000644\0"
    block[SIZE] = b"%011o\0" % size if isinstance(size, int) else size
    block[136:148] = b"00000000000\0"
    block[TYPE : TYPE + 1] = type_
    block[257:265] = b"ustar  \0" if gnu else b"ustar\x0000"
    for place, data in at.items():
        start = int(place.removeprefix("at"))
        block[start : start + len(data)] = data
    block[SUM] = b" " * 8
    block[SUM] = b"%06o\0 " % sum(block)
    return bytes(block)


def padded(data: bytes) -> bytes:
    """Fill up the last block."""
    return data + bytes(-len(data) % 512)


def extra(type_: bytes, data: bytes) -> bytes:
    """Give a header that says something of the next one."""
    return header(b"extra", type_=type_, size=len(data)) + padded(data)


def read(data: bytes, format_: Format = Format.TAR) -> list[tuple[bytes, bytes]]:
    """Read an archive whole, as names and contents."""
    archive = TarArchive(MemoryFile("x.tar", data), format_)
    try:
        return [(member.name, b"".join(archive.open(member))) for member in archive.members()]
    finally:
        archive.close()


def test_the_headers_of_this_file_are_right():
    assert read(header(size=3) + padded(b"abc") + END) == [(b"file", b"abc")]


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        (b"\xff" * 12, "size"),
        (b"\x80" + b"\x7f" * 11, "size"),
        (b"-0000000001\0", "size"),
        (b"00000000089\0", "size"),
        (b"0x000000001\0", "size"),
        (b"1_0        \0", "size"),
        (b"\x80" + b"\0" * 3 + b"\x7f" + b"\xff" * 7, "cut off"),
        (b"77777777777\0", "cut off"),
    ],
)
def test_sizes_that_cannot_be_are_damage(size, reason):
    with pytest.raises(Damaged, match=reason):
        read(header(size=size) + END)


def test_a_large_size_is_read_from_its_binary_form():
    archive = TarArchive(MemoryFile("x.tar", header(size=b"\x80" + (2**40).to_bytes(11, "big"))), Format.TAR)

    assert next(archive.members()).size == 2**40


def test_a_wrong_checksum_is_damage_that_says_where():
    data = header(size=3) + padded(b"abc") + header(b"next").replace(b"next", b"mext") + END

    with pytest.raises(Damaged, match="the header at byte 1,024 cannot be read: its checksum is wrong"):
        read(data)


def test_checksums_of_signed_bytes_are_right():
    block = bytearray(header(b"caf\xe9"))
    block[SUM] = b" " * 8
    block[SUM] = b"%06o\0 " % (sum(block) - 256)

    assert read(bytes(block) + END) == [(b"caf\xe9", b"")]


@pytest.mark.parametrize(
    "record",
    [
        b"0 path=x\n",
        b"00 path=x\n",
        b"-5 path=x\n",
        b"9999999999 path=x\n",
        b"99999999999999999999 path=x\n",
        b"10 path=xx\n",
        b"8 path=x\n",
        b"11 path=x\n",
        b"6 path\n",
        b"7 path\n\n",
        b"5 =x\n",
        b"path=x\n",
        b" 10 path=x\n",
        b"+10 path=x\n",
        b"1",
        b"17 size=12345678\n",
        b"16 size=00000-1\n",
        b"37 size=99999999999999999999999999999\n",
    ],
)
def test_records_that_are_none_are_damage(record):
    with pytest.raises(Damaged):
        read(extra(b"x", record) + header() + END)


def test_the_longest_headers_are_bounded():
    long_name = extra(b"L", b"n" * 60_000 + b"\0") + header() + END
    too_long = extra(b"L", b"n" * 70_000 + b"\0") + header() + END
    too_much = extra(b"x", b"%d comment=%s\n" % (1_100_000 + 17, b"c" * 1_100_000)) + header() + END

    assert len(read(long_name)[0][0]) == 60_000
    for data in (too_long, too_much):
        with pytest.raises(Damaged, match="says more of a member than"):
            read(data)


def test_headers_before_a_member_are_bounded_in_number():
    assert read(extra(b"x", b"10 path=x\n") * 16 + header() + END) == [(b"x", b"")]
    for type_ in (b"x", b"g", b"L", b"K", b"V"):
        with pytest.raises(Damaged, match="more than 16 headers"):
            read(extra(type_, b"10 path=x\n") * 17 + header() + END)


def test_an_archive_that_ends_behind_the_records_of_a_member_is_damaged():
    with pytest.raises(Damaged, match="ends where"):
        read(extra(b"x", b"10 path=x\n") + END)


def test_an_archive_of_records_for_all_is_empty():
    assert read(extra(b"g", b"12 mtime=17\n") + END) == []


def test_of_records_only_those_are_kept_that_mean_something():
    records = Records()
    for number in range(100):
        records.add(b"30 GNU.sparse.unknown%06d=1\n" % number)
    records.add(b"19 GNU.sparse.size=1\n".replace(b"19", b"21"))

    assert list(records.values) == [b"GNU.sparse.size"]


def test_a_single_block_of_zeros_in_the_middle_is_damage():
    with pytest.raises(Damaged, match="single block of zeros"):
        read(header() + bytes(512) + header(b"hidden") + END)


def test_links_and_folders_have_no_content_whatever_they_say():
    for type_ in (b"1", b"2", b"3", b"5", b"6"):
        assert read(header(type_=type_, size=1000) + header(b"next") + END) == [(b"file", b""), (b"next", b"")]


def test_what_follows_the_end_of_a_compressed_archive_is_bounded():
    data = gzip.compress(header() + END + bytes(70 * 1024 * 1024), 1)

    with pytest.raises(Damaged, match="follow the end"):
        read(data, Format.TAR_GZ)


def test_damage_behind_the_last_member_of_a_compressed_archive_is_noticed():
    data = bytearray(gzip.compress(header() + END))
    data[-6] ^= 1

    with pytest.raises(Damaged):
        read(bytes(data), Format.TAR_GZ)


def number(value: int) -> bytes:
    return b"%011o\0" % value


def sparse(*regions: tuple[int, int], size: int, packed: int | None = None) -> bytes:
    """Give a sparse file in GNU's own form, all its content being `x`."""
    held = sum(length for _, length in regions) if packed is None else packed
    fields = b"".join(number(offset) + number(length) for offset, length in regions)
    return header(type_=b"S", size=held, gnu=True, at386=fields, at483=number(size)) + padded(b"x" * held) + END


def test_a_sparse_file_is_expanded():
    assert read(sparse((2, 3), (8, 1), size=10))[0][1] == b"\0\0xxx\0\0\0x\0"


@pytest.mark.parametrize(
    "data",
    [
        sparse((0, 5), (4, 2), size=10),
        sparse((4, 2), (0, 2), size=10),
        sparse((4, 8), size=10),
        sparse((0, 5), size=10, packed=4),
        sparse((0, 5), size=10, packed=600),
        sparse((0, 5), size=4),
        header(type_=b"S", gnu=True, at386=b"-0000000001\0" + number(0), at483=number(3)) + END,
        header(type_=b"S", gnu=True, at482=b"\1", at483=number(3)),
        extra(b"x", b"25 GNU.sparse.map=0,1,2\n" + b"22 GNU.sparse.size=3\n") + header(size=1) + padded(b"x") + END,
        extra(b"x", b"22 GNU.sparse.major=1\n" + b"22 GNU.sparse.minor=0\n")
        + header(size=512)
        + padded(b"x" * 512)
        + END,
        extra(b"x", b"22 GNU.sparse.major=2\n") + header(size=512) + padded(b"1\n0\n1\n") + END,
        extra(b"x", b"26 GNU.sparse.numbytes=3\n") + header() + END,
    ],
)
def test_sparse_maps_that_cannot_be_are_damage(data):
    with pytest.raises(Damaged):
        read(data)


def test_sparse_files_of_another_dialect_are_refused_by_name():
    with pytest.raises(Unsupported, match="star"):
        read(header(type_=b"S") + END)


def test_zeros_of_a_sparse_file_come_in_pieces():
    archive = TarArchive(MemoryFile("x.tar", sparse((0, 1), size=2**32)), Format.TAR)
    pieces = archive.open(next(archive.members()))

    assert next(pieces) == b"x"
    assert all(len(next(pieces)) <= 1024 * 1024 for _ in range(10))


def test_a_map_of_too_many_regions_is_refused_before_it_is_read():
    records = b"22 GNU.sparse.major=1\n" + b"22 GNU.sparse.minor=0\n" + b"25 GNU.sparse.realsize=3\n"
    started = time.process_time()

    with pytest.raises(Damaged, match="more than 100,000 regions"):
        read(extra(b"x", records) + header(size=1024) + padded(b"999999999\n") + bytes(512) + END)
    assert time.process_time() - started < 5


SAMPLE = b"".join(
    (
        header(b"a", size=700) + padded(b"1" * 700),
        extra(b"x", b"14 path=caf\xc3\xa9\n11 mtime=3\n") + header(size=1) + padded(b"2"),
        extra(b"L", b"n" * 130 + b"\0") + header(size=1) + padded(b"3"),
        sparse((2, 3), (8, 1), size=10),
    )
)
ZIPPED = gzip.compress(SAMPLE, mtime=0)


@given(st.lists(st.tuples(st.integers(0, len(SAMPLE) - 1), st.integers(1, 255)), min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_turned_bytes_give_an_archive_or_an_error_of_archives(turns):
    data = bytearray(SAMPLE)
    for at, mask in turns:
        data[at] ^= mask

    try:
        found = read(bytes(data))
    except ArchiveError:
        return
    assert sum(len(content) for _, content in found) <= 4096


@given(st.integers(0, len(ZIPPED) - 1), st.integers(1, 255))
@settings(max_examples=200, deadline=None)
def test_turned_bytes_of_a_compressed_archive_never_give_other_content(at, mask):
    data = bytearray(ZIPPED)
    data[at] ^= mask

    try:
        found = read(bytes(data), Format.TAR_GZ)
    except ArchiveError:
        return
    assert found == read(SAMPLE)
