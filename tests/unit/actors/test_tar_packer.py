"""Tar archives: what other programs read in them, the same bytes each time, and attempts that go on."""

from __future__ import annotations

import gzip
import io
import itertools
import lzma
import random
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from actors.archives.packing import SMALL_BYTES, STREAM_BYTES, Entry, Packing
from actors.archives.tar.packer import TarPacker
from actors.archives.zstd import ZstdDecompressor
from actors.datasources.rows import Kind
from rota.archives import Format
from rota.errors import Interrupted
from tests.archives.contents import MODIFIED_NS, MemoryContents
from tests.archives.packs import Packed, pack
from tests.archives.tools import run_tool

FORMATS = (Format.TAR, Format.TAR_GZ, Format.TAR_ZST, Format.TAR_XZ)
TESTERS = {Format.TAR_GZ: "gzip", Format.TAR_ZST: "zstd", Format.TAR_XZ: "xz"}
MIXED: dict[str, bytes | str | None] = {
    "a folder": None,
    "a folder/empty": b"",
    "a folder/text.txt": b"a line\n" * 1000,
    "link": "a folder/text.txt",
    "noise": random.Random(7).randbytes(400_000),
    "program": b"#!/bin/sh\n",
    "größe": None,
    "größe/日本.txt": b"utf-8",
    "n" * 255: b"a long name",
    "/".join(["folder"] * 571): b"a path of 3,996 bytes",
    "caf\udce9": b"no utf-8",
}
LARGE = b"a line\n" * 150_000 + random.Random(8).randbytes(STREAM_BYTES) + bytes(SMALL_BYTES + 12_345)
every_format = pytest.mark.parametrize("format_", FORMATS)


def _pack(format_: Format, contents: MemoryContents, **options: object) -> Packed:
    return pack(format_, contents, contents.entries(), **{"level": 1, **options})  # type: ignore[arg-type]


def _unpacked(format_: Format, data: bytes) -> bytes:
    """Give the archive without its compression, all frames of it."""
    if format_ is Format.TAR_GZ:
        return gzip.decompress(data)
    if format_ is Format.TAR_XZ:
        return lzma.decompress(data)
    if format_ is Format.TAR:
        return data
    unpacked = b""
    while data:
        frame = ZstdDecompressor()
        unpacked += frame.decompress(data)
        data = frame.unused_data
    return unpacked


def _opened(format_: Format, packed: Packed) -> tarfile.TarFile:
    return tarfile.open(fileobj=io.BytesIO(_unpacked(format_, packed.data)), encoding="utf-8")


def _files(format_: Format, packed: Packed) -> dict[str, bytes]:
    with _opened(format_, packed) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}  # type: ignore[union-attr]


@every_format
def test_names_kinds_contents_and_times_come_back(format_: Format) -> None:
    found: dict[str, bytes | str | None] = {}
    with _opened(format_, _pack(format_, MemoryContents(MIXED))) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            found[member.name] = file.read() if file else member.linkname if member.issym() else None
            assert member.pax_headers["mtime"] == f"{MODIFIED_NS // 10**9}.{MODIFIED_NS % 10**9:09}"

    assert found == MIXED


def test_entries_keep_their_order() -> None:
    contents = MemoryContents({"b": None, "b/c": b"", "b.txt": b"", "a": b"", "large": LARGE, "z": b""})

    with _opened(Format.TAR, _pack(Format.TAR, contents)) as archive:
        assert archive.getnames() == ["a", "b.txt", "b", "b/c", "large", "z"]


def test_modes_tell_programs_of_any_size() -> None:
    contents = MemoryContents({"large": LARGE, "program": b"x", "text": b"x"}, executable=["large", "program"])

    with _opened(Format.TAR, _pack(Format.TAR, contents)) as archive:
        assert {member.name: member.mode for member in archive} == {"large": 0o755, "program": 0o755, "text": 0o644}


@every_format
def test_large_contents_come_back(format_: Format) -> None:
    contents = MemoryContents({"before": b"1", "large": LARGE, "then": b"2"})
    packed = _pack(format_, contents)

    assert _files(format_, packed) == {"before": b"1", "large": LARGE, "then": b"2"}
    assert format_ is Format.TAR or len(packed.data) < len(LARGE) * 0.2
    assert [stream.closed for stream in contents.opened] == [True]


@every_format
@pytest.mark.parametrize("program", ["tar", "bsdtar"])
def test_other_programs_find_it_whole(tmp_path: Path, format_: Format, program: str) -> None:
    path = tmp_path / f"made.{format_}"
    path.write_bytes(_pack(format_, MemoryContents({**MIXED, "large": LARGE})).data)

    assert len(run_tool(program, "-tvf", path).splitlines()) == len(MIXED) + 1


