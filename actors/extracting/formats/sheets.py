"""Reads the sheets of older and of binary workbooks of Excel (xls, xlsb)."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from actors.extracting.extractor import Extractor, Limits, TextGatherer
from actors.extracting.formats.package import OLE, open_package
from actors.extracting.formats.reading import broken, faults, size_of
from actors.extracting.formats.relations import add_core_properties
from actors.extracting.formats.telling import Telling, Word, extracted
from actors.extracting.outcomes import Extracted, Reason, Unextractable

if TYPE_CHECKING:
    from python_calamine import CalamineWorkbook

MOST_XLS = 128 * 1024 * 1024
"""Bytes; it is not packed, and the library keeps all of it."""
MOST_CELL = 32_767


def read_sheets(file: BinaryIO, limits: Limits) -> Extracted:
    """Read the names of all sheets, then the cells of one after the other, a line for each row.

    The library makes a table of all cells between the first and the last of a sheet; where two are far apart, the limit
    of memory ends it.
    """
    from python_calamine import CalamineWorkbook, PasswordError

    text, telling = TextGatherer(limits.most_text), Telling()
    _check_size(file, limits, telling)
    file.seek(0)
    with faults("it does not read as a workbook"):
        try:
            with CalamineWorkbook.from_filelike(file) as workbook:
                for name in workbook.sheet_names:
                    telling.add(Word.SHEET, name)
                _add_sheets(workbook, text)
        except PasswordError as error:
            raise Unextractable(Reason.ENCRYPTED, "it needs a password") from error
        except BaseException as error:
            # What its language calls a panic, here met by wrong bytes, is no Exception and has no name to import.
            if type(error).__name__ != "PanicException":
                raise
            raise broken("it does not read as a workbook", error) from error
    return extracted(text, telling)


def _check_size(file: BinaryIO, limits: Limits, telling: Telling) -> None:
    """Check what the workbook unpacks to before the library unpacks all of it; and read what it says of itself."""
    if file.read(len(OLE)) == OLE:
        if size_of(file) > MOST_XLS:
            raise Unextractable(Reason.TOO_LARGE, f"it has more than {MOST_XLS // 1024 // 1024} MiB")
        return
    with open_package(file, limits) as package:
        add_core_properties(package, telling)
        for part in package.names():
            # Pictures are not unpacked by the library.
            if part.endswith((".bin", ".xml", ".rels")):
                for _ in package.stream(part):
                    pass


def _add_sheets(workbook: CalamineWorkbook, text: TextGatherer) -> None:
    from python_calamine import SheetTypeEnum

    for number, sheet in enumerate(workbook.sheets_metadata):
        if sheet.typ != SheetTypeEnum.WorkSheet:
            continue
        for row in workbook.get_sheet_by_index(number).iter_rows():
            # An empty cell is an empty text; a number that is whole came as one with a point.
            cells = [_shown(cell)[:MOST_CELL] for cell in row if cell != ""]
            if cells and not text.add("\t".join(cells) + "\n"):
                return
        text.add("\n")


def _shown(cell: object) -> str:
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def _is_binary_workbook(head: bytes, name: str) -> bool:  # noqa: ARG001 -- the signature of all detections
    return head.startswith(b"PK\x03\x04") and b"xl/workbook.bin" in head


SHEETS = Extractor(
    name="sheets",
    version=1,
    extract=read_sheets,
    extensions=frozenset({"xls", "xlt", "xlsb"}),
    detect=_is_binary_workbook,
)
