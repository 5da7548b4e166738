"""WinZip's encryption by AES, version AE-2, both ways: the salt and a check, the content, a tag that proves it.

Each content has a salt of its own, and so a key of its own: two contents under one key would tell each other. That is
why an archive with a password is another one each time it is made. No checksum of the content is kept beside it.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from functools import cache
from typing import NamedTuple

from actors.archives.zip.layout import AES_CHECK_BYTES, AES_SALT_BYTES, AES_STRENGTH, AES_TAG_BYTES

_ROUNDS = 1000
_BLOCK = 16
_BLOCKS = 1 << 16  # a piece of the key stream: as many as two bytes count
_PIECE_BYTES = _BLOCKS * _BLOCK

OVERHEAD_BYTES = AES_SALT_BYTES + AES_CHECK_BYTES + AES_TAG_BYTES
"""How much longer a content becomes, with the strength that Rota writes."""


class Keys(NamedTuple):
    """What a password and a salt give."""

    cipher: bytes
    mac: bytes
    check: bytes
    """Compared with what stands behind the salt, before anything is decrypted."""


def salt_bytes(strength: int) -> int:
    """Give how long the salt is: strength 1 is AES-128, 2 is AES-192, 3 is AES-256."""
    return 4 * (strength + 1)


def derive(password: str, salt: bytes, *, strength: int = AES_STRENGTH) -> Keys:
    """Give the keys; takes about a millisecond, on purpose."""
    length = 8 * (strength + 1)
    made = hashlib.pbkdf2_hmac("sha1", password.encode(), salt, _ROUNDS, 2 * length + AES_CHECK_BYTES)
    return Keys(made[:length], made[length : 2 * length], made[2 * length :])


class Encryption:
    """Encrypts one content, piece by piece."""

    def __init__(self, password: str) -> None:
        salt = os.urandom(AES_SALT_BYTES)
        keys = derive(password, salt)
        self.head = salt + keys.check
        """What stands before the content."""
        self._stream = _KeyStream(keys.cipher)
        self._mac = hmac.new(keys.mac, digestmod="sha1")

    def apply(self, data: bytes | bytearray | memoryview) -> bytes:
        """Encrypt what follows."""
        encrypted = self._stream.apply(data)
        self._mac.update(encrypted)
        return encrypted

    def tag(self) -> bytes:
        """Give what stands behind the content."""
        return self._mac.digest()[:AES_TAG_BYTES]


class Decryption:
    """Decrypts one content, piece by piece."""

    def __init__(self, keys: Keys) -> None:
        self._stream = _KeyStream(keys.cipher)
        self._mac = hmac.new(keys.mac, digestmod="sha1")

    def apply(self, data: bytes | bytearray | memoryview) -> bytes:
        """Decrypt what follows; nothing of it is proven before `is_genuine` said so."""
        self._mac.update(data)
        return self._stream.apply(data)

    def is_genuine(self, tag: bytes) -> bool:
        """Tell whether what was decrypted is what was encrypted."""
        return hmac.compare_digest(self._mac.digest()[:AES_TAG_BYTES], tag)


class _KeyStream:
    """AES in counter mode with the lowest byte of the counter first, as WinZip has it and no library.

    So the counters are written out, encrypted each by itself, and combined with the data as two very long integers,
    which the interpreter does at some 200 MiB a second.
    """

    def __init__(self, key: bytes) -> None:
        # Most archives have no password, and the library is a large one.
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        # Each block is another number, and no two contents share a key: what ECB would tell is not there to be told.
        self._encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305
        self._next = 1
        self._left = b""
        """Of the last block, what was not used."""

    def apply(self, data: bytes | bytearray | memoryview) -> bytes:
        with memoryview(data) as view:
            pieces = [self._combined(view[at : at + _PIECE_BYTES]) for at in range(0, len(view), _PIECE_BYTES)]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _combined(self, data: memoryview) -> bytes:
        length = len(data)
        stream = self._left + self._blocks(-(-(length - len(self._left)) // _BLOCK))
        self._left = stream[length:]
        combined = int.from_bytes(data, "little") ^ int.from_bytes(stream[:length], "little")
        return combined.to_bytes(length, "little")

    def _blocks(self, count: int) -> bytes:
        made = b""
        while count > 0:
            high, low = divmod(self._next, _BLOCKS)
            some = min(count, _BLOCKS - low)
            counters = bytearray(_counters()[low * _BLOCK : (low + some) * _BLOCK])
            for place in range(2, 8) if high else ():
                counters[place::_BLOCK] = bytes([high >> 8 * (place - 2) & 0xFF]) * some
            made += self._encrypted(counters)
            self._next += some
            count -= some
        return made

    def _encrypted(self, counters: bytearray) -> bytes:
        # Into a buffer of ours: the library's own way to give a result takes seven times as long.
        buffer = bytearray(len(counters) + _BLOCK - 1)
        length = self._encryptor.update_into(counters, buffer)
        return bytes(memoryview(buffer)[:length])


@cache
def _counters() -> bytes:
    """Give the first counters, of which only two bytes are not 0."""
    counters = bytearray(_PIECE_BYTES)
    counters[0::_BLOCK] = bytes(range(256)) * 256
    counters[1::_BLOCK] = b"".join(bytes([high]) * 256 for high in range(256))
    return bytes(counters)
