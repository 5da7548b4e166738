"""What the usual tools pack is read, encrypted or not; where a tool is missing, its tests are left out."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from actors.archives.reading import ArchiveError, Damaged, MemberKind, PasswordNeeded, WrongPassword
from actors.archives.zip.reader import ZipArchive
from tests.archives.memory_file import MemoryFile

TEXT = b"".join(b"line %d\n" % number for number in range(4000))
TREE = {"a.txt": b"hello", "folder/b.txt": TEXT, "empty": b""}


def packed(folder: Path, *command: str) -> bytes:
    """Give the archive that a tool makes of the tree; `FILE` stands for its path."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    for name, content in TREE.items():
        path = folder / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "tree" / "link").symlink_to("a.txt")
    made = folder / "made.zip"
    subprocess.run([part.replace("FILE", str(made)) for part in command], cwd=folder / "tree", check=True, stdout=-3)
    return made.read_bytes()


def read_all(data: bytes, *, password: str | None = None) -> dict[str, bytes]:
    archive = ZipArchive(MemoryFile("made.zip", data), password=password)
    return {
        member.name.decode(): b"".join(archive.open(member))
        for member in archive.members()
        if member.kind is MemberKind.FILE
    }


ZIP = ("zip", "-q", "-r", "-y", "FILE", ".")
SEVEN_ZIP = ("7z", "a", "-tzip", "-snl", "FILE", ".")
AES = (*SEVEN_ZIP, "-psecret", "-mem=AES256")
OLD = (*ZIP, "-P", "secret")


@pytest.mark.parametrize(
    "command",
    [
        ZIP,
        (*ZIP, "-0"),
        (*ZIP, "-fz"),
        (*ZIP, "-Z", "bzip2"),
        SEVEN_ZIP,
        (*SEVEN_ZIP, "-mm=Deflate64"),
        (*SEVEN_ZIP, "-mm=LZMA"),
        (*SEVEN_ZIP, "-mm=BZip2"),
        ("bsdtar", "-c", "--format", "zip", "-f", "FILE", "."),
    ],
    ids=" ".join,
)
def test_archive_of_a_tool_is_read(tmp_path: Path, command: tuple[str, ...]):
    data = packed(tmp_path, *command)
    names = {name.removeprefix("./"): content for name, content in read_all(data).items()}

    assert names == TREE
    links = [m for m in ZipArchive(MemoryFile("made.zip", data)).members() if m.kind is MemberKind.LINK]
    assert [link.link for link in links] == [b"a.txt"]


@pytest.mark.parametrize(
    "command",
    [
        AES,
        (*SEVEN_ZIP, "-psecret", "-mem=AES128"),
        (*SEVEN_ZIP, "-psecret", "-mem=AES192"),
        (*SEVEN_ZIP, "-psecret", "-mem=ZipCrypto"),
        OLD,
        (*OLD, "-0"),
    ],
    ids=" ".join,
)
def test_encrypted_archive_is_read_with_its_password(tmp_path: Path, command: tuple[str, ...]):
    data = packed(tmp_path, *command)

    assert read_all(data, password="secret") == TREE


@pytest.mark.parametrize("command", [AES, OLD], ids=["aes", "old"])
def test_encrypted_archive_needs_its_password(tmp_path: Path, command: tuple[str, ...]):
    data = packed(tmp_path, *command)
    archive = ZipArchive(MemoryFile("made.zip", data))

    members = {member.name: member for member in archive.members()}

    assert members[b"a.txt"].encrypted
    assert members[b"link"].link == b""
    with pytest.raises(PasswordNeeded, match=r"a\.txt"):
        next(archive.open(members[b"a.txt"]))
    assert archive.open_whole(members[b"a.txt"]) is None


@pytest.mark.parametrize("command", [AES, OLD], ids=["aes", "old"])
def test_wrong_password_is_told(tmp_path: Path, command: tuple[str, ...]):
    data = packed(tmp_path, *command)

    for wrong in ("", "Secret", "pässword"):
        with pytest.raises(WrongPassword):
            read_all(data, password=wrong)


def test_every_wrong_password_of_the_old_way_is_told_even_if_its_check_fits(tmp_path: Path):
    data = packed(tmp_path, *OLD)
    archive = ZipArchive(MemoryFile("made.zip", data))
    member = next(member for member in archive.members() if member.name == b"a.txt")

    # One of 256 fits the only byte that is there to check.
    for number in range(600):
        with pytest.raises(WrongPassword):
            b"".join(ZipArchive(MemoryFile("made.zip", data), password=str(number)).open(member))


def test_changed_aes_content_is_damage(tmp_path: Path):
    data = bytearray(packed(tmp_path, *AES))
    archive = ZipArchive(MemoryFile("made.zip", bytes(data)), password="secret")
    member = next(member for member in archive.members() if member.name == b"folder/b.txt")
    assert member.packed is not None
    data[member.place + 200 + member.packed // 2] ^= 1

    with pytest.raises(Damaged, match=r"b\.txt"):
        b"".join(ZipArchive(MemoryFile("made.zip", bytes(data)), password="secret").open(member))


@pytest.mark.parametrize("command", [AES, OLD], ids=["aes", "old"])
def test_cut_off_content_of_an_encrypted_archive_is_refused(tmp_path: Path, command: tuple[str, ...]):
    data = packed(tmp_path, *command)
    members = list(ZipArchive(MemoryFile("made.zip", data), password="secret").members())

    for length in range(0, members[-1].place, 97):
        file = MemoryFile("made.zip", data)
        archive = ZipArchive(file, password="secret")
        file.cut(length)
        with pytest.raises(ArchiveError):
            [b"".join(archive.open(member)) for member in members]
