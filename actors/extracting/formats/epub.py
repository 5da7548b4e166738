"""Reads electronic books (EPUB), chapter by chapter in the order of reading."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import BinaryIO
from urllib.parse import unquote

from actors.extracting.extractor import Extractor, Limits, TextGatherer
from actors.extracting.formats.html import MOST_BYTES, add_html
from actors.extracting.formats.package import Package, open_package
from actors.extracting.formats.properties import add_properties
from actors.extracting.formats.reading import broken
from actors.extracting.formats.telling import Telling, extracted
from actors.extracting.formats.xml import Walker, walk
from actors.extracting.outcomes import Extracted, Reason, Unextractable

_PAGES = frozenset({"application/xhtml+xml", "text/html", "text/x-oeb1-document", "image/svg+xml"})


class _Container(Walker):
    """Takes where the description of the book is."""

    def __init__(self) -> None:
        super().__init__()
        self.book = ""

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "rootfile" and not self.book:
            self.book = attributes.get("full-path", "")


class _Book(Walker):
    """Takes the files of the book and the order in which they are read."""

    def __init__(self) -> None:
        super().__init__()
        self.places: dict[str, str] = {}
        self.order: dict[str, None] = {}

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "item" and attributes.get("media-type", "application/xhtml+xml") in _PAGES:
            self.places[attributes.get("id", "")] = unquote(attributes.get("href", "").partition("#")[0])
        elif name == "itemref":
            self.order[attributes.get("idref", "")] = None


class _Locks(Walker):
    """Takes the files that are encrypted; fonts often are, which does no harm."""

    def __init__(self) -> None:
        super().__init__()
        self.locked: set[str] = set()

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "CipherReference":
            self.locked.add(unquote(attributes.get("URI", "")))


def read_epub(file: BinaryIO, limits: Limits) -> Extracted:
    """Read a book: what it says of itself, then its chapters in the order of reading."""
    text, telling = TextGatherer(limits.most_text), Telling()
    with open_package(file, limits) as package:
        container, book, locks = _Container(), _Book(), _Locks()
        walk(package.stream("META-INF/container.xml"), container, "container.xml")
        if container.book not in package:
            raise broken("it has no book in it")
        add_properties(package.stream(container.book), telling)
        walk(package.stream(container.book), book, container.book)
        walk(package.stream("META-INF/encryption.xml"), locks, "encryption.xml")
        folder = posixpath.dirname(container.book)
        for place in (book.places[name] for name in book.order if name in book.places):
            part = posixpath.normpath(posixpath.join(folder, place))
            if part in locks.locked:
                raise Unextractable(Reason.ENCRYPTED, "its chapters are encrypted")
            add_html(_page(package, part), text)
            if not text.add("\n"):
                break
    return extracted(text, telling)


def _page(package: Package, part: str) -> bytes:
    """Return a chapter, as much of it as is read of a web page."""
    pieces, size = [], 0
    for chunk in package.stream(part):
        pieces.append(chunk)
        size += len(chunk)
        if size >= MOST_BYTES:
            break
    return b"".join(pieces)


def _is_epub(head: bytes, name: str) -> bool:  # noqa: ARG001 -- the signature of all detections
    return head.startswith(b"PK\x03\x04") and b"mimetypeapplication/epub+zip" in head[:100]


EPUB = Extractor(name="epub", version=1, extract=read_epub, extensions=frozenset({"epub"}), detect=_is_epub)
