"""The directory of a zip file: found wherever it is, read in little memory, refused where it lies."""

from __future__ import annotations

import struct
import tracemalloc

import pytest

from actors.archives.reading import ArchiveError, Damaged, Unsupported
from actors.archives.zip.reader import ZipArchive
from tests.archives.memory_file import MemoryFile
from tests.archives.zip_bytes import ZipEntry, central_part, end64_part, end_part, local_part, zip_bytes

ONE = ZipEntry(name=b"one.txt", content=b"first")
TWO = ZipEntry(name=b"two.txt", content=b"second", method=8)


def contents(data: bytes) -> dict[bytes, bytes]:
    archive = ZipArchive(MemoryFile("a.zip", data))
    return {member.name: b"".join(archive.open(member)) for member in archive.members()}


def test_archive_without_members_is_read():
    assert contents(zip_bytes([])) == {}


@pytest.mark.parametrize("length", [0, 1, 65535])
def test_comment_may_follow(length: int):
    assert contents(zip_bytes([ONE], comment=b"c" * length)) == {b"one.txt": b"first"}


def test_comment_may_hold_what_looks_like_an_end_record():
    false_end = end_part(records=7, size=3, offset=99)
    assert contents(zip_bytes([ONE], comment=b"see: " + false_end + b" indeed")) == {b"one.txt": b"first"}
    assert contents(zip_bytes([ONE], comment=false_end)) == {b"one.txt": b"first"}


def test_garbage_may_follow():
    assert contents(zip_bytes([ONE]) + b"\0" * 1000) == {b"one.txt": b"first"}


@pytest.mark.parametrize("is_adjusted", [False, True], ids=["offsets from the archive", "offsets from the file"])
def test_program_may_precede(*, is_adjusted: bool):
    lead = b"#!/bin/sh\nexec something\n" * 100
    data = zip_bytes([ONE, TWO], lead=lead)
    if is_adjusted:
        first, second = local_part(ONE), local_part(TWO)
        directory = central_part(ONE, len(lead)) + central_part(TWO, len(lead) + len(first))
        offset = len(lead) + len(first) + len(second)
        data = lead + first + second + directory + end_part(records=2, size=len(directory), offset=offset)

    assert contents(data) == {b"one.txt": b"first", b"two.txt": b"second"}


def test_signature_may_stand_between_directory_and_end():
    local, directory = local_part(ONE), central_part(ONE, 0)
    signature = struct.pack("<IH", 0x05054B50, 3) + b"sig"
    end = end_part(records=1, size=len(directory), offset=len(local))

    assert contents(local + directory + signature + end) == {b"one.txt": b"first"}


def zip64_bytes(*, lead: bytes = b"", following: int = 44, said_at: int | None = None, records: int = 1) -> bytes:
    local = local_part(ONE)
    directory = central_part(ONE, 0)
    at = len(local) + len(directory)
    end64 = end64_part(records=1, size=len(directory), offset=len(local), at=at, following=following, said_at=said_at)
    end = end_part(records=0xFFFF if records == 1 else records, size=0xFFFFFFFF, offset=0xFFFFFFFF)
    return lead + local + directory + end64 + end


@pytest.mark.parametrize("lead", [b"", b"program" * 50], ids=["alone", "behind a program"])
def test_zip64_end_is_found(lead: bytes):
    assert contents(zip64_bytes(lead=lead)) == {b"one.txt": b"first"}


@pytest.mark.parametrize(
    "data",
    [zip64_bytes(following=45), zip64_bytes(said_at=2**63, following=43), zip64_bytes(records=2)],
    ids=["wrong length", "wrong place", "another number of records"],
)
def test_zip64_end_that_lies_is_refused(data: bytes):
    with pytest.raises(Damaged):
        contents(data)


def test_sizes_and_offset_are_taken_from_zip64_field():
    extra = struct.pack("<HHQQ", 1, 16, 5, 5)
    told: dict[str, int | bytes] = {"size": 0xFFFFFFFF, "packed": 0xFFFFFFFF}
    entry = ZipEntry(local_extra=extra, central_extra=extra, local=told, central=told)
    assert contents(zip_bytes([entry])) == {b"a.txt": b"hello"}


@pytest.mark.parametrize("field", ["size", "packed", "offset"])
def test_missing_zip64_field_is_damage(field: str):
    with pytest.raises(Damaged, match=r"a\.txt.*zip64"):
        contents(zip_bytes([ZipEntry(central={field: 0xFFFFFFFF})]))


@pytest.mark.parametrize("records", [0, 1, 3, 65535])
def test_wrong_number_of_records_is_damage(records: int):
    directory = central_part(ONE, 0) + central_part(TWO, len(local_part(ONE)))
    data = local_part(ONE) + local_part(TWO)
    with pytest.raises(Damaged, match="records"):
        contents(data + directory + end_part(records=records, size=len(directory), offset=len(data)))


def test_more_records_than_16_bits_count_are_read_without_zip64():
    archive = ZipArchive(many(65536 + 3, is_ordered=True, is_zip64=False))

    assert sum(1 for _ in archive.members()) == 65536 + 3


