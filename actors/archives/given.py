"""What was read of a compressed file, and belongs to the next step of decompressing it."""

from __future__ import annotations

from typing import BinaryIO

_READ_BYTES = 128 * 1024


class Given:
    """A file that is read from start to end, by steps that give back what they did not use."""

    def __init__(self, stream: BinaryIO) -> None:
        """Take a file at its start."""
        self._stream = stream
        self._count = 0
        self.rest = b""
        """What was read, and is for the next step."""

    @property
    def used(self) -> int:
        """How many bytes of the file were used."""
        return self._count - len(self.rest)

    def take(self) -> bytes:
        """Give what comes next; empty at the end."""
        taken, self.rest = self.rest or self._read(_READ_BYTES), b""
        return taken

    def fill(self, size: int) -> bool:
        """Have so many bytes in `rest`, and say whether there are as many."""
        if len(self.rest) < size:
            # Taken together, so that a long stretch is not copied again for each piece of it.
            self.rest += self._read(max(size - len(self.rest), _READ_BYTES))
        return len(self.rest) >= size

    def skip_zeros(self) -> int:
        """Pass over zeros and give how many they were."""
        count = 0
        while piece := self.take():
            self.rest = piece.lstrip(b"\0")
            count += len(piece) - len(self.rest)
            if self.rest:
                break
        return count

    def begins_with(self, magics: tuple[bytes, ...]) -> bool:
        """Say whether one of these comes next."""
        self.fill(max(map(len, magics)))
        return self.rest.startswith(magics)

    def _read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._count += len(data)
        return data
