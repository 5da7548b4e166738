"""Reads the sheets of Excel since 2007 (xlsx) as they stream by.

Libraries make a table of all cells between the first and the last one: two cells at the ends of a sheet, a kilobyte in
the file, take all memory. Here a cell costs what it says, and reading stops when there is enough text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import BinaryIO

from actors.extracting.extractor import Extractor, Limits, TextGatherer
from actors.extracting.formats.cell_dates import BUILT_IN_DATES, date_of, shows_date
from actors.extracting.formats.package import Package, open_package
from actors.extracting.formats.reading import broken
from actors.extracting.formats.relations import add_core_properties, main_part, relations_of
from actors.extracting.formats.telling import Telling, Word, extracted
from actors.extracting.formats.xml import Walker, walk
from actors.extracting.outcomes import Extracted

MOST_CELL = 32_767
"""Characters that Excel allows in a cell."""
MOST_STRINGS = 32_000_000
"""Characters of strings that cells share, kept while the sheets are read; the rest are blank."""


class _Strings(Walker):
    """Takes the strings that cells share, in the order by which cells name them."""

    skipped = frozenset({"rPh", "rPr"})

    def __init__(self) -> None:
        super().__init__()
        self.strings: list[str] = []
        self._pieces: list[str] | None = None
        self._is_text = False
        self._left = MOST_STRINGS

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "si":
            self._pieces = []
        elif name == "t":
            self._is_text = True

    def told(self, text: str) -> None:
        if self._is_text and self._pieces is not None:
            self._pieces.append(text)

    def closed(self, name: str) -> None:
        if name == "t":
            self._is_text = False
        elif name == "si" and self._pieces is not None:
            whole = "".join(self._pieces)[: min(MOST_CELL, self._left)]
            self._left -= len(whole)
            self.strings.append(whole)
            self._pieces = None


class _Styles(Walker):
    """Takes which styles show a number as a date."""

    def __init__(self) -> None:
        super().__init__()
        self.dates: set[str] = set()
        """The numbers of these styles, as cells write them."""
        self._formats: dict[str, bool] = {}
        self._count = 0
        self._is_list = False

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "numFmt":
            self._formats[attributes.get("numFmtId", "")] = shows_date(attributes.get("formatCode", ""))
        elif name == "cellXfs":
            self._is_list = True
        elif name == "xf" and self._is_list:
            number = attributes.get("numFmtId", "0")
            if self._formats.get(number, number in BUILT_IN_DATES):
                self.dates.add(str(self._count))
            self._count += 1

    def closed(self, name: str) -> None:
        if name == "cellXfs":
            self._is_list = False


class _Cells(Walker):
    """Takes the values of the cells of one sheet, a line for each row."""

    skipped = frozenset({"f", "rPh", "rPr"})

    def __init__(self, text: TextGatherer, strings: list[str], dates: set[str], *, is_1904: bool) -> None:
        super().__init__()
        self._text = text
        self._strings = strings
        self._dates = dates
        self._is_1904 = is_1904
        self._kind = ""
        self._is_date = False
        self._pieces: list[str] | None = None

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "c":
            self._kind = attributes.get("t", "n")
            self._is_date = attributes.get("s") in self._dates
        elif name in ("v", "t"):
            self._pieces = []

    def told(self, text: str) -> None:
        if self._pieces is not None:
            self._pieces.append(text)

    def closed(self, name: str) -> None:
        if name in ("v", "t") and self._pieces is not None:
            value, self._pieces = self._shown("".join(self._pieces)), None
            if value:
                self.is_done = not self._text.add(f"{value[:MOST_CELL]}\t")
        elif name == "row":
            self._text.add("\n")

    def _shown(self, value: str) -> str:
        if self._kind == "s":
            number = int(value) if value.isdecimal() and len(value) < 10 else -1
            return self._strings[number] if 0 <= number < len(self._strings) else ""
        if self._kind == "e":
            return ""
        if self._kind == "b":
            return "true" if value == "1" else "false"
        return date_of(value, is_1904=self._is_1904) if self._is_date and self._kind == "n" else value


class _Outline(Walker):
    """Takes the names of the sheets, and from which day dates are counted."""

    def __init__(self) -> None:
        super().__init__()
        self.sheets: list[tuple[str, str]] = []
        """Name, and the id of the relation that leads to it."""
        self.is_1904 = False

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "sheet":
            relation = next((value for key, value in attributes.items() if key.endswith("}id")), "")
            self.sheets.append((attributes.get("name", ""), relation))
        elif name == "workbookPr":
            self.is_1904 = attributes.get("date1904") in ("1", "true")


def read_workbook(file: BinaryIO, limits: Limits) -> Extracted:
    """Read the names of all sheets, then the cells of one sheet after the other."""
    text, telling = TextGatherer(limits.most_text), Telling()
    with open_package(file, limits) as package:
        main = main_part(package, "xl/workbook.xml")
        if main not in package:
            raise broken("it has no workbook in it")
        if main.lower().endswith(".bin"):
            raise broken("it is a binary workbook by another name")
        add_core_properties(package, telling)
        outline = _Outline()
        walk(package.stream(main), outline, main)
        for name, _ in outline.sheets:
            telling.add(Word.SHEET, name)
        _add_sheets(package, main, outline, text)
    return extracted(text, telling)


def _add_sheets(package: Package, main: str, outline: _Outline, text: TextGatherer) -> None:
    relations = relations_of(package, main)
    kinds = {relation.kind: relation.part for relation in reversed(relations)}
    strings, styles = _Strings(), _Styles()
    for kind, walker in (("sharedStrings", strings), ("styles", styles)):
        if kind in kinds:
            walk(package.stream(kinds[kind]), walker, kinds[kind])
    parts = {relation.id: relation.part for relation in relations if relation.kind == "worksheet"}
    for part in dict.fromkeys(parts[key] for _, key in outline.sheets if key in parts):
        if text.is_full:
            return
        cells = _Cells(text, strings.strings, styles.dates, is_1904=outline.is_1904)
        walk(package.stream(part), cells, part)
        text.add("\n")


def _is_workbook(head: bytes, name: str) -> bool:  # noqa: ARG001 -- the signature of all detections
    return head.startswith(b"PK\x03\x04") and b"xl/workbook.xml" in head


WORKBOOK = Extractor(
    name="xlsx",
    version=1,
    extract=read_workbook,
    extensions=frozenset({"xlsx", "xlsm", "xltx", "xltm"}),
    detect=_is_workbook,
)
