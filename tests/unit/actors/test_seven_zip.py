"""7z archives: what is packed comes back, what is broken or asks for too much is refused."""

from __future__ import annotations

import io
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import py7zr
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.archives.packing import Packing
from actors.archives.reading import (
    ArchiveError,
    Damaged,
    Member,
    MemberKind,
    PasswordNeeded,
    Unsupported,
    WrongPassword,
)
from actors.archives.seven_zip import limits, packer, spool
from actors.archives.seven_zip.decoding import FED_BYTES
from actors.archives.seven_zip.layout import SIGNATURE, Coder, Packed, bits, encoded_header_of, number, start_of
from actors.archives.seven_zip.names import decoded, encoded
from actors.archives.seven_zip.packer import SevenZipPacker
from actors.archives.seven_zip.packing_stream import BLOCK_BYTES
from actors.archives.seven_zip.reader import SevenZipArchive
from rota.errors import Interrupted, PermanentError, TemporaryError
from tests.archives.contents import MODIFIED_NS, MemoryContents
from tests.archives.memory_file import MemoryFile
from tests.archives.trees import CALM

Files = Mapping[str, bytes | str | None]

FILES: Files = {
    "album": None,
    "album/empty": b"",
    "album/one.txt": b"one\n" * 5000,
    "album/run": b"#!/bin/sh\n",
    "link": "album/one.txt",
    "none": None,
    "two.bin": bytes(range(256)) * 300,
}
SEVEN_ZIP = shutil.which("7z") or shutil.which("7zz")
needs_7z = pytest.mark.skipif(SEVEN_ZIP is None, reason="the program 7z is not installed")


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


Pack = Callable[..., bytes]


@pytest.fixture(scope="module")
def pack(pool: ThreadPoolExecutor) -> Pack:
    """Give what makes an archive of files or of the entries of given contents."""

    def packed(files: Files | MemoryContents, *, threads: int = 2, **options: object) -> bytes:
        contents = files if isinstance(files, MemoryContents) else MemoryContents(files, executable=["album/run"])
        made = SevenZipPacker(contents, Packing(pool=pool, threads=threads, **options))  # type: ignore[arg-type]
        whole = b"".join(bytes(piece.data) for piece in made.pack(contents.entries()))
        return whole + b"".join(made.finish([], written=len(whole)))

    return packed


def opened(data: bytes, password: str | None = None) -> SevenZipArchive:
    return SevenZipArchive(MemoryFile("some.7z", data), password=password)


def unpacked(data: bytes, password: str | None = None) -> dict[str, bytes | str | None]:
    """Give all that is in an archive in the form that it was packed from."""
    archive = opened(data, password)
    return {member.name.decode("utf-8", "surrogateescape"): _value(archive, member) for member in archive.members()}


def _value(archive: SevenZipArchive, member: Member) -> bytes | str | None:
    if member.kind is MemberKind.FOLDER:
        return None
    return member.link.decode(errors="replace") if member.kind is MemberKind.LINK else b"".join(archive.open(member))


def made_by_py7zr(fill: Callable[[py7zr.SevenZipFile], None], **options: object) -> bytes:
    made = io.BytesIO()
    with py7zr.SevenZipFile(made, "w", **options) as archive:  # type: ignore[arg-type]
        fill(archive)
    return made.getvalue()


@pytest.mark.parametrize("level", [None, 0, 1, 9])
@pytest.mark.parametrize("password", [None, "geheim ü"])
def test_what_is_packed_comes_back(pack: Pack, level: int | None, password: str | None) -> None:
    assert unpacked(pack(FILES, level=level, password=password), password) == FILES


def test_members_say_when_they_were_changed_and_whether_they_may_be_executed(pack: Pack) -> None:
    members = {member.name: member for member in opened(pack(FILES)).members()}

    assert {member.modified_ns for member in members.values()} == {MODIFIED_NS}
    assert [name for name, member in members.items() if member.executable] == [b"album/run"]


