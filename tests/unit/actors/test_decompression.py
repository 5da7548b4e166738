"""What is decompressed, from start to end, and where it is wrong."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import threading
import tracemalloc
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.archives import zstd
from actors.archives.ahead import Ahead
from actors.archives.decompression import PIECE_BYTES, Decompressed
from actors.archives.reading import ArchiveError, Damaged, Unsupported
from actors.archives.single import SingleArchive
from rota.archives import Format
from rota.errors import Cancelled
from tests.archives.memory_file import MemoryFile

MIB = 1024 * 1024
COMPRESS: dict[Format, Callable[[bytes], bytes]] = {
    Format.GZ: gzip.compress,
    Format.ZST: zstd.compress,
    Format.XZ: lambda data: lzma.compress(data, preset=0),
    Format.BZ2: lambda data: bz2.compress(data, 1),
}
CONTENT = os.urandom(400_000) + bytes(3 * MIB) + b"end"


@pytest.fixture(params=list(COMPRESS))
def format_(request: pytest.FixtureRequest) -> Format:
    """Each way to compress a single file."""
    return request.param


def read(data: bytes, format_: Format, *, is_ahead: bool | None = None) -> bytes:
    """Decompress a file whole."""
    pieces = Decompressed(MemoryFile("x", data), format_, is_ahead=is_ahead)
    try:
        return b"".join(pieces)
    finally:
        pieces.close()


@pytest.mark.parametrize("is_ahead", [True, False])
def test_content_comes_back(format_, is_ahead):
    assert read(COMPRESS[format_](CONTENT), format_, is_ahead=is_ahead) == CONTENT
    assert read(COMPRESS[format_](b""), format_, is_ahead=is_ahead) == b""


def test_streams_follow_each_other(format_):
    pieces = [b"a" * 200_000, b"", os.urandom(300_000), b"c"]

    assert read(b"".join(map(COMPRESS[format_], pieces)), format_) == b"".join(pieces)


def test_pieces_are_bounded_however_much_comes_out(format_):
    data = COMPRESS[format_](bytes(24 * MIB))
    tracemalloc.start()
    try:
        pieces = Decompressed(MemoryFile("x", data), format_)
        lengths = [len(piece) for piece in pieces]
        pieces.close()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (sum(lengths), max(lengths) <= PIECE_BYTES) == (24 * MIB, True)
    assert peak < 16 * MIB


def test_how_much_of_the_file_was_used_is_known(format_):
    data = COMPRESS[format_](os.urandom(MIB)) + COMPRESS[format_](bytes(10 * MIB))
    pieces = Decompressed(MemoryFile("x", data), format_)
    next(pieces)
    first = pieces.consumed
    for _ in pieces:
        pass
    pieces.close()

    assert first <= len(data) * 2 // 3
    assert pieces.consumed == len(data)


def test_a_cut_file_is_damaged_at_every_byte(format_):
    data = COMPRESS[format_](b"some content " * 20)

    for length in range(len(data)):
        with pytest.raises(Damaged):
            read(data[:length], format_)


def test_a_large_file_that_is_cut_gives_what_is_there_first(format_):
    data = COMPRESS[format_](os.urandom(2 * MIB))
    pieces = Decompressed(MemoryFile("x", data[: len(data) // 2]), format_)

    assert next(pieces)
    with pytest.raises(Damaged, match="cut off at byte"):
        list(pieces)
    pieces.close()


def test_what_does_not_belong_behind_the_end_is_damage(format_):
    with pytest.raises(Damaged, match=r"ends at byte \d+, and something else follows|padding"):
        read(COMPRESS[format_](b"content") + b"\0more", format_)


def test_zeros_fill_a_tape_behind_gzip_and_pad_xz_by_fours():
    assert read(gzip.compress(b"content") + bytes(500_001), Format.GZ) == b"content"
    assert read(lzma.compress(b"a") + bytes(8) + lzma.compress(b"b"), Format.XZ) == b"ab"
    with pytest.raises(Damaged, match="padding"):
        read(lzma.compress(b"a") + bytes(7), Format.XZ)


def test_what_is_something_else_is_damage(format_):
    with pytest.raises(Damaged, match="does not begin"):
        read(b"something else", format_)


def test_frames_of_zstandard_that_hold_nothing_are_passed_over():
    skipped = b"\x5a\x2a\x4d\x18\x05\0\0\0hello"

    assert read(skipped + zstd.compress(b"content") + skipped, Format.ZST) == b"content"


def test_what_takes_too_much_memory_is_refused():
    wide = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 28})
    wide_xz = lzma.compress(b"a", filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 28}])

    for data, format_ in ((wide.compress(b"a") + wide.flush(), Format.ZST), (wide_xz, Format.XZ)):
        with pytest.raises(Unsupported, match="134,217,728 bytes of memory"):
            read(data, format_)


@given(at=st.integers(0, 10_000), mask=st.integers(1, 255), format_=st.sampled_from([Format.GZ, Format.XZ, Format.BZ2]))
@settings(max_examples=300, deadline=None)
def test_a_turned_byte_never_gives_other_content(at, mask, format_):
    content = bytes(range(256)) * 3
    data = bytearray(COMPRESS[format_](content))
    data[at % len(data)] ^= mask

    try:
        found = read(bytes(data), format_)
    except ArchiveError:
        return
    assert found == content


def test_what_is_ahead_is_a_few_items_and_ends_with_its_reader():
    made = []

    def items() -> Iterator[int]:
        for number in range(1000):
            made.append(number)
            yield number

    before = set(threading.enumerate())
    ahead = Ahead(items(), most=3)
    first = next(ahead)
    ahead.close()
    ahead.close()

    assert first == 0
    assert len(made) <= 5
    assert set(threading.enumerate()) <= before


def test_what_is_raised_ahead_is_raised_behind_what_came_before():
    def items() -> Iterator[int]:
        yield 1
        raise Cancelled("enough")

    ahead = Ahead(items(), most=3)

    assert next(ahead) == 1
    for _ in range(2):
        with pytest.raises(Cancelled, match="enough"):
            next(ahead)
    ahead.close()


def test_a_compressed_file_is_an_archive_of_one_member(format_):
    archive = SingleArchive(MemoryFile(f"notes.txt.{format_}", COMPRESS[format_](CONTENT)), format_)
    (member,) = archive.members()

    assert (member.name, member.utf8, member.size, archive.consumed) == (b"notes.txt", True, None, 0)
    assert b"".join(archive.open(member)) == CONTENT
    assert archive.consumed == member.packed
    with pytest.raises(ValueError, match="already"):
        archive.open(member)
    archive.close()


def test_the_time_that_gzip_notes_is_told():
    times = [
        next(SingleArchive(MemoryFile("x.gz", gzip.compress(b"", mtime=mtime)), Format.GZ).members()).modified_ns
        for mtime in (0, 1_600_000_000)
    ]

    assert times == [None, 1_600_000_000 * 10**9]
