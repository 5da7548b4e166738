"""Encrypts as 7z does: AES-256 in CBC mode, with a key from SHA-256 over the password, 2 ** 19 times."""

from __future__ import annotations

import hashlib
import os

BLOCK_BYTES = 16
_CYCLES = 19
_AT_ONCE = 1024
_HAS_IV = 0x40


class Key:
    """The key of a password, without a salt, as 7-Zip makes it; takes about a quarter of a second."""

    def __init__(self, password: str) -> None:
        text = password.encode("utf-16-le")
        hashed = hashlib.sha256()
        for start in range(0, 1 << _CYCLES, _AT_ONCE):
            hashed.update(b"".join(text + at.to_bytes(8, "little") for at in range(start, start + _AT_ONCE)))
        self._key = hashed.digest()

    def encryption(self) -> Encryption:
        """Begin to encrypt a stream; two of them differ though they have the same key."""
        return Encryption(self._key, os.urandom(BLOCK_BYTES))


class Encryption:
    """Encrypts one stream; for one thread."""

    def __init__(self, key: bytes, iv: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        self.properties = bytes((_CYCLES | _HAS_IV, BLOCK_BYTES - 1)) + iv
        """What the reader of an archive needs to know besides the password."""
        self._encryptor = Cipher(algorithms.AES256(key), modes.CBC(iv)).encryptor()
        self._size = 0

    def update(self, data: bytes) -> bytes:
        """Take what follows, and give what is encrypted of it by now."""
        self._size += len(data)
        return self._encryptor.update(data)

    def finish(self) -> bytes:
        """Give the rest; zeros fill its last block."""
        return self._encryptor.update(bytes(-self._size % BLOCK_BYTES)) + self._encryptor.finalize()