def test_a_time_that_is_not_known_stays_unknown(pack: Pack) -> None:
    [member] = opened(pack(MemoryContents({"a": b"a"}, modified_ns=0))).members()

    assert member.modified_ns is None


@pytest.mark.parametrize("modified_ns", [-1_000_000_000, 4_354_819_200_000_000_000, 100])
def test_times_before_1970_and_after_2107_come_back(pack: Pack, modified_ns: int) -> None:
    [member] = opened(pack(MemoryContents({"a": b"a"}, modified_ns=modified_ns))).members()

    assert member.modified_ns == modified_ns


def test_the_same_entries_give_the_same_bytes_on_any_number_of_threads(pack: Pack) -> None:
    files: Files = {**FILES, "long": b"line after line\n" * (BLOCK_BYTES // 8)}

    assert pack(files, threads=1) == pack(files, threads=4)


def test_contents_over_several_blocks_come_back(pack: Pack) -> None:
    long = bytes(range(251)) * (2 * BLOCK_BYTES // 251 + 1)

    assert unpacked(pack({"a": b"before", "long": long, "z": b"behind"})) == {
        "a": b"before",
        "long": long,
        "z": b"behind",
    }


def test_an_archive_of_nothing_is_valid(pack: Pack) -> None:
    data = pack({})

    assert data == start_of(0, b"")
    assert unpacked(data) == {}


def test_a_vanished_file_stays_out_and_a_shorter_one_is_as_long_as_it_is(pack: Pack) -> None:
    files: Files = {"a": b"aaaa", "b": b"bbbb", "c" * 9: b"c" * (9 << 20)}

    data = pack(MemoryContents(files, vanished=["a"], cut={"b": 2, "c" * 9: 5}))

    assert unpacked(data) == {"b": b"bb", "c" * 9: b"ccccc"}


def test_a_stream_is_closed_when_the_work_is_interrupted(pool: ThreadPoolExecutor) -> None:
    contents = MemoryContents({"large": bytes(20 << 20)})
    left = iter(range(8))

    def check() -> None:
        if next(left, None) is None:
            raise Interrupted("paused")

    made = SevenZipPacker(contents, Packing(pool=pool, threads=2, check=check))
    with pytest.raises(Interrupted):
        list(made.pack(contents.entries()))

    assert [stream.closed for stream in contents.opened] == [True]


def test_no_room_to_put_it_aside_is_told(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "ROOM_LEFT_BYTES", 1 << 60)

    with pytest.raises(TemporaryError, match="temporary folder, which has no room: it is nearly full"):
        pack(FILES)


def test_more_entries_than_can_be_read_back_are_refused(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packer, "MOST_MEMBERS", 6)

    with pytest.raises(PermanentError, match="takes 6 entries at most"):
        pack(FILES)


@needs_7z
@pytest.mark.parametrize("options", [{}, {"level": 0}, {"password": "geheim"}], ids=["packed", "stored", "encrypted"])
def test_7z_finds_no_fault(pack: Pack, tmp_path: Path, options: dict[str, object]) -> None:
    (tmp_path / "made.7z").write_bytes(pack(FILES, **options))

    tested = subprocess.run(
        [str(SEVEN_ZIP), "t", f"-p{options.get('password', '')}", "made.7z"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "Folders: 2\nFiles: 5\n" in tested.stdout


@needs_7z
@pytest.mark.parametrize(
    "options",
    ["-m0=LZMA", "-m0=Deflate", "-m0=Deflate64", "-m0=BZip2", "-m0=BCJ -m1=LZMA2", "-ms=off", "-mhe=on"],
)
def test_what_7z_packs_is_read(tmp_path: Path, options: str) -> None:
    files = {"src/text": b"one line and another\n" * 30_000, "src/zeros": bytes(3 << 20), "src/empty": b""}
    (tmp_path / "src").mkdir()
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    subprocess.run(
        [str(SEVEN_ZIP), "a", "-pgeheim", *options.split(), "made.7z", "src"],
        cwd=tmp_path, capture_output=True, timeout=60, check=True,
    )  # fmt: skip

    assert unpacked((tmp_path / "made.7z").read_bytes(), "geheim") == {"src": None, **files}


def test_py7zr_reads_what_is_made(pack: Pack) -> None:
    with py7zr.SevenZipFile(io.BytesIO(pack(FILES))) as archive:
        assert sorted(archive.namelist()) == sorted(FILES)


def test_members_are_read_in_any_order_and_in_part(pack: Pack) -> None:
    archive = opened(pack(FILES))
    members = {member.name: member for member in archive.members()}

    next(archive.open(members[b"two.bin"]))

    assert b"".join(archive.open(members[b"album/run"])) == FILES["album/run"]
    assert b"".join(archive.open(members[b"two.bin"])) == FILES["two.bin"]
    assert 0 < archive.consumed <= len(pack(FILES))


@pytest.mark.parametrize(("password", "error"), [(None, PasswordNeeded), ("wrong", WrongPassword)])
def test_an_encrypted_list_of_members_needs_the_password(
    pack: Pack, password: str | None, error: type[ArchiveError]
) -> None:
    with pytest.raises(error, match=r"some\.7z"):
        opened(pack(FILES, password="geheim"), password)


@pytest.mark.parametrize(("password", "error"), [(None, PasswordNeeded), ("wrong", WrongPassword)])
def test_encrypted_contents_need_the_password_and_are_listed_without(
    password: str | None, error: type[ArchiveError]
) -> None:
    data = made_by_py7zr(lambda archive: archive.writestr(b"secret", "some.txt"), password="geheim")

    archive = opened(data, password)
    [member] = archive.members()

    assert (member.name, member.size, member.encrypted) == (b"some.txt", 6, True)
    with pytest.raises(error, match=r"some\.txt"):
        list(archive.open(member))


@pytest.mark.parametrize("name", ["../x", "/x", "C:/x", "a/../../x", "..\\x"])
def test_names_are_handed_on_as_they_are(name: str) -> None:
    data = made_by_py7zr(lambda archive: archive._writestr(b"x", "place"))  # noqa: SLF001 -- a name of any kind
    assert opened(data)
    evil = made_by_py7zr(lambda archive: _write_named(archive, name))

    [member] = opened(evil).members()

    # py7zr takes both slashes for the same.
    assert member.name == name.replace("\\", "/").encode()


def _write_named(archive: py7zr.SevenZipFile, name: str) -> None:
    archive.writestr(b"x", "place")
    archive.header.files_info.files[0]["filename"] = name


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        (0o100755, MemberKind.FILE),
        (0o040755, MemberKind.FOLDER),
        (0o020666, MemberKind.SPECIAL),
        (0o060666, MemberKind.SPECIAL),
        (0o010666, MemberKind.SPECIAL),
        (0o140777, MemberKind.SPECIAL),
    ],
    ids=["file", "folder", "character device", "block device", "fifo", "socket"],
)
def test_kinds_come_from_the_mode(mode: int, kind: MemberKind) -> None:
    def fill(archive: py7zr.SevenZipFile) -> None:
        archive.writestr(b"x", "place")
        archive.header.files_info.files[0]["attributes"] = 0x8000 | mode << 16

    [member] = opened(made_by_py7zr(fill)).members()

    assert member.kind is kind


def test_a_link_of_windows_is_left_to_it() -> None:
    def fill(archive: py7zr.SevenZipFile) -> None:
        archive.writestr(b"x", "place")
        archive.header.files_info.files[0]["attributes"] = 0x400

    [member] = opened(made_by_py7zr(fill)).members()

    assert member.kind is MemberKind.SPECIAL


@settings(CALM, max_examples=200)
@given(st.binary(min_size=1, max_size=40).filter(lambda name: b"\0" not in name))
def test_every_path_survives_as_a_name(path: bytes) -> None:
    assert decoded(encoded(path)) == path
    assert "\\" not in encoded(path)


def test_bytes_that_are_no_unicode_are_named_as_7zip_does() -> None:
    assert encoded(b"bad\xff\x80.txt") == "bad\uefff\uef80.txt"
    assert encoded("\uef80".encode()) == "\uefee\uefbe\uef80"


@pytest.mark.parametrize("value", [0, 1, 0x7F, 0x80, 0x3FFF, 0x4000, 1 << 35, (1 << 56) - 1, 1 << 56, (1 << 64) - 1])
def test_numbers_are_written_as_py7zr_reads_them(value: int) -> None:
    from py7zr.archiveinfo import read_uint64

    assert read_uint64(io.BytesIO(number(value))) == value


def test_flags_fill_bytes_from_the_highest_bit_on() -> None:
    assert bits([1, 0, 0, 0, 0, 0, 0, 1, 1]) == b"\x81\x80"
    assert bits([]) == b""


@pytest.fixture(scope="module")
def small(pack: Pack) -> bytes:
    return pack({"a": b"some text " * 30, "b": None, "l": "a", "e": b""})


@pytest.fixture(scope="module")
def plain(pack: Pack) -> bytes:
    """An archive whose list of members is not packed, so that a changed bit changes what it says."""
    return made_by_py7zr(_plain)


def _plain(archive: py7zr.SevenZipFile) -> None:
    archive.set_encoded_header_mode(False)
    archive.writestr(b"some text " * 30, "a")
    archive.writestr(b"more", "b/c")


def read_all(data: bytes, password: str | None = None) -> None:
    """Read all there is; whatever the bytes are, nothing but an ArchiveError may come."""
    with suppress(ArchiveError):
        unpacked(data, password)


@settings(CALM, max_examples=150)
@given(data=st.data())
def test_changed_bytes_only_ever_give_an_archive_error(small: bytes, data: st.DataObject) -> None:
    changed = bytearray(small)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(small) - 1))] = data.draw(st.integers(0, 255))

    read_all(bytes(changed))