@every_format
def test_programs_for_the_compression_alone_find_it_whole(tmp_path: Path, format_: Format) -> None:
    path = tmp_path / f"made.{format_}"
    path.write_bytes(_pack(format_, MemoryContents({**MIXED, "large": LARGE})).data)

    if format_ in TESTERS:
        run_tool(TESTERS[format_], "-t", path)
    if format_ is not Format.TAR_ZST:  # not every 7z knows it
        run_tool("7z", "t", path)


@pytest.mark.parametrize("program", ["tar", "bsdtar"])
def test_other_programs_restore_names_links_and_times(tmp_path: Path, program: str) -> None:
    path = tmp_path / "made.tar"
    path.write_bytes(_pack(Format.TAR, MemoryContents(MIXED)).data)
    target = tmp_path / "out"
    target.mkdir()

    run_tool(program, "-xf", path, "-C", target)

    for name, value in MIXED.items():
        restored = target / name
        if isinstance(value, bytes):
            assert restored.read_bytes() == value
            assert restored.stat().st_mtime_ns == MODIFIED_NS
        elif isinstance(value, str):
            assert str(restored.readlink()) == value
        else:
            assert restored.is_dir()


@every_format
@pytest.mark.parametrize("level", [0, 9])
def test_lowest_and_highest_level_come_back(format_: Format, level: int) -> None:
    contents = MemoryContents(MIXED)
    packed = _pack(format_, contents, level=level)

    assert _files(format_, packed).keys() == {name for name, value in MIXED.items() if isinstance(value, bytes)}
    size = sum(len(value) for value in MIXED.values() if isinstance(value, bytes))
    assert level or len(packed.data) > size


@every_format
def test_what_does_not_shrink_hardly_grows(format_: Format) -> None:
    noise = random.Random(9).randbytes(500_000)
    packed = _pack(format_, MemoryContents({"a": noise, "b": b"text " * 100_000, "c": noise}), level=None)

    assert len(packed.data) < 2 * len(noise) + (530_000 if format_ is Format.TAR else 10_000)


@every_format
def test_threads_do_not_change_the_bytes(format_: Format) -> None:
    files = {**MIXED, "large": LARGE, **{f"many/{n}": b"%d" % n * 99 for n in range(3000)}}
    contents = MemoryContents(files)

    assert _pack(format_, contents, threads=1).data == _pack(format_, contents, threads=4).data


@every_format
def test_each_mark_leads_to_the_same_bytes(format_: Format) -> None:
    files = {"large": LARGE, "small": b"x", "tiny": b"", **{f"many/{n}": b"%d" % n for n in range(4100)}}
    contents = MemoryContents(files)
    whole = _pack(format_, contents)

    assert len(whole.kept) > 4
    assert any(kept.mark.offset for kept in whole.kept)
    for kept in whole.kept:
        rest = pack(format_, contents, contents.entries(), after=kept, level=1)
        assert whole.data[: kept.written] + rest.data == whole.data, kept.mark


def test_a_large_file_begins_behind_a_mark() -> None:
    contents = MemoryContents({"before": b"x", "large": LARGE, "then": b"x"})
    names = [(kept.mark.name, kept.mark.offset > 0) for kept in _pack(Format.TAR_GZ, contents).kept]

    assert [name for name, _ in itertools.groupby(names)] == [
        (b"before", False),
        (b"large", True),
        (b"large", False),
        (b"then", False),
    ]


@pytest.mark.parametrize("gone", [{"vanished": ["large"]}, {"cut": {"large": 5000}}], ids=["vanished", "cut"])
def test_a_file_that_ended_between_attempts_is_filled_with_zeros(gone: dict[str, list[str]]) -> None:
    whole = _pack(Format.TAR_GZ, MemoryContents({"large": LARGE}))
    kept = next(kept for kept in whole.kept if kept.mark.offset)
    contents = MemoryContents({"large": LARGE}, **gone)  # type: ignore[arg-type]

    rest = pack(Format.TAR_GZ, contents, contents.entries(), after=kept, level=1)

    files = _files(Format.TAR_GZ, Packed(whole.data[: kept.written] + rest.data))
    assert files == {"large": LARGE[: kept.mark.offset].ljust(len(LARGE), b"\0")}


