"""Headers of zip files: times, names, and what happens where 32 bits end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.archives.packing import Entry
from actors.archives.zip import layout
from actors.archives.zip.headers import (
    Packed,
    central_record,
    descriptor,
    end_records,
    heading,
    local_header,
    streamed_header,
)
from actors.archives.zip.layout import Extra, Flag, Method
from actors.archives.zip.streaming import is_wide
from actors.archives.zip.times import from_dos, from_ntfs, to_dos, to_ntfs, to_seconds
from actors.datasources.rows import Kind

SECOND = 1_000_000_000
GIB = 1 << 30


def _entry(name: bytes = b"name", *, modified_ns: int = 1_700_000_000 * SECOND) -> Entry:
    return Entry(name, Kind.FILE, 1, modified_ns, name)


def _extras(data: bytes) -> dict[int, bytes]:
    found = {}
    while data:
        id_, length = layout.EXTRA.unpack_from(data)
        found[id_] = data[4 : 4 + length]
        data = data[4 + length :]
    return found


def _central_extras(record: bytes) -> dict[int, bytes]:
    name, extra, _ = layout.CENTRAL_LENGTHS.unpack_from(record, layout.CENTRAL_LENGTHS_AT)
    assert len(record) == layout.CENTRAL.size + name + extra
    return _extras(record[layout.CENTRAL.size + name :])


@given(st.integers(min_value=315_532_800, max_value=4_354_819_198))
def test_dos_times_come_back_to_the_even_second(second: int) -> None:
    assert from_dos(*to_dos(second * SECOND)) == second // 2 * 2 * SECOND


@pytest.mark.parametrize(("year", "second"), [(1980, -(10**10)), (1980, 0), (2107, 10**10)])
def test_dos_times_stay_in_their_years(year: int, second: int) -> None:
    _, date = to_dos(second * SECOND)

    assert (date >> 9) + 1980 == year


@pytest.mark.parametrize(("time", "date"), [(0, 0), (0, 0xFFFF), (0xFFFF, 0x21), (0, 0x5E), (0, 31 | 2 << 5)])
def test_what_is_no_dos_time_is_none(time: int, date: int) -> None:
    assert from_dos(time, date) is None


@given(st.integers(min_value=-(10**19), max_value=10**19))
def test_ntfs_times_come_back_to_100_ns(modified_ns: int) -> None:
    assert from_ntfs(to_ntfs(modified_ns) or 0) == modified_ns // 100 * 100


@pytest.mark.parametrize("second", [-(1 << 31) - 1, 1 << 31])
def test_seconds_beyond_32_bits_are_left_to_the_finer_field(second: int) -> None:
    head = heading(_entry(modified_ns=second * SECOND))

    assert to_seconds(second * SECOND) is None
    assert head.local_extra == b""
    assert list(_extras(head.central_extra)) == [Extra.NTFS]


def test_whole_seconds_need_no_finer_field() -> None:
    assert list(_extras(heading(_entry()).central_extra)) == [Extra.TIMESTAMP]


def test_a_time_that_is_not_known_is_not_told() -> None:
    assert heading(_entry(modified_ns=0)).central_extra == b""


@pytest.mark.parametrize(
    ("name", "flag"), [(b"ascii", 0), ("größe".encode(), Flag.UTF8), (b"gr\xf6\xdfe", 0)], ids=["ascii", "utf8", "raw"]
)
def test_names_say_whether_they_are_utf8(name: bytes, flag: int) -> None:
    assert heading(_entry(name)).flags == flag


def test_both_headers_tell_the_same() -> None:
    content = Packed(Method.DEFLATE, 123, 45, 67)

    local = layout.LOCAL.unpack_from(local_header(heading(_entry()), content))
    central = layout.CENTRAL.unpack_from(central_record(heading(_entry()), content, offset=89))

    assert local[1:10] == central[2:11]
    assert central[-1] == 89


@pytest.mark.parametrize(
    ("size", "packed", "offset", "told"),
    [
        (5 * GIB, 1, 2, [5 * GIB]),
        (1, 5 * GIB, 2, [5 * GIB]),
        (1, 2, 6 * GIB, [6 * GIB]),
        (5 * GIB, 4 * GIB - 1, 6 * GIB, [5 * GIB, 4 * GIB - 1, 6 * GIB]),
        (4 * GIB - 2, 1, 4 * GIB - 2, None),
    ],
)
def test_only_what_does_not_fit_is_told_in_64_bits(size: int, packed: int, offset: int, told: list[int] | None) -> None:
    record = central_record(heading(_entry()), Packed(Method.DEFLATE, 0, packed, size), offset=offset)

    fields = layout.CENTRAL.unpack_from(record)
    wide = _central_extras(record).get(Extra.ZIP64)
    assert (wide and [int.from_bytes(wide[at : at + 8], "little") for at in range(0, len(wide), 8)]) == told
    assert [fields[9], fields[8], fields[16]] == [min(value, layout.LIMIT32) for value in (size, packed, offset)]


def test_a_streamed_header_says_that_the_figures_follow() -> None:
    content = Packed(Method.DEFLATE, 0, 0, 0)

    narrow = layout.LOCAL.unpack_from(streamed_header(heading(_entry()), content, wide=False))
    wide = streamed_header(heading(_entry()), content, wide=True)

    assert narrow[2] & Flag.DESCRIPTOR
    assert narrow[6:9] == (0, 0, 0)
    assert layout.LOCAL.unpack_from(wide)[6:9] == (0, layout.LIMIT32, layout.LIMIT32)
    assert _extras(wide[layout.LOCAL.size + 4 :])[Extra.ZIP64] == bytes(16)
    assert len(descriptor(content, wide=True)) == len(descriptor(content, wide=False)) + 8


def test_an_encrypted_member_tells_no_checksum() -> None:
    content = Packed(Method.DEFLATE, 123, 45, 67, encrypted=True)

    for header in (local_header(heading(_entry()), content), descriptor(content, wide=False)):
        assert (123).to_bytes(4, "little") not in header


@pytest.mark.parametrize("size", [4 * GIB, 4 * GIB - (4 << 20)])
def test_room_for_64_bits_is_kept_where_compression_could_need_it(size: int) -> None:
    assert is_wide(size)
    assert not is_wide(4 * GIB - (32 << 20))


@pytest.mark.parametrize(
    ("count", "size", "offset", "wide"),
    [(65_534, 1, 1, False), (65_535, 1, 1, True), (1, 4 * GIB, 1, True), (1, 1, 4 * GIB, True)],
)
def test_the_end_is_told_in_64_bits_where_it_must(count: int, size: int, offset: int, wide: bool) -> None:
    records = end_records(count=count, size=size, offset=offset)

    assert len(records) == layout.END.size + (layout.END64.size + layout.LOCATOR64.size if wide else 0)
    if wide:
        assert layout.END64.unpack_from(records)[7:] == (count, size, offset)
        assert layout.LOCATOR64.unpack_from(records, layout.END64.size)[2] == offset + size
