"""Which format an archive has, by its content, and by its name where the content leaves it open."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile

import pytest

from actors.archives import zstd
from actors.archives.detection import detect
from actors.archives.reading import Damaged, Unsupported
from rota.archives import Format
from tests.archives.memory_file import MemoryFile


def tar(content: bytes = b"content", format_: int = tarfile.USTAR_FORMAT) -> bytes:
    """Give an archive of one file."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=format_) as archive:
        made = tarfile.TarInfo("name")
        made.size = len(content)
        archive.addfile(made, io.BytesIO(content))
    return file.getvalue()


def zipped(*names: str, comment: bytes = b"") -> bytes:
    """Give a zip archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.comment = comment
        for name in names:
            archive.writestr(name, name)
    return file.getvalue()


def old_tar() -> bytes:
    """Give an archive as it was before there was a magic in it."""
    data = bytearray(tar())
    data[257:512] = bytes(255)
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    return bytes(data)


SKIPPED = b"\x50\x2a\x4d\x18\x04\0\0\0abcd"
NOISE = os.urandom(1_500_000)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(zipped("a"), Format.ZIP, id="zip"),
        pytest.param(zipped(), Format.ZIP, id="empty-zip"),
        pytest.param(b"MZ program" + zipped("a", comment=b"a comment"), Format.ZIP, id="zip-behind-a-program"),
        pytest.param(b"7z\xbc\xaf\x27\x1c" + bytes(30), Format.SEVEN_ZIP, id="7z"),
        pytest.param(tar(), Format.TAR, id="tar"),
        pytest.param(tar(format_=tarfile.GNU_FORMAT), Format.TAR, id="tar-of-gnu"),
        pytest.param(old_tar(), Format.TAR, id="tar-of-old"),
        pytest.param(b"m" + tar()[1:], Format.TAR, id="tar-with-a-wrong-checksum"),
        pytest.param(gzip.compress(tar()), Format.TAR_GZ, id="tar.gz"),
        pytest.param(bz2.compress(tar()), Format.TAR_BZ2, id="tar.bz2"),
        pytest.param(bz2.compress(tar(NOISE)), Format.TAR_BZ2, id="tar.bz2-whose-first-block-is-large"),
        pytest.param(lzma.compress(tar()), Format.TAR_XZ, id="tar.xz"),
        pytest.param(zstd.compress(tar()), Format.TAR_ZST, id="tar.zst"),
        pytest.param(SKIPPED + zstd.compress(tar()), Format.TAR_ZST, id="tar.zst-behind-a-frame-of-something"),
        pytest.param(gzip.compress(b"text"), Format.GZ, id="gz"),
        pytest.param(gzip.compress(b""), Format.GZ, id="empty-gz"),
        pytest.param(bz2.compress(b""), Format.BZ2, id="empty-bz2"),
        pytest.param(bz2.compress(b"text"), Format.BZ2, id="bz2"),
        pytest.param(lzma.compress(b"text"), Format.XZ, id="xz"),
        pytest.param(zstd.compress(b"text"), Format.ZST, id="zst"),
    ],
)
@pytest.mark.parametrize("name", ["file", "x.zip", "x.tar", "x.7z", "x.gz"])
def test_content_tells(data, expected, name):
    assert detect(MemoryFile(name, data)) == expected


def test_a_compressed_file_that_only_is_called_a_tar_is_none():
    assert detect(MemoryFile("x.tar.gz", gzip.compress(b"text"))) == Format.GZ


def test_of_archives_without_members_the_name_tells():
    zeros = bytes(10_240)

    assert detect(MemoryFile("x.tar", zeros)) == Format.TAR
    assert detect(MemoryFile("x.tgz", gzip.compress(zeros))) == Format.TAR_GZ
    assert detect(MemoryFile("x.gz", gzip.compress(zeros))) == Format.GZ
    with pytest.raises(Unsupported):
        detect(MemoryFile("x", zeros))


def test_of_what_cannot_be_decompressed_the_name_tells():
    cut = gzip.compress(os.urandom(100))[:40]

    assert detect(MemoryFile("x.tar.gz", cut)) == Format.TAR_GZ
    assert detect(MemoryFile("x.gz", cut)) == Format.GZ


def test_a_bomb_is_not_unpacked_to_look_at_it():
    bomb = gzip.compress(gzip.compress(bytes(200_000_000), 1), 1)
    file = MemoryFile("x.gz", bomb)

    assert detect(file) == Format.GZ
    assert file.read_bytes < 400_000


def test_nothing_is_damaged():
    with pytest.raises(Damaged, match=r"'x\.zip' is empty"):
        detect(MemoryFile("x.zip", b""))


@pytest.mark.parametrize(
    ("data", "looks"),
    [
        pytest.param(b"Rar!\x1a\x07\x01\0", "is a RAR archive; what can be read: zip, tar, ", id="rar"),
        pytest.param(b"MSCF" + bytes(40), "is a cabinet", id="cab"),
        pytest.param(bytes(32_769) + b"CD001", "is an image of a disc", id="iso"),
        pytest.param(b"LZIP\1", "is compressed with lzip", id="lzip"),
        pytest.param(b"070701" + b"0" * 104, "is a cpio archive", id="cpio"),
        pytest.param(b"<!DOCTYPE html>", "is a page of HTML", id="html"),
        pytest.param(b"\x28\xb5", "is no archive by its content", id="short"),
        pytest.param(NOISE[:100] + b"PK\5\6", "is no archive by its content", id="noise"),
    ],
)
def test_what_is_no_archive_is_said_to_be_what_it_looks_like(data, looks):
    with pytest.raises(Unsupported, match=looks):
        detect(MemoryFile("x.zip", data))


def test_a_later_part_without_the_first_is_told():
    with pytest.raises(Unsupported, match="its first part is missing"):
        detect(MemoryFile("x.zip.002", NOISE[:5000]))
