"""Finds names that other systems take for the same: `Readme` and `README`, and what is written in two normal forms.

The first one keeps its name, each other one gets a number: `README (2)`. That holds for folders too, with all that is
in them, for a file where a folder has the name, and for a name that comes twice. Pure but for the key of the hashes.

Names are remembered as hashes of 8 bytes, with a secret key: who makes an archive cannot choose names that only seem to
be twins. Where two hashes meet by chance, a name gets a number that it need not have.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata

from actors.datasources.paths import join, split
from rota.names import numbered

_NOBODY = 0
_MOST_RECENT = 4096


class Twins:
    """The names given out so far; some 150 bytes of memory for each."""

    def __init__(self) -> None:
        self._key = os.urandom(16)
        self._holders: dict[int, int] = {}
        """Which spelling has a name first: by the hash of its place, where spellings of one name meet."""
        self._numbers: dict[int, int] = {}
        """The number that the spelling of a folder got."""
        self._last: dict[int, int] = {}
        """The highest number given at a place, so that a name that comes a million times costs no more each time."""
        self._recent: dict[bytes, bytes] = {}
        """Folders as the archive has them, and where they are."""

    def folder(self, path: bytes) -> bytes:
        """Give where a folder goes; always the same for one path."""
        if not path:
            return path
        known = self._recent.get(path)
        if known is None:
            above, name = split(path)
            known = self._placed(self.folder(above), name, is_folder=True)
            if len(self._recent) >= _MOST_RECENT:
                self._recent.clear()
            self._recent[path] = known
        return known

    def file(self, path: bytes) -> bytes:
        """Give where a file or link goes, each time anew: a path that comes twice is a twin of itself."""
        above, name = split(path)
        return self._placed(self.folder(above), name, is_folder=False)

    def find(self, path: bytes) -> bytes | None:
        """Give where the first file of exactly this path went; None if there was none."""
        above, name = split(path)
        folder = self._find_folder(above)
        if folder is None or self._holders.get(self._place(folder, name)) != self._spelling(
            folder, name, is_folder=False
        ):
            return None
        return join(folder, name)

    def _find_folder(self, path: bytes) -> bytes | None:
        if not path or path in self._recent:
            return self._recent.get(path, path)
        above, name = split(path)
        folder = self._find_folder(above)
        if folder is None:
            return None
        spelling = self._spelling(folder, name, is_folder=True)
        if self._holders.get(self._place(folder, name)) == spelling:
            return join(folder, name)
        number = self._numbers.get(spelling)
        return None if number is None else join(folder, numbered(name, number))

    def _placed(self, folder: bytes, name: bytes, *, is_folder: bool) -> bytes:
        place, spelling = self._place(folder, name), self._spelling(folder, name, is_folder=is_folder)
        holder = self._holders.get(place)
        if holder is None:
            self._holders[place] = spelling
            return join(folder, name)
        if not is_folder:
            return join(folder, self._numbered(folder, name, place)[0])
        if holder == spelling:
            return join(folder, name)
        if spelling not in self._numbers:
            self._numbers[spelling] = self._numbered(folder, name, place)[1]
        return join(folder, numbered(name, self._numbers[spelling]))

    def _numbered(self, folder: bytes, name: bytes, place: int) -> tuple[bytes, int]:
        number = self._last.get(place, 1)
        while True:
            number += 1
            candidate = numbered(name, number)
            taken = self._place(folder, candidate)
            if taken not in self._holders:
                self._holders[taken] = _NOBODY
                self._last[place] = number
                return candidate, number

    def _place(self, folder: bytes, name: bytes) -> int:
        return self._hash(folder + b"/" + folded(name))

    def _spelling(self, folder: bytes, name: bytes, *, is_folder: bool) -> int:
        # No path ends with a slash, so what is a folder is told apart from what is none.
        return self._hash(folder + b"/" + name + (b"/" if is_folder else b""))

    def _hash(self, text: bytes) -> int:
        return int.from_bytes(hashlib.blake2b(text, digest_size=8, key=self._key).digest()) | 1


def folded(name: bytes) -> bytes:
    """Give what all spellings of a name have in common that some system takes for the same."""
    if name.isascii():
        return name.lower()
    text = unicodedata.normalize("NFD", name.decode("utf-8", "surrogateescape"))
    return unicodedata.normalize("NFC", text.casefold()).encode("utf-8", "surrogateescape")
