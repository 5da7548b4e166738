"""Reads the documents and presentations of Microsoft Office since 2007 (Office Open XML)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from actors.extracting.extractor import Extractor, Limits, TextGatherer
from actors.extracting.formats.package import Package, open_package
from actors.extracting.formats.reading import broken
from actors.extracting.formats.relations import Relation, add_core_properties, main_part, relations_of
from actors.extracting.formats.telling import Telling, extracted
from actors.extracting.formats.xml import Walker, walk
from actors.extracting.outcomes import Extracted

_SIDE_PARTS = ("header", "footer", "footnotes", "endnotes", "comments", "diagramData", "chart")
"""What is read after the body of a document, in this order."""
_SLIDE_PARTS = ("diagramData", "chart", "notesSlide", "comments")

_TEXTS = frozenset({"t", "text"})
_BREAKS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "txbxContent": "\n"}
_ENDS = {"p": "\n", "tc": "\t", "tr": "\n", "txbxContent": "\n", "comment": "\n"}
_DIGITS = re.compile(r"\d{1,9}", re.ASCII)


class _Story(Walker):
    """Takes the text of paragraphs and tables; those of Word and those of drawings have the same local names.

    Left out: settings (their tabs are no characters), what was deleted or moved elsewhere, the older form of a text box
    that is there twice, and fields of a slide such as its number.
    """

    skipped = frozenset({"pPr", "rPr", "sectPr", "tblPr", "del", "moveFrom", "Fallback", "fld"})

    def __init__(self, text: TextGatherer) -> None:
        super().__init__()
        self._text = text
        self._is_text = False

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        if name in _TEXTS:
            self._is_text = True
        elif name in _BREAKS:
            self._text.add(_BREAKS[name])

    def told(self, text: str) -> None:
        if self._is_text:
            self.is_done = not self._text.add(text)

    def closed(self, name: str) -> None:
        if name in _TEXTS:
            self._is_text = False
        elif name in _ENDS:
            self._text.add(_ENDS[name])


class _SlideList(Walker):
    """Takes the order of the slides."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: dict[str, None] = {}

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "sldId":
            # There is an `id` without a name space, too, which is a number of its own.
            self.ids.update({value: None for key, value in attributes.items() if key.endswith("}id")})


def read_document(file: BinaryIO, limits: Limits) -> Extracted:
    """Read the body of a Word document, then its headers, footers, notes, comments and diagrams."""
    text, telling = TextGatherer(limits.most_text), Telling()
    with open_package(file, limits) as package:
        body = main_part(package, "word/document.xml")
        if body not in package:
            raise broken("it has no document in it")
        add_core_properties(package, telling)
        _add(package, [body, *_sorted(relations_of(package, body), _SIDE_PARTS)], text)
    return extracted(text, telling)


def read_presentation(file: BinaryIO, limits: Limits) -> Extracted:
    """Read the slides of a presentation in their order, each with its diagrams, notes and comments."""
    text, telling = TextGatherer(limits.most_text), Telling()
    with open_package(file, limits) as package:
        main = main_part(package, "ppt/presentation.xml")
        if main not in package:
            raise broken("it has no presentation in it")
        add_core_properties(package, telling)
        for slide in _slides(package, main):
            _add(package, [slide], text)
            if text.is_full:
                break
            _add(package, _sorted(relations_of(package, slide), _SLIDE_PARTS), text)
    return extracted(text, telling)


def _slides(package: Package, main: str) -> Iterator[str]:
    listed = _SlideList()
    walk(package.stream(main), listed, main)
    parts = {relation.id: relation.part for relation in relations_of(package, main) if relation.kind == "slide"}
    yield from dict.fromkeys(parts[key] for key in listed.ids if key in parts)


def _sorted(relations: list[Relation], kinds: tuple[str, ...]) -> list[str]:
    """Return the parts of these kinds, by kind and then by the numbers in their names."""
    chosen = {relation.part: kinds.index(relation.kind) for relation in relations if relation.kind in kinds}
    return sorted(chosen, key=lambda part: (chosen[part], [int(n) for n in _DIGITS.findall(part)[:4]], part))


def _add(package: Package, parts: list[str], text: TextGatherer) -> None:
    for part in parts:
        if text.is_full:
            return
        walk(package.stream(part), _Story(text), part)
        text.add("\n")


def _is_document(head: bytes, name: str) -> bool:  # noqa: ARG001 -- the signature of all detections
    return head.startswith(b"PK\x03\x04") and b"word/document" in head


def _is_presentation(head: bytes, name: str) -> bool:  # noqa: ARG001
    return head.startswith(b"PK\x03\x04") and b"ppt/presentation" in head


DOCUMENT = Extractor(
    name="docx",
    version=1,
    extract=read_document,
    extensions=frozenset({"docx", "docm", "dotx", "dotm"}),
    detect=_is_document,
)
PRESENTATION = Extractor(
    name="pptx",
    version=1,
    extract=read_presentation,
    extensions=frozenset({"pptx", "pptm", "ppsx", "ppsm", "potx", "potm"}),
    detect=_is_presentation,
)