@settings(CALM, max_examples=300)
@given(data=st.data())
def test_changed_lists_of_members_only_ever_give_an_archive_error(plain: bytes, data: st.DataObject) -> None:
    start = 32 + int.from_bytes(plain[12:20], "little")
    header = bytearray(plain[start:])
    for _ in range(data.draw(st.integers(1, 4))):
        header[data.draw(st.integers(0, len(header) - 1))] = data.draw(st.sampled_from((0, 1, 2, 6, 9, 127, 128, 255)))

    read_all(start_of(start - 32, bytes(header)) + plain[32:start] + header)


@pytest.mark.parametrize("kept", [0, 5, 6, 31, 32, 33, 60, -1])
def test_what_is_cut_off_is_damaged(small: bytes, kept: int) -> None:
    with pytest.raises(Damaged):
        unpacked(small[:kept])


def test_a_wrong_checksum_names_the_member(pack: Pack) -> None:
    data = bytearray(pack({"first": b"a" * 100, "second": b"b" * 100}, level=0))
    data[32 + 150] ^= 1

    with pytest.raises(Damaged, match="'second' is damaged: its checksum is wrong"):
        unpacked(bytes(data))


def test_an_error_of_the_file_is_not_one_of_the_archive(small: bytes) -> None:
    class Failing(MemoryFile):
        def read_at(self, offset: int, size: int) -> bytes:
            if offset >= 32:
                raise OSError(5, "no such luck")
            return super().read_at(offset, size)

    with pytest.raises(OSError, match="no such luck"):
        SevenZipArchive(Failing("some.7z", small))


