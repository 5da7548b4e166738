"""Finds the files that an archive consists of: one, or the parts of a divided one."""

from __future__ import annotations

from typing import NamedTuple

from actors.archives.reading import ArchiveError
from actors.datasources.paths import join, split, text_of
from actors.datasources.storage import Kind, Row, Storage, Unlisted
from rota.archives import parse_name
from rota.errors import TemporaryError


class Part(NamedTuple):
    """One file that holds an archive, or what follows in it."""

    path: bytes
    row: Row
    """What it looked like when it was found."""


class Whole(NamedTuple):
    """An archive in a storage."""

    name: str
    """Without a part's number."""
    parts: tuple[Part, ...]
    """In their order; one, if it is not divided."""

    @property
    def size(self) -> int:
        """In bytes, of all parts."""
        return sum(part.row.size for part in self.parts)


def find_parts(storage: Storage, path: bytes) -> Whole:
    """Find the archive that is at a path, with the parts that follow if it is the first one of several.

    Raises ArchiveError if nothing or no file is there, if a part is missing, or if it is not the first one. A number at
    the end of a name makes no part of a file that has no first part beside it: dates are numbers too.
    """
    row = storage.stat(path)
    if row is None:
        raise ArchiveError(f"there is no archive {text_of(path)!r}")
    if row.kind != Kind.FILE:
        raise ArchiveError(f"{text_of(path)!r} is a {row.kind}; an archive is a file")
    name = text_of(split(path)[1])
    parsed = parse_name(name)
    stem, _, digits = path.rpartition(b".")
    if parsed.part is None:
        return Whole(name, (Part(path, row),))
    if parsed.part != 1:
        first = stem + b".%0*d" % (len(digits), 1)
        if storage.stat(first) is None:
            return Whole(name, (Part(path, row),))
        raise ArchiveError(f"{text_of(path)!r} is a part of a divided archive: name its first part, {text_of(first)!r}")
    return Whole(name.rpartition(".")[0], _following(storage, Part(path, row), stem, len(digits)))


def _following(storage: Storage, first: Part, stem: bytes, width: int) -> tuple[Part, ...]:
    folder, prefix = split(stem)
    found = storage.list_folder(folder)
    if isinstance(found, Unlisted):
        raise TemporaryError(f"the parts of {text_of(stem)!r} cannot be looked for: {found.reason}")
    parts = {1: first}
    for row in found.rows:
        digits = row.name[len(prefix) + 1 :]
        if row.kind != Kind.FILE or not row.name.startswith(prefix + b".") or not digits.isdigit():
            continue
        number = int(digits) if len(digits) < 2 * width else 0
        if number > 1 and digits == b"%0*d" % (width, number):
            parts[number] = Part(join(folder, row.name), row)
    for number in range(1, max(parts) + 1):
        if number not in parts:
            missing = stem + b".%0*d" % (width, number)
            raise ArchiveError(f"{text_of(missing)!r} is missing: the archive has at least {max(parts)} parts")
    return tuple(parts[number] for number in sorted(parts))
