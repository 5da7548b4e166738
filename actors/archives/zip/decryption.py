"""Decrypts the packed content of one member, by either of the two ways that zip files have."""

from __future__ import annotations

import hmac
from collections.abc import Iterator

from actors.archives.reading import Damaged, WrongPassword
from actors.archives.zip.layout import AES_CHECK_BYTES, AES_TAG_BYTES, Flag
from actors.archives.zip.records import Aes, ZipMember

_NOT_FITTING = "the password does not fit"
# The old way is so slow that the content comes in smaller pieces, between which somebody may cancel.
_OLD_PIECE_BYTES = 64 * 1024
_DESCRIPTOR = int(Flag.DESCRIPTOR)


def overhead_bytes(member: ZipMember) -> int:
    """Give how much longer the content is for its encryption; 0 for what is not encrypted."""
    if not member.encrypted:
        return 0
    from actors.archives.zip.zipcrypto import HEAD_BYTES

    return HEAD_BYTES if member.aes is None else _aes_head_bytes(member.aes) + AES_TAG_BYTES


def decrypted(pieces: Iterator[bytes], member: ZipMember, password: str, *, flags: int) -> Iterator[bytes]:
    """Decrypt pieces, whose lengths do not matter; `flags` are those of the local header.

    Raises, without a name, WrongPassword at the first piece, and Damaged at the end if AES tells that something was
    changed. The old way cannot tell that, and lets one wrong password of 256 pass.
    """
    if member.aes is not None:
        return _by_aes(pieces, member.aes, password, body=member.packed_bytes - overhead_bytes(member))
    # Writers that stream do not know the checksum yet, and check by the time.
    check = member.dos_time >> 8 if flags & _DESCRIPTOR else member.crc >> 24
    return _by_zipcrypto(pieces, password, check=check)


def _by_aes(pieces: Iterator[bytes], aes: Aes, password: str, *, body: int) -> Iterator[bytes]:
    from actors.archives.zip.encryption import Decryption, derive

    head, rest = _split(pieces, _aes_head_bytes(aes))
    keys = derive(password, head[:-AES_CHECK_BYTES], strength=aes.strength)
    if not hmac.compare_digest(keys.check, head[-AES_CHECK_BYTES:]):
        raise WrongPassword(_NOT_FITTING)
    decryption = Decryption(keys)
    tag = b""
    for piece in _chain(rest, pieces):
        part = piece[:body]
        body -= len(part)
        tag += piece[len(part) :]
        if part:
            yield decryption.apply(part)
    if not decryption.is_genuine(tag):
        raise Damaged("its content was changed, or damaged: its tag does not fit")


def _by_zipcrypto(pieces: Iterator[bytes], password: str, *, check: int) -> Iterator[bytes]:
    from actors.archives.zip.zipcrypto import HEAD_BYTES, ZipCrypto

    head, rest = _split(pieces, HEAD_BYTES)
    cipher = ZipCrypto(password.encode())
    if cipher.check_byte(head) != check:
        raise WrongPassword(_NOT_FITTING)
    for piece in _chain(rest, pieces):
        for at in range(0, len(piece), _OLD_PIECE_BYTES):
            yield cipher.apply(piece[at : at + _OLD_PIECE_BYTES])


def _aes_head_bytes(aes: Aes) -> int:
    from actors.archives.zip.encryption import salt_bytes

    return salt_bytes(aes.strength) + AES_CHECK_BYTES


def _split(pieces: Iterator[bytes], length: int) -> tuple[bytes, bytes]:
    """Give so many bytes from the beginning, and what else had to be taken."""
    taken = b""
    while len(taken) < length:
        piece = next(pieces, b"")
        if not piece:
            raise Damaged("its content is cut off")
        taken += piece
    return taken[:length], taken[length:]


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest
