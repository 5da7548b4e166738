"""Encryption of zip files: contents come back, wrong passwords and changes are found, other programs read it."""

from __future__ import annotations

import io
import os
import random
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from actors.archives.packing import SMALL_BYTES
from actors.archives.zip.encryption import OVERHEAD_BYTES, Decryption, Encryption, derive
from actors.archives.zip.layout import AES_SALT_BYTES
from actors.archives.zip.zipcrypto import HEAD_BYTES, ZipCrypto
from rota.archives import Format
from tests.archives.contents import MemoryContents
from tests.archives.packs import pack
from tests.archives.tools import run_tool, try_tool

PASSWORD = "sésame"
FILES: dict[str, bytes | str | None] = {
    "empty": b"",
    "folder": None,
    "large": random.Random(1).randbytes(50_000) * (SMALL_BYTES // 50_000 + 1),
    "link": "small",
    "small": b"the content " * 100,
}


def _archive(**options: object) -> bytes:
    contents = MemoryContents(FILES)
    return pack(Format.ZIP, contents, contents.entries(), password=PASSWORD, **options).data  # type: ignore[arg-type]


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 70_000, (1 << 20) + 5, 3 << 20])
def test_what_was_encrypted_is_decrypted(length: int) -> None:
    data = os.urandom(length)
    encryption = Encryption(PASSWORD)
    encrypted = encryption.apply(data[: length // 3]) + encryption.apply(data[length // 3 :])

    decryption = Decryption(derive(PASSWORD, encryption.head[:AES_SALT_BYTES]))

    assert decryption.apply(encrypted) == data
    assert decryption.is_genuine(encryption.tag())
    assert len(encryption.head + encryption.tag()) == OVERHEAD_BYTES


def test_each_block_is_under_its_own_counter() -> None:
    encryption = Encryption(PASSWORD)
    keys = derive(PASSWORD, encryption.head[:AES_SALT_BYTES])
    blocks = 2 * 65_536 + 3  # so that the third byte of the counter counts
    counters = b"".join(number.to_bytes(16, "little") for number in range(1, blocks + 1))
    expected = Cipher(algorithms.AES(keys.cipher), modes.ECB()).encryptor().update(counters)

    assert encryption.apply(bytes(16 * blocks)) == expected


def test_a_change_is_found() -> None:
    encryption = Encryption(PASSWORD)
    encrypted = encryption.apply(b"content")
    decryption = Decryption(derive(PASSWORD, encryption.head[:AES_SALT_BYTES]))

    decryption.apply(b"X" + encrypted[1:])

    assert not decryption.is_genuine(encryption.tag())


def test_no_two_contents_share_a_key() -> None:
    salts = {Encryption(PASSWORD).head[:AES_SALT_BYTES] for _ in range(50)}

    assert len(salts) == 50


def test_contents_are_extracted_with_the_password_only(tmp_path: Path) -> None:
    path = tmp_path / "made.zip"
    path.write_bytes(_archive())

    run_tool("7z", "x", f"-p{PASSWORD}", path, f"-o{tmp_path / 'out'}")
    wrong = try_tool("7z", "t", "-pwrong", path)

    for name in ("empty", "large", "small"):
        assert (tmp_path / "out" / name).read_bytes() == FILES[name]
    assert wrong.returncode != 0


def test_nothing_tells_the_content() -> None:
    data = _archive()

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        infos = {info.filename: info for info in archive.infolist()}
    assert infos["small"].CRC == infos["large"].CRC == 0
    assert infos["small"].compress_type == infos["large"].compress_type == 99
    assert infos["small"].flag_bits & infos["large"].flag_bits & 1
    assert b"the content" not in data


def test_marks_are_behind_whole_contents_only() -> None:
    contents = MemoryContents(FILES)

    packed = pack(Format.ZIP, contents, contents.entries(), password=PASSWORD)

    assert packed.kept
    assert all(kept.mark.offset == 0 for kept in packed.kept)


def test_the_old_encryption_is_read(tmp_path: Path) -> None:
    content = b"old secrets, " * 1000
    (tmp_path / "file").write_bytes(content)
    run_tool("zip", "-q", "-0", "-P", "open", "made.zip", "file", folder=tmp_path)
    data = (tmp_path / "made.zip").read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        (info,) = archive.infolist()
    at = data.index(b"file") + 4 + int.from_bytes(data[28:30], "little")
    encrypted = data[at : at + info.compress_size]

    cipher = ZipCrypto(b"open")

    # zip lets a descriptor follow, so the time checks the password.
    assert cipher.check_byte(encrypted[:HEAD_BYTES]) in {info.CRC >> 24, data[11]}
    assert cipher.apply(encrypted[HEAD_BYTES:5000]) + cipher.apply(encrypted[5000:]) == content
