"""Files of many short xz streams, which are decompressed on several threads."""

from __future__ import annotations

import io
import lzma
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from actors.archives.decompression import Decompressed
from actors.archives.given import Given
from actors.archives.reading import Damaged
from actors.archives.tar.compression import Xz
from actors.archives.xz_streams import decompressed_streams, lengths_of
from rota.archives import Format
from tests.archives.memory_file import MemoryFile

CONTENTS = [os.urandom(1000) * (100 + number) for number in range(12)]
STREAMS = [Xz(1).compress([content]) for content in CONTENTS]


def begin() -> lzma.LZMADecompressor:
    """Give what decompresses one stream."""
    return lzma.LZMADecompressor(lzma.FORMAT_XZ)


def read(data: bytes) -> tuple[list[bytes], bool, bytes]:
    """Decompress what can be cut out, and give it with the verdict and what is left."""
    given = Given(io.BytesIO(data))
    streams = decompressed_streams(given, begin, (lzma.LZMAError,), threads=3)
    contents = []
    while True:
        try:
            contents.append(next(streams).data)
        except StopIteration as end:
            return contents, end.value, given.rest


def whole(data: bytes) -> bytes:
    """Decompress a file whole."""
    pieces = Decompressed(MemoryFile("x.xz", data), Format.XZ, is_ahead=True)
    try:
        return b"".join(pieces)
    finally:
        pieces.close()


def test_streams_of_ours_tell_their_lengths():
    assert [lengths_of(stream[:1036]) for stream in STREAMS] == [
        (len(stream), len(content)) for stream, content in zip(STREAMS, CONTENTS, strict=True)
    ]


def test_streams_that_do_not_are_left():
    for data in (lzma.compress(b"x"), b"", b"\xfd7zXZ\0", STREAMS[0][:14], bytes(2000), STREAMS[0][1:]):
        assert lengths_of(data[:1036]) is None


def test_streams_come_in_their_order():
    assert read(b"".join(STREAMS)) == (CONTENTS, True, b"")
    assert whole(b"".join(STREAMS)) == b"".join(CONTENTS)


@pytest.mark.parametrize("behind", [b"", bytes(4), lzma.compress(b"else"), STREAMS[0][:-1]])
def test_what_follows_is_left(behind):
    assert read(b"".join(STREAMS[:5]) + behind) == (CONTENTS[:5], True, behind)


def test_a_damaged_stream_is_put_back_with_all_behind_it():
    damaged = bytearray(STREAMS[5])
    damaged[len(damaged) // 2] ^= 1
    data = b"".join((*STREAMS[:5], bytes(damaged), *STREAMS[6:]))

    assert read(data) == (CONTENTS[:5], False, data[len(b"".join(STREAMS[:5])) :])
    with pytest.raises(Damaged, match="damaged"):
        whole(data)


def test_wrong_guesses_do_no_harm(tmp_path: Path):
    if shutil.which("xz") is None:
        pytest.skip("xz is not installed")
    content = b"".join(CONTENTS)
    (tmp_path / "content").write_bytes(content)
    command = ("xz", "-1", "-T2", "--block-size=100KiB", "-c", str(tmp_path / "content"))
    blocks = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout

    assert lengths_of(blocks[:1036]) is not None
    assert read(STREAMS[0] + blocks) == ([CONTENTS[0]], False, blocks)
    assert whole(STREAMS[0] + blocks + bytes(8) + STREAMS[1]) == CONTENTS[0] + content + CONTENTS[1]


def test_streams_that_are_mixed_with_others_and_padded_are_read():
    data = STREAMS[0] + bytes(4) + STREAMS[1] + lzma.compress(b"else") + STREAMS[2] + STREAMS[3] + bytes(8)

    assert whole(data) == CONTENTS[0] + CONTENTS[1] + b"else" + CONTENTS[2] + CONTENTS[3]
    with pytest.raises(Damaged, match="something else follows"):
        whole(STREAMS[0] + b"more")
    with pytest.raises(Damaged, match="cut off"):
        whole(STREAMS[0] + STREAMS[1][:-1])


def test_whoever_leaves_early_leaves_nothing_running():
    given = Given(io.BytesIO(b"".join(STREAMS)))
    streams = decompressed_streams(given, begin, (lzma.LZMAError,), threads=2)

    assert next(streams).used == len(STREAMS[0])
    streams.close()
