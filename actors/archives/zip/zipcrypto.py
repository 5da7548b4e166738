"""The old encryption of zip files, for reading only: it has been broken since 1994, so nothing is made with it."""

from __future__ import annotations

from functools import cache

HEAD_BYTES = 12
"""Stand before the content, encrypted; the last of them checks the password."""


class ZipCrypto:
    """Decrypts one content, piece by piece, at a few MiB a second: each byte depends on the one before."""

    def __init__(self, password: bytes) -> None:
        self._keys = (0x12345678, 0x23456789, 0x34567890)
        masks = _masks()
        # A byte that is masked as it will be unmasked is taken for what it is.
        for byte in password:
            self.apply(bytes([byte ^ masks[self._keys[2] & 0xFFFF]]))

    def check_byte(self, head: bytes) -> int:
        """Decrypt the head and give its last byte.

        It is the highest byte of the crc, or of the DOS time if a descriptor follows; one wrong password of 256 passes.
        """
        return self.apply(head)[-1]

    def apply(self, data: bytes | bytearray | memoryview) -> bytes:
        """Decrypt what follows."""
        table, masks = _table(), _masks()
        key0, key1, key2 = self._keys
        plain: list[int] = []
        add = plain.append
        for byte in data:
            byte ^= masks[key2 & 0xFFFF]  # noqa: PLW2901 -- the hottest loop there is here
            add(byte)
            key0 = key0 >> 8 ^ table[(key0 ^ byte) & 0xFF]
            key1 = ((key1 + (key0 & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
            key2 = key2 >> 8 ^ table[(key2 ^ key1 >> 24) & 0xFF]
        self._keys = key0, key1, key2
        return bytes(plain)


@cache
def _table() -> tuple[int, ...]:
    """Give the crc of each byte, without the inversions around it."""
    made = []
    for value in range(256):
        crc = value
        for _ in range(8):
            crc = crc >> 1 ^ (0xEDB88320 if crc & 1 else 0)
        made.append(crc)
    return tuple(made)


@cache
def _masks() -> bytes:
    """Give what a byte is masked with, by the lower half of the third key."""
    return bytes((mask * (mask ^ 1)) >> 8 & 0xFF for mask in (key | 2 for key in range(1 << 16)))