@pytest.mark.parametrize(
    ("coder", "size", "refused"),
    [
        ({"method": limits.LZMA2, "properties": b"\x28"}, 1 << 40, "4,294,967,295 bytes of memory"),
        ({"method": limits.LZMA2, "properties": b"\x28"}, 1 << 20, ""),
        ({"method": limits.LZMA, "properties": b"\x5d\0\0\0\x40"}, 1 << 40, "1,073,741,824 bytes of memory"),
        ({"method": b"\x03\x04\x01", "properties": b"\6\0\0\1\0"}, 1, "not supported"),
        ({"method": limits.AES, "properties": b"\x58\x0f"}, 1, "hashed for minutes"),
        ({"method": limits.AES, "properties": b"\x53\x0f"}, 1, ""),
        ({"method": b"\x04\xf7\x11\x02", "properties": b""}, 1, "not supported"),
        ({"method": limits.COPY, "properties": None}, 1 << 50, ""),
    ],
    ids=["lzma2", "small lzma2", "lzma", "ppmd", "slow key", "usual key", "brotli", "copy"],
)
def test_what_would_take_too_much_to_unpack_is_refused(coder: dict[str, object], size: int, refused: str) -> None:
    why = limits.why_not([coder], size)

    assert refused in why
    assert bool(why) == bool(refused)


