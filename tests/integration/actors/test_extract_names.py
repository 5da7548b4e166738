"""Names that are not UTF-8 are unpacked as their archive means them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from actors.compress import CompressParams, compress
from rota.archives import Format
from tests.archives.zip_bytes import ZipEntry, zip_bytes
from tests.integration.actors.unpacked import Unpacked, files, member, tarred

ODD = {b"caf\xe9", b"m\xfc/na\xefve", b"m\xfc/\xff\xfe"}
TEXT = "привет.txt"


@pytest.fixture
def unpacked(tmp_path: Path) -> Unpacked:
    """A folder in which archives are put."""
    return Unpacked(tmp_path)


@pytest.mark.parametrize("format_", [Format.TAR, Format.TAR_GZ, Format.TAR_ZST, Format.SEVEN_ZIP])
def test_names_that_an_archive_says_to_be_bytes_come_back(unpacked: Unpacked, format_: Format) -> None:
    for name in ODD:
        path = os.path.join(os.fsencode(unpacked.root), b"top", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        Path(os.fsdecode(path)).write_bytes(name)
    compress(unpacked.run, CompressParams(datasource="files", paths=("top",), format=format_))

    result = unpacked.extract(f"top.{format_}", target="out")

    assert {path[len(b"top/") :] for path in _found(unpacked, "out")} == ODD
    assert result.noted == 0


def test_a_person_who_names_the_encoding_knows_better(unpacked: Unpacked) -> None:
    top = unpacked.root / "top"
    top.mkdir()
    Path(os.fsdecode(os.path.join(os.fsencode(top), TEXT.encode("cp1251")))).write_bytes(b"1")
    compress(unpacked.run, CompressParams(datasource="files", paths=("top",), format=Format.TAR_GZ))

    unpacked.extract("top.tar.gz", target="out", encoding="cp1251")

    assert files(unpacked.root / "out") == {f"top/{TEXT}": b"1"}


def test_a_code_page_that_was_guessed_is_noted_once(unpacked: Unpacked) -> None:
    names = [TEXT, "папка/отчёт.txt", "папка/письмо.txt"]
    entries = [ZipEntry(name=name.encode("cp866")) for name in names]
    (unpacked.root / "old.zip").write_bytes(zip_bytes(entries))

    result = unpacked.extract("old.zip", target="guessed")

    notes = unpacked.notes(result)
    assert set(files(unpacked.root / "guessed")) == set(names)
    assert list(notes) == ["old.zip"]
    assert "cp866" in notes["old.zip"]
    assert unpacked.extract("old.zip", target="told", encoding="cp866").noted == 0


def test_backslashes_of_windows_divide_folders_where_no_slash_does(unpacked: Unpacked) -> None:
    of_windows, of_unix = 0 << 8, 3 << 8
    entries = [
        ZipEntry(name=b"a\\b\\c.txt", made_by=of_windows, content=b"deep"),
        ZipEntry(name=b"a\\empty\\", made_by=of_windows, content=b""),
        # The second byte of the first character is a backslash's.
        ZipEntry(name="表/d.txt".encode("cp932"), made_by=of_windows),
        ZipEntry(name=b"x\\y", made_by=of_unix),
    ]
    (unpacked.root / "windows.zip").write_bytes(zip_bytes(entries))

    unpacked.extract("windows.zip", target="out", encoding="cp932")

    assert set(files(unpacked.root / "out")) == {"a/b/c.txt", "表/d.txt", "x\\y"}
    assert (unpacked.root / "out/a/empty").is_dir()


def test_backslashes_lead_nobody_outside(unpacked: Unpacked) -> None:
    (unpacked.root / "evil.zip").write_bytes(zip_bytes([ZipEntry(name=b"..\\..\\evil", made_by=0)]))

    with pytest.raises(Exception, match="leads outside"):
        unpacked.extract("evil.zip", target="out")


def test_a_name_of_gnu_tar_is_guessed_and_noted_too(unpacked: Unpacked) -> None:
    info, content = member("x", b"1")
    data = tarred((info, content), mode="w").replace(b"x" + bytes(99), TEXT.encode("cp866") + bytes(90))
    block = bytearray(data[:512])
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    (unpacked.root / "old.tar").write_bytes(bytes(block) + data[512:])

    result = unpacked.extract("old.tar", target="out")

    assert files(unpacked.root / "out") == {TEXT: b"1"}
    assert list(unpacked.notes(result)) == ["old.tar"]


def _found(unpacked: Unpacked, folder: str) -> set[bytes]:
    top = os.path.join(os.fsencode(unpacked.root), folder.encode())
    return {os.path.relpath(os.path.join(at, name), top) for at, _, names in os.walk(top) for name in names}