def test_no_archive_is_told_as_such():
    with pytest.raises(Damaged, match="no end record"):
        contents(b"not a zip file at all")
    with pytest.raises(Damaged, match="no end record"):
        contents(b"")


def test_one_of_several_disks_is_unsupported():
    local, directory = local_part(ONE), central_part(ONE, 0)
    with pytest.raises(Unsupported, match="disk"):
        contents(local + directory + end_part(records=1, size=len(directory), offset=len(local), disk=1))
    with pytest.raises(Unsupported, match="disk"):
        contents(zip_bytes([ZipEntry(central={"disk": 4})]))


def test_members_come_in_the_order_in_which_they_lie():
    first, second = local_part(ONE), local_part(TWO)
    directory = central_part(TWO, len(first)) + central_part(ONE, 0)
    data = first + second + directory + end_part(records=2, size=len(directory), offset=len(first + second))

    assert list(contents(data).items()) == [(b"one.txt", b"first"), (b"two.txt", b"second")]


def test_member_that_reaches_into_the_directory_is_refused():
    with pytest.raises(Damaged, match=r"one\.txt.*directory"):
        contents(zip_bytes([ZipEntry(name=b"one.txt", central={"packed": 1000})]))


def test_members_of_one_content_are_refused_before_anything_is_given():
    """The bomb of 56 KB that becomes 10 GB: a thousand records for one member."""
    kernel = ZipEntry(name=b"x", content=bytes(10_000_000), method=8)
    local = local_part(kernel)
    directory = central_part(kernel, 0) * 1000
    data = local + directory + end_part(records=1000, size=len(directory), offset=len(local))

    with pytest.raises(Damaged, match="within another"):
        ZipArchive(MemoryFile("bomb.zip", data))


def test_members_that_quote_each_others_headers_are_refused():
    """The better bomb: each member's content begins with stored headers of those behind it."""
    kernel = ZipEntry(name=b"k", content=bytes(100_000), method=8)
    inner = local_part(kernel)
    outer = ZipEntry(name=b"o", content=inner)
    data = local_part(outer)
    directory = central_part(outer, 0) + central_part(kernel, len(data) - len(inner))

    with pytest.raises(Damaged, match="within another"):
        ZipArchive(MemoryFile("b.zip", data + directory + end_part(records=2, size=len(directory), offset=len(data))))


def many(count: int, *, is_ordered: bool, is_zip64: bool = True) -> MemoryFile:
    """Empty members, packed by hand because it has to be quick."""
    local = struct.Struct("<IHHHHHIIIHH8s")
    central = struct.Struct("<IHHHHHHIIIHHHHHII8s")
    zeros = (0,) * 5
    names = [b"%08d" % number for number in range(count)]
    data = b"".join([local.pack(0x04034B50, 20, 0, 0, 0, 33, 0, 0, 0, 8, 0, name) for name in names])
    order = range(count) if is_ordered else range(count - 1, -1, -1)
    directory = b"".join(
        [
            central.pack(0x02014B50, 20, 20, 0, 0, 0, 33, 0, 0, 0, 8, *zeros, number * local.size, names[number])
            for number in order
        ]
    )
    if not is_zip64:
        end = end_part(records=count & 0xFFFF, size=len(directory), offset=len(data))
        return MemoryFile("many.zip", data + directory + end)
    end64 = end64_part(records=count, size=len(directory), offset=len(data), at=len(data) + len(directory))
    end = end_part(records=0xFFFF, size=0xFFFFFFFF, offset=0xFFFFFFFF)
    return MemoryFile("many.zip", data + directory + end64 + end)


@pytest.mark.parametrize("is_ordered", [True, False], ids=["in order", "backwards"])
def test_members_take_little_memory(*, is_ordered: bool):
    count = 3_000
    file = many(count, is_ordered=is_ordered)
    for _ in ZipArchive(file).members():
        pass  # what is imported and remembered on the way, the last few thousand times among it, does not grow
    tracemalloc.start()
    try:
        archive = ZipArchive(file)
        assert sum(1 for _ in archive.members()) == count
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    # The directory itself, of 54 bytes each here, is kept up to 8 MiB; only what is not in order takes more.
    assert peak < 54 * count + 50_000 + (0 if is_ordered else 65 * count)


def test_very_many_members_are_read():
    count = 200_000
    file = many(count, is_ordered=True)

    archive = ZipArchive(file)

    assert sum(1 for _ in archive.members()) == count
    # Too large to be kept, so it was read twice, in large pieces.
    assert file.reads < 50


@pytest.mark.parametrize("place", range(0, 46, 2))
def test_any_change_of_a_record_is_refused_or_harmless(place: int):
    data = bytearray(zip_bytes([ONE, TWO]))
    start = len(local_part(ONE)) + len(local_part(TWO))
    for value in (0x00, 0x7F, 0xFF):
        changed = bytes(data[: start + place]) + bytes([value] * 2) + bytes(data[start + place + 2 :])
        try:
            assert contents(changed).get(b"one.txt", b"first") in (b"first", b"")
        except ArchiveError:
            continue
