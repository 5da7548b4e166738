"""Reads the documents, sheets, presentations and drawings of LibreOffice and others (OpenDocument).

Sheets, too, are read as they stream by: what a cell shows is in it as text, and a row that is said to be repeated a
million times is read once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import BinaryIO

from actors.extracting.extractor import Extractor, Limits, TextGatherer
from actors.extracting.formats.package import Package, open_package
from actors.extracting.formats.properties import OPEN_DOCUMENT, add_properties
from actors.extracting.formats.reading import broken
from actors.extracting.formats.telling import Telling, Word, extracted
from actors.extracting.formats.xml import Walker, attribute, walk
from actors.extracting.outcomes import Extracted, Reason, Unextractable

_TEXTS = frozenset({"p", "h"})
_BREAKS = {"tab": "\t", "s": " ", "line-break": "\n"}
_ENDS = {"p": "\n", "h": "\n", "table-cell": "\t", "table-row": "\n", "page": "\n"}


class _Content(Walker):
    """Takes the text of paragraphs, wherever they are, and the names of tables; what was deleted is left out."""

    skipped = frozenset({"tracked-changes", "scripts", "font-face-decls"})

    def __init__(self, text: TextGatherer, telling: Telling, *, within: frozenset[str] = frozenset()) -> None:
        """`within` are the elements outside of which nothing is taken, if only some parts are wanted."""
        super().__init__()
        self._text = text
        self._telling = telling
        self._within = within
        self._paragraphs = 0
        self._inside = 0

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        if name in self._within:
            self._inside += 1
        elif name in _TEXTS:
            self._paragraphs += 1
        elif name in _BREAKS and self._takes:
            self._text.add(_BREAKS[name])
        elif name == "table" and not self._within:
            self._telling.add(Word.SHEET, attribute(attributes, "name"))

    def told(self, text: str) -> None:
        if self._takes:
            self.is_done = not self._text.add(text)

    def closed(self, name: str) -> None:
        if name in self._within:
            self._inside -= 1
        elif name in _TEXTS:
            self._paragraphs -= 1
        if name in _ENDS and (self._inside or not self._within):
            self._text.add(_ENDS[name])

    @property
    def _takes(self) -> bool:
        return bool(self._paragraphs and (self._inside or not self._within))


def read_opendocument(file: BinaryIO, limits: Limits) -> Extracted:
    """Read the content of a document, then the headers and footers of its pages."""
    text, telling = TextGatherer(limits.most_text), Telling()
    with open_package(file, limits) as package:
        if "content.xml" not in package:
            raise broken("it has no content in it")
        _refuse_encrypted(package)
        add_properties(package.stream("meta.xml"), telling, OPEN_DOCUMENT)
        walk(package.stream("content.xml"), _Content(text, telling), "content.xml")
        if not text.is_full:
            pages = _Content(text, telling, within=frozenset({"header", "footer"}))
            walk(package.stream("styles.xml"), pages, "styles.xml")
    return extracted(text, telling)


def _refuse_encrypted(package: Package) -> None:
    # The manifest of older documents declares a document type, so it is not read as XML.
    manifest = package.small("META-INF/manifest.xml")
    if b"encryption-data" in manifest or "encrypted-package" in package:
        raise Unextractable(Reason.ENCRYPTED, "it needs a password")


def _is_opendocument(head: bytes, name: str) -> bool:  # noqa: ARG001 -- the signature of all detections
    return head.startswith(b"PK\x03\x04") and b"mimetypeapplication/vnd.oasis.opendocument." in head[:100]


OPENDOCUMENT = Extractor(
    name="opendocument",
    version=1,
    extract=read_opendocument,
    extensions=frozenset({"odt", "ott", "odm", "ods", "ots", "odp", "otp", "odg", "otg"}),
    detect=_is_opendocument,
)