def test_a_list_of_members_that_is_too_long_is_refused_before_it_is_unpacked() -> None:
    end = encoded_header_of(Packed(0, 10, [Coder(limits.LZMA2, b"\x14", limits.MOST_HEADER_BYTES + 1)]), 0)

    with pytest.raises(Unsupported, match="list of members of 33,554,433 bytes; allowed: 33,554,432"):
        opened(start_of(10, end) + bytes(10) + end)


def test_a_count_of_members_that_memory_cannot_hold_is_refused() -> None:
    header = b"\x01\x05" + number(limits.MOST_MEMBERS + 1) + bytes(limits.MOST_MEMBERS + 2)

    with pytest.raises(Unsupported, match="more members than can be read of a 7z: 200,000"):
        opened(start_of(0, header) + header)


_READING = """
import re, sys
from pathlib import Path
from actors.archives.seven_zip.reader import SevenZipArchive
from tests.archives.memory_file import MemoryFile
from tests.archives.trees import CALM

def used():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024

archive = SevenZipArchive(MemoryFile("bomb.7z", open(sys.argv[1], "rb").read()))
before, read = used(), 0
for member in archive.members():
    for piece in archive.open(member):
        read += len(piece)
        if read >= 90 << 20:
            break
print(read >> 20, used() - before)
"""


@pytest.mark.parametrize("method", ["LZMA2", "BZIP2", "DEFLATE", "ZSTD"])
def test_a_bomb_is_unpacked_in_little_memory(tmp_path: Path, method: str) -> None:
    bomb = tmp_path / "bomb.7z"
    filters = [{"id": getattr(py7zr, f"FILTER_{method}")}]
    bomb.write_bytes(made_by_py7zr(lambda archive: archive.writestr(bytes(96 << 20), "zeros"), filters=filters))

    read = subprocess.run(
        [sys.executable, "-c", _READING, str(bomb)], capture_output=True, text=True, timeout=60, check=True
    )

    megabytes, grown = map(int, read.stdout.split())
    assert megabytes >= 90
    assert grown < 48


def test_no_more_is_read_than_what_is_asked_for_takes(pack: Pack) -> None:
    noise = random.Random(0).randbytes(2 << 20)
    data = pack({"lines": b"".join(noise[at : at + 64] * 15 for at in range(0, len(noise), 64))}, level=1)
    archive = opened(data)
    [member] = archive.members()

    pieces = archive.open(member)
    read = sum(len(next(pieces)) for _ in range(8))

    assert member.size == 15 * len(noise)
    assert archive.consumed < len(data) * read / member.size + 2 * FED_BYTES


def test_without_the_library_the_extra_is_named(small: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.archives.seven_zip.reader.find_spec", lambda _: None)

    with pytest.raises(PermanentError, match=r"7z needs the extra: pip install 'rota\[7z\]'"):
        opened(small)


def test_archives_begin_as_7z(small: bytes) -> None:
    assert small.startswith(SIGNATURE)
