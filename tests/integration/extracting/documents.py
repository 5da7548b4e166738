"""Makes small real documents by hand, for the extractors to read."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping

XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_CORE = "http://schemas.openxmlformats.org/package/2006/metadata/core-properties"
_DC = 'xmlns:dc="http://purl.org/dc/elements/1.1/"'


def zipped(parts: Mapping[str, str | bytes], *, stored: Iterable[str] = ()) -> bytes:
    """A zip file of these parts, in this order."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content, zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED)
    return made.getvalue()


def relations(*targets: tuple[str, str]) -> str:
    """The part that names others, by the last word of their kind and their place; ids are r1, r2 …"""
    rows = "".join(
        f'<Relationship Id="r{number}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, 1)
    )
    return f'{XML}<Relationships xmlns="{_RELATIONS}">{rows}</Relationships>'


def core(**words: str) -> str:
    """What a document says of itself, by the names of Dublin Core."""
    rows = "".join(f"<dc:{name}>{value}</dc:{name}>" for name, value in words.items())
    return f'{XML}<cp:coreProperties xmlns:cp="{_CORE}" {_DC}>{rows}</cp:coreProperties>'


def paragraphs(*texts: str) -> str:
    """Paragraphs of Word."""
    return "".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in texts)


def word_part(content: str, root: str = "document") -> str:
    """A part of a Word document."""
    return f'{XML}<w:{root} xmlns:w="{WORD}">{content}</w:{root}>'


def docx(body: str, others: Mapping[str, str] | None = None, **properties: str) -> bytes:
    """A Word document; the other parts are named by their kinds: header, footer, footnotes …"""
    others = others or {}
    parts = {
        "[Content_Types].xml": f"{XML}<Types/>",
        "_rels/.rels": relations(("officeDocument", "word/document.xml"), ("core-properties", "docProps/core.xml")),
        "word/document.xml": word_part(f"<w:body>{body}</w:body>"),
        "word/_rels/document.xml.rels": relations(*((kind, f"{kind}1.xml") for kind in others)),
        "docProps/core.xml": core(**properties),
    }
    parts |= {f"word/{kind}1.xml": word_part(content, "part") for kind, content in others.items()}
    return zipped(parts)


def slide(*texts: str) -> str:
    """A slide, or its notes."""
    rows = "".join(f"<a:p><a:r><a:t>{text}</a:t></a:r></a:p>" for text in texts)
    return f'{XML}<p:sld xmlns:p="urn:p" xmlns:a="{DRAWING}"><p:txBody>{rows}</p:txBody></p:sld>'


def pptx(slides: Mapping[str, str], order: Iterable[int], notes: Mapping[str, str] | None = None) -> bytes:
    """A presentation; the order names slides by their number in the mapping, from 1."""
    listed = "".join(f'<p:sldId id="{number + 255}" r:id="r{number}"/>' for number in order)
    parts = {
        "_rels/.rels": relations(("officeDocument", "ppt/presentation.xml")),
        "ppt/presentation.xml": f'{XML}<p:presentation xmlns:p="urn:p" xmlns:r="{OFFICE}"><p:sldIdLst>{listed}'
        "</p:sldIdLst></p:presentation>",
        "ppt/_rels/presentation.xml.rels": relations(*(("slide", f"slides/{name}.xml") for name in slides)),
    }
    parts |= {f"ppt/slides/{name}.xml": content for name, content in slides.items()}
    for name, content in (notes or {}).items():
        parts[f"ppt/slides/_rels/{name}.xml.rels"] = relations(("notesSlide", f"../notesSlides/{name}.xml"))
        parts[f"ppt/notesSlides/{name}.xml"] = content
    return zipped(parts)


