"""Tar archives of all dialects, made by the tools that make them."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from actors.archives.reading import ArchiveError, Damaged, Member, MemberKind, Unsupported
from actors.archives.streams import Sequential
from actors.archives.tar.reader import TarArchive
from rota.archives import Format
from tests.archives.memory_file import MemoryFile

MIB = 1024 * 1024
FILES = {
    "empty": b"",
    "one block": bytes(range(256)) * 2,
    "deep/er/small.txt": b"small",
    "deep/large": os.urandom(64) * 40_000,
    "n" * 90 + "/" + "m" * 60 + "/long": b"long name",
}


def make_files(folder: Path) -> None:
    """Write the files, a link to one, and a hard link."""
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (1_600_000_000, 1_600_000_000))
    (folder / "run").write_bytes(b"#!")
    (folder / "run").chmod(0o755)
    (folder / "soft").symlink_to("deep/er/small.txt")
    (folder / "twin").hardlink_to(folder / "run")


def tool(*command: str) -> bytes:
    """Give what a tool writes; skips where it is missing."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout


def read(data: bytes, format_: Format = Format.TAR) -> dict[str, tuple[Member, bytes]]:
    """Read an archive whole, as members and contents by name."""
    archive = TarArchive(MemoryFile("x.tar", data), format_)
    try:
        return {
            member.name.decode().removeprefix("./").rstrip("/"): (member, b"".join(archive.open(member)))
            for member in archive.members()
        }
    finally:
        archive.close()


