"""The pieces of compressed tar archives, each a whole that stands behind others, and what is told of data by samples."""

from __future__ import annotations

import gzip
import lzma
import random
from collections.abc import Sequence

import pytest

from actors.archives.probing import is_promising
from actors.archives.tar.compression import codec_of
from actors.archives.zstd import ZstdDecompressor
from rota.archives import Format

WORDS = [random.Random(number).randbytes(3).hex().encode() for number in range(2000)]
TEXT = b" ".join(random.Random(2).choices(WORDS, k=60_000))
NOISE = random.Random(3).randbytes(300_000)
LEVELS = range(10)
COMPRESSED = (Format.TAR_GZ, Format.TAR_ZST, Format.TAR_XZ)


def unpacked(format_: Format, data: bytes) -> bytes:
    if format_ is Format.TAR_GZ:
        return gzip.decompress(data)
    if format_ is Format.TAR_XZ:
        return lzma.decompress(data)
    whole = b""
    while data:
        frame = ZstdDecompressor()
        whole += frame.decompress(data)
        assert frame.eof
        data = frame.unused_data
    return whole


def packed(format_: Format, parts: Sequence[bytes], level: int | None = None) -> bytes:
    return bytes(codec_of(format_, level).compress(parts))


@pytest.mark.parametrize("level", [None, *LEVELS])
@pytest.mark.parametrize("format_", COMPRESSED)
def test_parts_come_back_as_one_at_every_level(format_: Format, level: int | None) -> None:
    parts = [b"header", TEXT, NOISE, b"", b"header", NOISE, NOISE, TEXT]

    assert unpacked(format_, packed(format_, parts, level)) == b"".join(parts)


@pytest.mark.parametrize("format_", COMPRESSED)
def test_pieces_behind_each_other_are_one(format_: Format) -> None:
    pieces = packed(format_, [TEXT]) + packed(format_, [NOISE]) + packed(format_, [b"a"])

    assert unpacked(format_, pieces) == TEXT + NOISE + b"a"


@pytest.mark.parametrize("format_", COMPRESSED)
def test_higher_levels_are_smaller_and_0_does_not_compress(format_: Format) -> None:
    sizes = [len(packed(format_, [TEXT], level)) for level in (0, 1, 9)]

    assert sizes[0] >= len(TEXT)
    assert sizes[0] > sizes[1] > sizes[2]


@pytest.mark.parametrize("format_", COMPRESSED)
def test_noise_between_texts_takes_its_own_size_only(format_: Format) -> None:
    texts = len(packed(format_, [TEXT]))

    assert len(packed(format_, [TEXT, NOISE, TEXT])) < 2 * texts + len(NOISE) + 1000


@pytest.mark.parametrize("format_", COMPRESSED)
def test_damage_is_noticed(format_: Format) -> None:
    data = bytearray(packed(format_, [NOISE]))
    data[len(data) // 2] ^= 1

    with pytest.raises(Exception, match=r"(?i)crc|corrupt|checksum|match"):
        unpacked(format_, bytes(data))


def test_plain_archives_are_only_joined() -> None:
    assert packed(Format.TAR, [b"a", b"b"]) == b"ab"


@pytest.mark.parametrize("size", [1, 65_535, 65_536, 65_537, 131_072, 200_000])
def test_stored_chunks_of_xz_hold_any_length(size: int) -> None:
    assert lzma.decompress(packed(Format.TAR_XZ, [NOISE[:size]], 0)) == NOISE[:size]


@pytest.mark.parametrize("size", [1, 100, 16_384, 100_000, len(TEXT)])
def test_text_is_promising(size: int) -> None:
    assert is_promising(TEXT[:size])


@pytest.mark.parametrize("size", [16_384, 100_000, 300_000])
def test_noise_is_not_promising_unless_it_is_short(size: int) -> None:
    assert not is_promising(NOISE[:size])
    assert is_promising(NOISE[:1000])


def test_a_text_behind_noise_is_found() -> None:
    assert is_promising(NOISE + TEXT)
