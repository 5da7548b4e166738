"""Which files are read for their text. Pure.

Files whose extension an extractor names are read, and so is everything that might be text, which its first bytes tell.
What is surely neither is not opened at all: a video of ten gigabytes need not be fetched to find that out.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from actors.extracting.extractor import Extractor
from actors.indexing.identity import is_file
from actors.syncing.difference import KnownRow
from rota.datasources import Rules
from rota.search.types import extension_of, type_of
from store.search.engine import Shape

_SEALED = frozenset({"archive", "audio", "image", "video"})
"""Types that have no text for whoever has no extractor for them."""
_PROGRAMS = frozenset({
    "a", "apk", "bin", "class", "dll", "dmg", "dylib", "eot", "exe", "img", "iso", "lib", "msi", "o", "obj", "otf",
    "pdb", "pyc", "pyd", "pyo", "qcow2", "rlib", "so", "sys", "ttf", "vdi", "vhd", "vhdx", "vmdk", "wasm", "woff",
    "woff2",
})  # fmt: skip
"""Extensions of what has no text either, whatever its type is called."""


class Choice(StrEnum):
    """What becomes of an entry."""

    NAME = "name"  # it is found by its name and nothing else is expected
    TEXT = "text"  # it is read
    TOO_LARGE = "too_large"  # it would be read if it were smaller, so people are told that it is not


class Chooser:
    """Decides by kind, name and size."""

    def __init__(self, rules: Rules, shape: Shape, extractors: Iterable[Extractor]) -> None:
        self._reads = shape.contents
        self._largest = rules.largest_read
        self._named = {extension for extractor in extractors for extension in extractor.extensions}

    def choose(self, row: KnownRow) -> Choice:
        """Say what becomes of an entry, by its row in the catalog."""
        size = row[2]
        if not (self._reads and size > 0 and is_file(row)):
            return Choice.NAME
        name = row[0].decode("utf-8", "replace")
        extension = extension_of(name)
        is_named = extension in self._named
        kind = type_of(name, row[1])
        if not is_named and (kind in _SEALED or extension in _PROGRAMS):
            return Choice.NAME
        if size <= self._largest:
            return Choice.TEXT
        # Of what nobody knows nobody expects that its content is found.
        return Choice.TOO_LARGE if is_named or kind not in ("other", "data") else Choice.NAME