def xlsx(sheets: Mapping[str, str], strings: Iterable[str] = (), styles: str = "", *, is_1904: bool = False) -> bytes:
    """A workbook; a sheet is the XML of its rows."""
    names = "".join(f'<sheet name="{name}" sheetId="{n}" r:id="r{n}"/>' for n, name in enumerate(sheets, 1))
    targets = [("worksheet", f"worksheets/sheet{number}.xml") for number in range(1, len(sheets) + 1)]
    shared = "".join(f"<si>{string}</si>" for string in strings)
    parts = {
        "_rels/.rels": relations(("officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'{XML}<workbook xmlns="{SHEET}" xmlns:r="{OFFICE}"><workbookPr date1904="{int(is_1904)}"/>'
        f"<sheets>{names}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": relations(
            *targets, ("sharedStrings", "sharedStrings.xml"), ("styles", "styles.xml")
        ),
        "xl/sharedStrings.xml": f'{XML}<sst xmlns="{SHEET}">{shared}</sst>',
        "xl/styles.xml": f'{XML}<styleSheet xmlns="{SHEET}">{styles}</styleSheet>',
    }
    for (_, place), rows in zip(targets, sheets.values(), strict=True):
        parts[f"xl/{place}"] = f'{XML}<worksheet xmlns="{SHEET}"><sheetData>{rows}</sheetData></worksheet>'
    return zipped(parts)


_ODF = 'xmlns:office="urn:o" xmlns:text="urn:t" xmlns:table="urn:tb" xmlns:style="urn:s" xmlns:draw="urn:d"'


def opendocument(kind: str, content: str, *, styles: str = "", meta: str = "", manifest: str = "") -> bytes:
    """A document of LibreOffice."""
    parts = {
        "mimetype": f"application/vnd.oasis.opendocument.{kind}",
        "content.xml": f"{XML}<office:document-content {_ODF}>{content}</office:document-content>",
        "styles.xml": f"{XML}<office:document-styles {_ODF}>{styles}</office:document-styles>",
        "meta.xml": f'{XML}<office:document-meta {_ODF} {_DC} xmlns:meta="urn:m">{meta}</office:document-meta>',
        "META-INF/manifest.xml": f"{XML}<manifest>{manifest}</manifest>",
    }
    return zipped(parts, stored=["mimetype"])


def epub(chapters: Mapping[str, str], order: Iterable[str], locks: str = "", **properties: str) -> bytes:
    """A book; chapters by their names, and the order in which they are read."""
    items = "".join(
        f'<item id="{name}" href="text/{name}.xhtml" media-type="application/xhtml+xml"/>' for name in chapters
    )
    spine = "".join(f'<itemref idref="{name}"/>' for name in order)
    said = "".join(f"<dc:{name}>{value}</dc:{name}>" for name, value in properties.items())
    parts = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": f'{XML}<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>',
        "OPS/book.opf": f"{XML}<package><metadata {_DC}>{said}</metadata><manifest>{items}</manifest>"
        f"<spine>{spine}</spine></package>",
    }
    parts |= {f"OPS/text/{name}.xhtml": content for name, content in chapters.items()}
    if locks:
        parts["META-INF/encryption.xml"] = f'<encryption><CipherReference URI="{locks}"/></encryption>'
    return zipped(parts, stored=["mimetype"])


def pdf(pages: Iterable[str], *, title: str = "", password: str = "") -> bytes:
    """A PDF document with a line of text on each page; with a password, it is encrypted the oldest way (RC4, 40 bit)."""
    pages = list(pages)
    key, encryption = _encryption(password) if password else (b"", b"")
    kids = b" ".join(b"%d 0 R" % (4 + 2 * number) for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(pages)),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, line in enumerate(pages):
        content = zlib.compress(b"BT /F1 24 Tf 72 700 Td (%s) Tj ET" % line.encode("latin-1"))
        if key:
            content = _rc4(hashlib.md5(key + struct.pack("<I", 5 + 2 * number)[:3] + b"\0\0").digest()[:10], content)
        objects += [
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R"
            b" /Resources << /Font << /F1 3 0 R >> >> >>" % (5 + 2 * number),
            b"<< /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        ]
    objects.append(b"<< /Title (%s) /CreationDate (D:20260102030405Z) >>" % title.encode("latin-1"))
    return _file_of(objects, encryption)


def _file_of(objects: list[bytes], encryption: bytes) -> bytes:
    made = b"%PDF-1.4\n"
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return made + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R /Info %d 0 R %s>>\nstartxref\n%d\n%%%%EOF\n"
        % (len(objects) + 1, table, len(objects) + 1, len(objects), encryption, len(made))
    )


_PAD = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
_ID = bytes(16)


def _encryption(password: str) -> tuple[bytes, bytes]:
    padded = (password.encode() + _PAD)[:32]
    owner = _rc4(hashlib.md5(padded).digest()[:5], padded)
    key = hashlib.md5(padded + owner + struct.pack("<i", -4) + _ID).digest()[:5]
    user = _rc4(key, _PAD)
    values = (owner.hex().encode(), user.hex().encode(), _ID.hex().encode(), _ID.hex().encode())
    return key, b"/Encrypt << /Filter /Standard /V 1 /R 2 /O <%s> /U <%s> /P -4 >> /ID [<%s> <%s>] " % values


def _rc4(key: bytes, content: bytes) -> bytes:
    box = list(range(256))
    other = 0
    for number in range(256):
        other = (other + box[number] + key[number % len(key)]) % 256
        box[number], box[other] = box[other], box[number]
    made = bytearray()
    one = two = 0
    for byte in content:
        one = (one + 1) % 256
        two = (two + box[one]) % 256
        box[one], box[two] = box[two], box[one]
        made.append(byte ^ box[(box[one] + box[two]) % 256])
    return bytes(made)


def ole(streams: Mapping[str, bytes]) -> bytes:
    """A container of Office before 2007; each stream is filled up with zeros to at least 4 KiB."""
    sectors: list[bytes] = []
    chain: list[int] = []
    entries = [_entry("Root Entry", 5, 0xFFFFFFFE, 0, child=1 if streams else 0xFFFFFFFF)]
    for number, (name, content) in enumerate(streams.items(), 2):
        padded = content.ljust(max(4096, -(-len(content) // 512) * 512), b"\0")
        start, count = len(sectors), len(padded) // 512
        sectors += [padded[place : place + 512] for place in range(0, len(padded), 512)]
        chain += [*range(start + 1, start + count), 0xFFFFFFFE]
        entries.append(_entry(name, 2, start, len(padded), right=number if number <= len(streams) else 0xFFFFFFFF))
    folder = b"".join(entries).ljust(-(-len(entries) // 4) * 512, b"\0")
    folder_start = len(sectors)
    sectors += [folder[place : place + 512] for place in range(0, len(folder), 512)]
    chain += [*range(folder_start + 1, len(sectors)), 0xFFFFFFFE]
    table_place = len(sectors)
    chain.append(0xFFFFFFFD)
    table = struct.pack(f"<{len(chain)}I", *chain).ljust(512, b"\xff")
    assert len(table) == 512, "one table has room for 128 sectors"
    head = struct.pack(
        "<8s16xHHHHH6xIIIIIIIII",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        0x3E,
        3,
        0xFFFE,
        9,
        6,
        0,
        1,
        folder_start,
        0,
        4096,
        0xFFFFFFFE,
        0,
        0xFFFFFFFE,
        0,
    )
    tables = struct.pack("<I", table_place).ljust(436, b"\xff")
    return head + tables + b"".join(sectors) + table


def _entry(name: str, kind: int, start: int, size: int, *, right: int = 0xFFFFFFFF, child: int = 0xFFFFFFFF) -> bytes:
    raw = name.encode("utf-16-le")
    return raw.ljust(64, b"\0") + struct.pack(
        "<HBBIII16xI16xIQ", len(raw) + 2, kind, 1, 0xFFFFFFFF, right, child, 0, start, size
    )


def xls(name: str, cells: Mapping[tuple[int, int], str | float]) -> bytes:
    """A workbook of Excel 97 with one sheet of texts and numbers."""
    sheet = _record(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0, 0, 0, 0))
    for (row, column), value in cells.items():
        if isinstance(value, str):
            text = struct.pack("<HB", len(value), 1) + value.encode("utf-16-le")
            sheet += _record(0x204, struct.pack("<HHH", row, column, 0) + text)
        else:
            sheet += _record(0x203, struct.pack("<HHHd", row, column, 0, value))
    sheet += _record(0x0A, b"")
    start = _record(0x809, struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 0))
    title = struct.pack("<BB", len(name), 0) + name.encode("latin-1")
    place = len(start) + 4 + 6 + len(title) + 4
    bound = _record(0x85, struct.pack("<IBB", place, 0, 0) + title)
    return ole({"Workbook": start + bound + _record(0x0A, b"") + sheet})


def xlsb(name: str, cells: Mapping[tuple[int, int], str | float]) -> bytes:
    """A binary workbook with one sheet of texts and numbers, rows in their order."""
    book = _short_record(156, bytes(8) + _wide("r1") + _wide(name))
    rows = b""
    last = -1
    for (row, column), value in cells.items():
        if row != last:
            rows += _short_record(0, struct.pack("<I", row) + bytes(21))
            last = row
        place = struct.pack("<II", column, 0)
        rows += (
            _short_record(6, place + _wide(value))
            if isinstance(value, str)
            else _short_record(5, place + struct.pack("<d", value))
        )
    size = struct.pack("<IIII", 0, max(row for row, _ in cells), 0, max(column for _, column in cells))
    sheet = _short_record(129, b"") + _short_record(148, size) + _short_record(145, b"") + rows
    parts: dict[str, str | bytes] = {
        "_rels/.rels": relations(("officeDocument", "xl/workbook.bin")),
        "docProps/core.xml": core(title="Binary"),
        "xl/_rels/workbook.bin.rels": relations(("worksheet", "worksheets/sheet1.bin")),
        "xl/workbook.bin": _short_record(131, b"")
        + _short_record(143, b"")
        + book
        + _short_record(144, b"")
        + _short_record(132, b""),
        "xl/worksheets/sheet1.bin": sheet + _short_record(146, b"") + _short_record(130, b""),
    }
    return zipped(parts)


def _wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def _short_record(kind: int, content: bytes) -> bytes:
    """A record of a binary workbook: kind and size in seven bits a byte."""
    head = bytes([kind]) if kind < 128 else bytes([kind & 0x7F | 0x80, kind >> 7])
    size = len(content)
    return head + (bytes([size]) if size < 128 else bytes([size & 0x7F | 0x80, size >> 7])) + content


def _record(kind: int, content: bytes) -> bytes:
    return struct.pack("<HH", kind, len(content)) + content