@every_format
def test_what_vanished_stays_out_and_what_shrank_is_filled_with_zeros(format_: Format) -> None:
    files = {"gone": b"x", "large, gone": LARGE, "large, shorter": LARGE, "shorter": b"long", "whole": b"x"}
    contents = MemoryContents(
        files, vanished=["gone", "large, gone"], cut={"large, shorter": STREAM_BYTES + 5, "shorter": 2}
    )

    assert _files(format_, _pack(format_, contents)) == {
        "large, shorter": LARGE[: STREAM_BYTES + 5].ljust(len(LARGE), b"\0"),
        "shorter": b"lo\0\0",
        "whole": b"x",
    }


@every_format
@pytest.mark.parametrize("files", [{}, {"gone": b"x"}], ids=["nothing", "all gone"])
def test_an_archive_of_nothing_is_valid(tmp_path: Path, format_: Format, files: dict[str, bytes]) -> None:
    packed = _pack(format_, MemoryContents(files, vanished=["gone"]))
    path = tmp_path / f"made.{format_}"
    path.write_bytes(packed.data)

    assert _unpacked(format_, packed.data) == bytes(10_240)
    assert run_tool("tar", "-tf", path) == ""


@every_format
def test_the_archive_is_a_multiple_of_10240_bytes(format_: Format) -> None:
    contents = MemoryContents({f"{number:03}": bytes(number) for number in range(500)})
    whole = _pack(format_, contents)
    rest = pack(format_, contents, contents.entries(), after=whole.kept[-1], level=1)

    assert len(_unpacked(format_, whole.data)) % 10_240 == 0
    assert whole.data[whole.kept[-1].written :] == rest.data


def test_an_interruption_ends_it_and_leaves_nothing_running() -> None:
    contents = MemoryContents({f"file-{number:04}": b"x" * 1000 for number in range(5000)})
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls > 3:
            raise Interrupted("stop")

    with pytest.raises(Interrupted, match="stop"):
        _pack(Format.TAR_GZ, contents, check=check)


@pytest.mark.parametrize("size", [1, len(LARGE)], ids=["small", "large"])
def test_what_the_contents_raise_comes_out(size: int) -> None:
    def moved(count: int) -> None:
        raise Interrupted("no time left")

    contents = MemoryContents({"a": LARGE[:size]}, moved=moved)
    with pytest.raises(Interrupted, match="no time left"):
        _pack(Format.TAR_ZST, contents)
    assert all(stream.closed for stream in contents.opened)


def test_who_stops_early_leaves_nothing_running_and_nothing_open() -> None:
    contents = MemoryContents({"a": b"x", "b": LARGE, **{f"c/{n}": b"x" * SMALL_BYTES for n in range(5)}})
    with ThreadPoolExecutor(2) as pool:
        pieces = TarPacker(Format.TAR_GZ, contents, Packing(pool=pool, threads=2)).pack(contents.entries())
        next(pieces)
        assert contents.opened

        pieces.close()  # type: ignore[attr-defined]

        assert all(stream.closed for stream in contents.opened)
        assert pool._work_queue.empty()


def test_a_slow_storage_is_asked_for_several_files_at_once() -> None:
    both = threading.Barrier(2, timeout=60)
    contents = MemoryContents({"a": bytes(STREAM_BYTES), "b": bytes(STREAM_BYTES)}, moved=lambda _: both.wait())

    assert len(_files(Format.TAR_GZ, _pack(Format.TAR_GZ, contents))) == 2


def test_only_a_few_pieces_are_in_memory_at_once() -> None:
    read = 0
    lock = threading.Lock()

    def moved(count: int) -> None:
        nonlocal read
        with lock:
            read += count

    contents = MemoryContents({"large": bytes(96 * STREAM_BYTES)}, moved=moved)
    with ThreadPoolExecutor(2) as pool:
        pieces = TarPacker(Format.TAR_ZST, contents, Packing(pool=pool, threads=2)).pack(contents.entries())
        next(pieces)
        assert read <= 32 * STREAM_BYTES
        pieces.close()  # type: ignore[attr-defined]


def test_an_attempt_that_goes_on_needs_the_entry_that_was_begun() -> None:
    contents = MemoryContents({"large": LARGE})
    kept = next(kept for kept in _pack(Format.TAR_GZ, contents).kept if kept.mark.offset)
    other = Entry(b"other", Kind.FILE, 1, 0, b"other")
    with ThreadPoolExecutor(1) as pool:
        packer = TarPacker(Format.TAR_GZ, contents, Packing(pool=pool, threads=1))

        for entries in ([other], []):
            with pytest.raises(ValueError, match="the one that was begun"):
                list(packer.pack(entries, start=kept.mark, written=kept.written))
