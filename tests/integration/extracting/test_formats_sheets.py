"""What is read of sheets."""

from __future__ import annotations

import pytest

from actors.extracting.extractor import Limits
from actors.extracting.formats.cell_dates import date_of, shows_date
from actors.extracting.formats.opendocument import OPENDOCUMENT
from actors.extracting.formats.sheets import SHEETS
from actors.extracting.formats.workbook import WORKBOOK
from actors.extracting.outcomes import Reason
from tests.integration.extracting.documents import ole, opendocument, xls, xlsb, xlsx, zipped
from tests.integration.extracting.reading import read, refusal

_STYLES = (
    '<numFmts><numFmt numFmtId="170" formatCode="[$-407]d. mmmm yyyy"/><numFmt numFmtId="171" formatCode="0.0 &quot;days&quot;"/>'
    '</numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>'
    '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="170"/><xf numFmtId="171"/></cellXfs>'
)


def test_workbook_gives_sheets_in_order_and_cells_by_rows():
    rows = (
        '<row><c r="A1" t="s"><v>1</v></c><c r="B1"><v>2.5</v></c><c r="C1" t="s"><v>9</v></c></row>'
        '<row><c t="inlineStr"><is><t>in</t><t>line</t></is></c><c t="b"><v>1</v></c><c t="e"><v>#N/A</v></c></row>'
        '<row><c t="str"><f>A1&amp;B1</f><v>result</v></c><c/></row>'
    )

    given = read(WORKBOOK, xlsx({"Büro": rows, "Two": ""}, ["<t>zero</t>", "<r><t>sh</t></r><r><t>ared</t></r>"]))

    lines = [line.split() for line in given.text.splitlines()]
    assert lines == [["shared", "2.5"], ["in", "line", "true"], ["result"]]
    assert given.meta == (("sheet", "Büro"), ("sheet", "Two"))


def test_numbers_shown_as_dates_are_read_as_dates():
    rows = "<row>" + "".join(f'<c s="{style}"><v>45000.5</v></c>' for style in range(4)) + "</row>"

    shown = read(WORKBOOK, xlsx({"S": rows}, styles=_STYLES)).text.split("\t")

    assert shown == ["45000.5", "2023-03-15 12:00:00", "2023-03-15 12:00:00", "45000.5"]


def test_workbook_of_a_mac_counts_its_days_from_1904():
    rows = '<row><c s="1"><v>1</v></c></row>'

    assert read(WORKBOOK, xlsx({"S": rows}, styles=_STYLES, is_1904=True)).text == "1904-01-02"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("1", "1900-01-01"),
        ("59", "1900-02-28"),
        ("61", "1900-03-01"),
        ("0.5", "12:00:00"),
        ("-1", "-1"),
        ("1e400", "1e400"),
        ("nan", "nan"),
        ("x", "x"),
        ("2958465.9999999", "2958465.9999999"),
    ],
)
def test_days_stand_for_dates(value, shown):
    assert date_of(value, is_1904=False) == shown


@pytest.mark.parametrize(
    ("code", "shows"),
    [
        ("yyyy-mm-dd", True),
        ("0.00", False),
        ('0 "days"', False),
        ("[Red]0", False),
        ("[h]:mm", True),
        ("General", False),
    ],
)
def test_formats_show_dates_by_their_letters(code, shows):
    assert shows_date(code) is shows


def test_two_cells_at_the_ends_of_a_sheet_cost_what_two_cells_cost():
    rows = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>'

    assert read(WORKBOOK, xlsx({"S": rows})).text.split() == ["1", "2"]


def test_large_sheet_is_read_until_there_is_enough_text():
    rows = "".join(f"<row><c><v>{number}</v></c></row>" for number in range(100_000))

    given = read(WORKBOOK, xlsx({"S": rows}), Limits(most_text=1000))

    assert given.text.split()[:3] == ["0", "1", "2"]
    assert len(given.text) <= 1000


def test_old_workbook_gives_its_cells_and_the_name_of_its_sheet():
    given = read(SHEETS, xls("Konten", {(0, 0): "Straße", (0, 3): 7.0, (2, 1): 2.5}))

    assert given.text == "Straße\t7\n2.5"
    assert given.meta == (("sheet", "Konten"),)


def test_binary_workbook_gives_its_cells_and_tells_its_title():
    given = read(SHEETS, xlsb("Konten", {(0, 0): "Straße", (0, 1): 7.0, (2, 1): "x"}))

    assert given.text == "Straße\t7\nx"
    assert given.meta == (("title", "Binary"), ("sheet", "Konten"))


def test_opendocument_sheet_is_read_once_though_its_rows_are_repeated():
    cell = '<table:table-cell table:number-columns-repeated="16384"><text:p>{}</text:p></table:table-cell>'
    rows = (
        f'<table:table-row table:number-rows-repeated="1048576">{cell.format("a")}{cell.format("b")}</table:table-row>'
    )

    given = read(OPENDOCUMENT, opendocument("spreadsheet", f'<table:table table:name="Blatt">{rows}</table:table>'))

    assert given.text.split() == ["a", "b"]
    assert given.meta == (("sheet", "Blatt"),)


def test_workbooks_that_cannot_be_read_say_why():
    assert refusal(WORKBOOK, ole({"EncryptedPackage": b"x"})) is Reason.ENCRYPTED
    assert refusal(WORKBOOK, zipped({"a": "b"})) is Reason.BROKEN
    assert refusal(SHEETS, b"no workbook") is Reason.BROKEN
    assert refusal(SHEETS, ole({"Other": b"x"})) is Reason.BROKEN
    assert refusal(SHEETS, zipped({"xl/workbook.bin": b"x"})) is Reason.BROKEN