def packed_by_python(*members: tuple[tarfile.TarInfo, bytes], format_: int = tarfile.PAX_FORMAT) -> bytes:
    """Give an archive of these members."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=format_) as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


class SoughtFile(MemoryFile):
    """A file whose stream counts what is read as well."""

    def stream(self) -> BinaryIO:
        return cast("BinaryIO", Sequential(self.read_at, self.size))


def info(name: str, type_: bytes = tarfile.REGTYPE, **fields: object) -> tarfile.TarInfo:
    """Give a member of the standard library."""
    made = tarfile.TarInfo(name)
    made.type = type_
    for key, value in fields.items():
        setattr(made, key, value)
    return made


def assert_files(found: dict[str, tuple[Member, bytes]]) -> None:
    """Compare what was read with what was written."""
    kinds = {name: member.kind for name, (member, _) in found.items()}
    contents = {name: content for name, (member, content) in found.items() if member.kind is MemberKind.FILE}
    assert {name: contents.get(name) for name in FILES} == FILES
    assert all(member.size == len(contents[name]) for name, (member, _) in found.items() if name in contents)
    first, second = sorted(("run", "twin"), key=list(found).index)
    assert (kinds[first], kinds[second], found[second][0].link.removeprefix(b"./")) == (
        MemberKind.FILE,
        MemberKind.HARD_LINK,
        first.encode(),
    )
    assert (kinds["soft"], found["soft"][0].link) == (MemberKind.LINK, b"deep/er/small.txt")
    assert (found[first][0].executable, found["empty"][0].executable) == (True, False)
    assert kinds["deep/er"] is MemberKind.FOLDER
    assert found["empty"][0].modified_ns == 1_600_000_000 * 10**9


@pytest.mark.parametrize("dialect", ["gnu", "oldgnu", "pax", "posix", "ustar"])
def test_gnu_tar_is_read(tmp_path, dialect):
    make_files(tmp_path)

    assert_files(read(tool("tar", f"--format={dialect}", "-C", str(tmp_path), "-cf", "-", ".")))


@pytest.mark.parametrize("dialect", ["gnutar", "pax", "ustar"])
def test_bsdtar_is_read(tmp_path, dialect):
    make_files(tmp_path)

    assert_files(read(tool("bsdtar", f"--format={dialect}", "-C", str(tmp_path), "-cf", "-", ".")))


@pytest.mark.parametrize("dialect", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_the_standard_library_is_read(tmp_path, dialect):
    make_files(tmp_path)
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=dialect) as archive:
        archive.add(tmp_path, ".")

    assert_files(read(file.getvalue()))


def test_the_oldest_form_is_read(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_bytes(b"x")

    found = read(tool("tar", "--format=v7", "-C", str(tmp_path), "-cf", "-", "folder"))

    assert {name: (member.kind, content) for name, (member, content) in found.items()} == {
        "folder": (MemberKind.FOLDER, b""),
        "folder/file": (MemberKind.FILE, b"x"),
    }


@pytest.mark.parametrize(
    ("flag", "format_"),
    [("z", Format.TAR_GZ), ("J", Format.TAR_XZ), ("j", Format.TAR_BZ2), ("-zstd", Format.TAR_ZST)],
)
def test_compressed_archives_are_read(tmp_path, flag, format_):
    make_files(tmp_path)

    assert_files(read(tool("tar", f"-{flag}", "-C", str(tmp_path), "-cf", "-", "."), format_))


@pytest.mark.parametrize(
    "options",
    [
        ["--format=gnu"],
        ["--format=pax", "--sparse-version=0.0"],
        ["--format=pax", "--sparse-version=0.1"],
        ["--format=pax", "--sparse-version=1.0"],
    ],
)
@pytest.mark.parametrize("regions", [1, 3, 40])
def test_sparse_files_are_read_with_their_zeros(tmp_path, options, regions):
    file = tmp_path / "holes"
    with file.open("wb") as writer:
        for number in range(regions):
            writer.seek(number * 128 * 1024 + 70_000)
            writer.write(b"%d" % number * 3000)
        writer.truncate(regions * 128 * 1024 + 500_001)

    archive = tool("tar", "--sparse", *options, "-C", str(tmp_path), "-cf", "-", "holes")
    found = read(archive)

    assert len(archive) < file.stat().st_size
    assert list(found) == ["holes"]
    assert found["holes"][1] == file.read_bytes()
    assert found["holes"][0].size == file.stat().st_size


def test_names_in_records_are_utf8_and_others_are_bytes():
    members = [(info("caf\u00e9"), b""), (info("plain"), b"")]

    by_pax, by_gnu = read(packed_by_python(*members)), read(packed_by_python(*members, format_=tarfile.GNU_FORMAT))

    assert [by_pax[name][0].utf8 for name in ("caf\u00e9", "plain")] == [True, False]
    assert not by_gnu["caf\u00e9"][0].utf8


def test_names_that_are_said_to_be_bytes_are_bytes():
    archive = TarArchive(MemoryFile("x.tar", recorded(b"hdrcharset=BINARY", b"path=caf\xe9")), Format.TAR)

    member = next(archive.members())

    assert (member.name, member.utf8, member.verbatim) == (b"caf\xe9", False, True)


def recorded(*records: bytes, type_: bytes = tarfile.XHDTYPE) -> bytes:
    """Give an archive of one file with records before it, written as they are."""
    lines = b""
    for record in records:
        length = len(record) + 3
        length += len(str(length)) - 1
        lines += b"%d %s\n" % (length, record)
    return packed_by_python((info("records", type_), lines), (info("file"), b"content"), format_=tarfile.USTAR_FORMAT)


@pytest.mark.parametrize(
    ("seconds", "nanoseconds"),
    [
        (b"1.5", 1_500_000_000),
        (b"-1.25", -1_250_000_000),
        (b"1700000000.123456789123", 1_700_000_000_123_456_789),
        (b"99999999999999999999", 2**63 - 1),
        (b"-99999999999999999999", 1 - 2**63),
        (b"yesterday", None),
        (b"1e400", None),
    ],
)
def test_times_are_read_exactly_and_held_within_bounds(seconds, nanoseconds):
    assert read(recorded(b"mtime=" + seconds))["file"][0].modified_ns == nanoseconds


def test_records_for_all_hold_until_one_takes_them_back():
    data = packed_by_python((info("a"), b""), (info("b", pax_headers={"mtime": "3"}), b""))
    start = recorded(b"mtime=7", type_=tarfile.XGLTYPE)[:1024]

    found = read(start + data)

    assert (found["a"][0].modified_ns, found["b"][0].modified_ns) == (7 * 10**9, 3 * 10**9)


def test_content_comes_in_pieces_and_a_small_one_at_once():
    data = packed_by_python((info("large"), os.urandom(5 * MIB + 1)), (info("small"), b"s" * 700_000))
    archive = TarArchive(MemoryFile("x.tar", data), Format.TAR)
    lengths = [[len(piece) for piece in archive.open(member)] for member in archive.members()]

    assert sum(lengths[0]) == 5 * MIB + 1
    assert max(lengths[0]) <= MIB
    assert lengths[1] == [700_000]


def test_what_is_not_wanted_is_passed_over_without_being_read():
    file = SoughtFile("x.tar", packed_by_python((info("large"), bytes(20 * MIB)), (info("small"), b"s")))
    archive = TarArchive(file, Format.TAR)

    assert [member.name for member in archive.members()] == [b"large", b"small"]
    assert file.read_bytes < MIB


def test_a_content_that_is_read_in_part_does_not_disturb_the_next():
    data = packed_by_python((info("large"), os.urandom(3 * MIB)), (info("small"), b"s"))
    archive = TarArchive(MemoryFile("x.tar", data), Format.TAR)
    members = archive.members()
    pieces = archive.open(next(members))
    next(pieces)
    small = next(members)

    assert b"".join(archive.open(small)) == b"s"
    with pytest.raises(ValueError, match="passed over"):
        next(pieces)
    with pytest.raises(ValueError, match="member 1"):
        archive.open(small)


@pytest.mark.parametrize("format_", [Format.TAR, Format.TAR_GZ])
def test_how_much_is_consumed_grows_to_the_whole_file(format_):
    data = packed_by_python(*((info(f"f{number}"), os.urandom(100_000)) for number in range(30)))
    data = gzip.compress(data, 1) if format_ is Format.TAR_GZ else data
    archive = TarArchive(MemoryFile("x", data), format_)
    seen = [archive.consumed for _ in archive.members()]
    archive.close()

    assert seen == sorted(seen)
    assert seen[0] < len(data) // 2
    assert seen[-1] > len(data) - MIB


def test_devices_and_unknown_kinds_are_special():
    data = packed_by_python(
        (info("fifo", tarfile.FIFOTYPE), b""), (info("device", tarfile.CHRTYPE), b""), (info("other", b"Q"), b"data")
    )

    assert [member.kind for member, _ in read(data).values()] == [MemberKind.SPECIAL] * 3


@pytest.mark.parametrize("end", [0, 512, 1024, 700])
def test_an_archive_may_lack_its_zeros_as_long_as_nothing_of_a_member_is_missing(end):
    data = packed_by_python((info("file"), b"content"))[:1024] + bytes(end)

    assert read(data)["file"][1] == b"content"


@pytest.mark.parametrize(("end", "is_whole"), [(0, False), (100, False), (512, True), (1024, True)])
def test_a_compressed_archive_ends_with_zeros_or_is_cut_off(end: int, is_whole: bool):  # noqa: FBT001 -- a parameter
    data = packed_by_python((info("file"), b"content"))[:1024] + bytes(end)

    if is_whole:
        assert read(gzip.compress(data), Format.TAR_GZ)["file"][1] == b"content"
    else:
        with pytest.raises(Damaged, match="zeros that end it are missing"):
            read(gzip.compress(data), Format.TAR_GZ)


def test_a_cut_archive_is_noticed_at_every_byte():
    data = packed_by_python((info("a" * 120), b"1" * 600), (info("b"), b"2"))[: 5 * 512 + 1024]

    for length in range(len(data)):
        try:
            found = read(data[:length])
        except ArchiveError:
            continue
        assert [content for _, content in found.values()] in ([b"1" * 600], [b"1" * 600, b"2"]), length


def test_nothing_is_no_archive():
    with pytest.raises(Damaged, match=r"'x\.tar' is empty"):
        read(b"")


def test_archives_of_several_volumes_are_refused_by_name():
    with pytest.raises(Unsupported, match="another volume"):
        read(packed_by_python((info("rest", b"M"), b"x")))
