"""Zip archives: what other programs read in them, the same bytes each time, and attempts that go on."""

from __future__ import annotations

import io
import random
import stat
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from actors.archives.packing import SMALL_BYTES, STREAM_BYTES, Entry, Packing
from actors.archives.zip.packer import ZipPacker
from actors.datasources.rows import Kind
from rota.archives import Format
from rota.errors import Interrupted
from tests.archives.contents import MODIFIED_NS, MemoryContents
from tests.archives.packs import Packed, pack
from tests.archives.tools import run_tool

WORDS = [random.Random(number).randbytes(8) for number in range(512)]


def _data(size: int, *, seed: int = 0) -> bytes:
    """Give bytes that shrink to about a fifth."""
    return b"".join(random.Random(seed).choices(WORDS, k=size // 8 + 1))[:size]


MIXED: dict[str, bytes | str | None] = {
    "a folder": None,
    "a folder/empty": b"",
    "a folder/text.txt": b"a line\n" * 1000,
    "link": "a folder/text.txt",
    "noise": random.Random(7).randbytes(100_000),
    "program": b"#!/bin/sh\n",
    "größe/日本.txt": b"utf-8",
    "größe": None,
}
LARGE = _data(SMALL_BYTES) + random.Random(8).randbytes(STREAM_BYTES) + _data(STREAM_BYTES + 12_345)


def _zip(contents: MemoryContents, **options: object) -> Packed:
    return pack(Format.ZIP, contents, contents.entries(), **options)  # type: ignore[arg-type]


def _opened(packed: Packed) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(io.BytesIO(packed.data))
    assert archive.testzip() is None
    return archive


def _mode(info: zipfile.ZipInfo) -> int:
    return info.external_attr >> 16


def test_names_and_contents_come_back() -> None:
    with _opened(_zip(MemoryContents(MIXED))) as archive:
        read = {info.filename: archive.read(info) for info in archive.infolist() if not info.is_dir()}

    assert read == {
        name: content.encode() if isinstance(content, str) else content
        for name, content in MIXED.items()
        if content is not None
    }


def test_entries_keep_their_order_and_folders_end_with_a_slash() -> None:
    with _opened(_zip(MemoryContents({"b": None, "b/c": b"", "a": b""}))) as archive:
        assert archive.namelist() == ["a", "b/", "b/c"]


def test_modes_tell_programs_folders_and_links() -> None:
    with _opened(_zip(MemoryContents(MIXED, executable=["program"]))) as archive:
        modes = {info.filename: _mode(info) for info in archive.infolist()}

    assert modes["program"] == stat.S_IFREG | 0o755
    assert modes["noise"] == stat.S_IFREG | 0o644
    assert modes["a folder/"] == stat.S_IFDIR | 0o755
    assert modes["link"] == stat.S_IFLNK | 0o777


def test_only_what_shrinks_is_compressed() -> None:
    with _opened(_zip(MemoryContents(MIXED))) as archive:
        methods = {info.filename: info.compress_type for info in archive.infolist()}

    assert methods["a folder/text.txt"] == zipfile.ZIP_DEFLATED
    assert methods["noise"] == methods["a folder/empty"] == methods["link"] == zipfile.ZIP_STORED


def test_level_0_compresses_nothing() -> None:
    packed = _zip(MemoryContents({"small": b"a" * 5000, "large": bytes(SMALL_BYTES + 1)}), level=0)

    _opened(packed).close()
    assert len(packed.data) > SMALL_BYTES + 5000


def test_a_name_that_is_no_utf8_is_kept_as_it_is() -> None:
    packed = _zip(MemoryContents({"caf\udce9": b"x"}))

    with _opened(packed) as archive:
        (info,) = archive.infolist()
    assert info.filename.encode("cp437") == b"caf\xe9"
    assert not info.flag_bits & 0x800


@pytest.mark.parametrize(
    ("command", "password"),
    [
        (("unzip", "-tq"), None),  # it knows no AES
        (("7z", "t"), None),
        (("7z", "t", "-psésame"), "sésame"),
        (("bsdtar", "-xOf"), None),
        (("bsdtar", "--passphrase", "sésame", "-xOf"), "sésame"),
    ],
    ids=["unzip", "7z", "7z-encrypted", "bsdtar", "bsdtar-encrypted"],
)
def test_other_programs_find_it_whole(tmp_path: Path, command: tuple[str, ...], password: str | None) -> None:
    path = tmp_path / "made.zip"
    path.write_bytes(_zip(MemoryContents({**MIXED, "large": LARGE}), password=password).data)

    run_tool(*command, path)


def test_times_are_restored_by_other_programs(tmp_path: Path) -> None:
    path = tmp_path / "made.zip"
    path.write_bytes(_zip(MemoryContents({"file": b"x"})).data)

    run_tool("7z", "x", path, folder=tmp_path)

    assert (tmp_path / "file").stat().st_mtime_ns == MODIFIED_NS


def test_large_contents_come_back() -> None:
    with _opened(_zip(MemoryContents({"before": b"1", "large": LARGE, "then": b"2"}))) as archive:
        assert archive.read("large") == LARGE
        assert archive.getinfo("large").compress_size < len(LARGE) * 0.5


def test_threads_do_not_change_the_bytes() -> None:
    contents = MemoryContents({**MIXED, "large": LARGE, **{f"many/{n}": b"%d" % n for n in range(300)}})

    assert _zip(contents, threads=1).data == _zip(contents, threads=4).data


def test_each_mark_leads_to_the_same_bytes() -> None:
    contents = MemoryContents(
        {"large": LARGE, "small": b"x", "tiny": b"", **{f"many/{n}": b"%d" % n for n in range(99)}}
    )
    whole = _zip(contents, level=1)

    assert sum(kept.mark.offset > 0 for kept in whole.kept) >= len(LARGE) // STREAM_BYTES
    for kept in whole.kept:
        rest = pack(Format.ZIP, contents, contents.entries(), after=kept, level=1)
        assert whole.data[: kept.written] + rest.data == whole.data, kept.mark


def test_a_file_that_changed_between_attempts_leaves_a_valid_archive() -> None:
    contents = MemoryContents({"large": LARGE})
    whole = _zip(contents, level=1)
    kept = next(kept for kept in whole.kept if kept.mark.offset)
    other = LARGE[:1000] + LARGE[:-1000]
    changed = MemoryContents({"large": other})

    rest = pack(Format.ZIP, changed, changed.entries(), after=kept, level=1)

    with _opened(Packed(whole.data[: kept.written] + rest.data)) as archive:
        assert archive.read("large") == LARGE[: kept.mark.offset] + other[kept.mark.offset :]


@pytest.mark.parametrize("gone", [{"vanished": ["large"]}, {"cut": {"large": 5000}}], ids=["vanished", "cut"])
def test_a_file_that_ended_between_attempts_leaves_what_is_there(gone: dict[str, list[str]]) -> None:
    whole = _zip(MemoryContents({"large": LARGE}), level=1)
    kept = next(kept for kept in whole.kept if kept.mark.offset)
    contents = MemoryContents({"large": LARGE}, **gone)  # type: ignore[arg-type]

    rest = pack(Format.ZIP, contents, contents.entries(), after=kept, level=1)

    with _opened(Packed(whole.data[: kept.written] + rest.data)) as archive:
        assert archive.read("large") == LARGE[: kept.mark.offset]


def test_what_vanished_stays_out_and_what_shrank_is_shorter() -> None:
    files = {"gone": b"x", "large, gone": LARGE, "large, shorter": LARGE, "shorter": b"long", "whole": b"x"}
    contents = MemoryContents(
        files, vanished=["gone", "large, gone"], cut={"large, shorter": STREAM_BYTES + 5, "shorter": 2}
    )

    with _opened(_zip(contents)) as archive:
        read = {name: archive.read(name) for name in archive.namelist()}

    assert read == {"large, shorter": LARGE[: STREAM_BYTES + 5], "shorter": b"lo", "whole": b"x"}


def test_an_archive_of_nothing_is_valid() -> None:
    with _opened(_zip(MemoryContents({}))) as archive:
        assert archive.namelist() == []


def test_more_entries_than_16_bits_count(tmp_path: Path) -> None:
    packed = _zip(MemoryContents({f"{number:05}": None for number in range(65_540)}))

    with _opened(packed) as archive:
        assert len(archive.namelist()) == 65_540
    path = tmp_path / "made.zip"
    path.write_bytes(packed.data)
    run_tool("unzip", "-tq", path)


def test_a_content_that_could_need_64_bits_is_told_in_64(tmp_path: Path) -> None:
    contents = MemoryContents({"huge": LARGE})
    huge = contents.entries()[0]._replace(size=5 << 30)  # as it was listed: it has become shorter since
    path = tmp_path / "made.zip"

    packed = pack(Format.ZIP, contents, [huge])

    with _opened(packed) as archive:
        assert archive.read("huge") == LARGE
    path.write_bytes(packed.data)
    run_tool("7z", "t", path)
    run_tool("bsdtar", "-tf", path)
    run_tool("unzip", "-tq", path)


def test_members_behind_4_gib_are_found(tmp_path: Path) -> None:
    behind = 5 << 30
    contents = MemoryContents({"large": LARGE, "small": b"small"})
    path = tmp_path / "made.zip"

    with ThreadPoolExecutor(2) as pool, path.open("wb") as file:
        packer = ZipPacker(contents, Packing(pool=pool, threads=2))
        file.seek(behind)  # what lies before is a hole
        records = []
        for piece in packer.pack(contents.entries(), written=behind):
            file.write(piece.data)
            records.append(piece.records)
        for data in packer.finish(records, written=file.tell()):
            file.write(data)

    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.read("small") == b"small"
        assert all(info.header_offset >= behind for info in archive.infolist())


def test_records_may_come_in_chunks_of_any_length() -> None:
    contents = MemoryContents(MIXED)
    with ThreadPoolExecutor(1) as pool:
        packer = ZipPacker(contents, Packing(pool=pool, threads=1))
        records = b"".join(piece.records for piece in packer.pack(contents.entries()))

        for length in (1, 7, 46, 1000):
            chunks = [records[at : at + length] for at in range(0, len(records), length)]
            end = b"".join(packer.finish(chunks, written=0))[len(records) :]
            assert end == b"".join(packer.finish([records], written=0))[len(records) :]


def test_an_interruption_ends_it_and_leaves_nothing_running() -> None:
    contents = MemoryContents({f"file-{number:03}": b"x" * 1000 for number in range(1000)})
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls > 3:
            raise Interrupted("stop")

    with pytest.raises(Interrupted):
        _zip(contents, check=check)


def test_what_the_contents_raise_comes_out() -> None:
    def moved(count: int) -> None:
        raise Interrupted("no time left")

    with pytest.raises(Interrupted, match="no time left"):
        _zip(MemoryContents({"a": b"x"}, moved=moved))
    with pytest.raises(Interrupted, match="no time left"):
        _zip(MemoryContents({"a": LARGE}, moved=moved))


def test_who_stops_early_leaves_nothing_running_and_nothing_open() -> None:
    moved: list[int] = []
    files = {"a": LARGE, **{f"b/{number}": _data(100_000) for number in range(100)}}
    contents = MemoryContents(files, moved=moved.append)
    with ThreadPoolExecutor(2) as pool:
        pieces = ZipPacker(contents, Packing(pool=pool, threads=2)).pack(contents.entries())
        next(pieces)

        pieces.close()

        before = len(moved)
        assert all(stream.closed for stream in contents.opened)
    assert len(moved) == before < len(files)


def test_an_attempt_that_goes_on_needs_the_entry_that_was_begun() -> None:
    contents = MemoryContents({"large": LARGE})
    kept = next(kept for kept in _zip(contents, level=1).kept if kept.mark.offset)
    other = Entry(b"other", Kind.FILE, 1, 0, b"other")
    with ThreadPoolExecutor(1) as pool:
        packer = ZipPacker(contents, Packing(pool=pool, threads=1))

        with pytest.raises(ValueError, match="the one that was begun"):
            list(packer.pack([other], start=kept.mark, written=kept.written))
