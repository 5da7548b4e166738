"""Documents that were made to hurt, each from a few lines."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping

MIB = 1024 * 1024
DEPTH = 200_000
_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_TYPES = b"""<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">\
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>\
<Override PartName="/word/document.xml" ContentType=\
"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>"""
_RELATIONS = b"""<?xml version="1.0"?>\
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" \
Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" \
Target="word/document.xml"/></Relationships>"""


def docx(body: bytes, *, before: bytes = b"", more: Mapping[str, bytes] | None = None) -> bytes:
    """A document with this body; `before` stands before its root."""
    document = b'<?xml version="1.0"?>' + before + f"<w:document {_W}><w:body>".encode() + body
    parts = {
        "[Content_Types].xml": _TYPES,
        "_rels/.rels": _RELATIONS,
        "word/document.xml": document + b"</w:body></w:document>",
        **(more or {}),
    }
    return zipped(parts)


def zipped(parts: Mapping[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return held.getvalue()


def paragraph(text: bytes) -> bytes:
    return b"<w:p><w:r><w:t>" + text + b"</w:t></w:r></w:p>"


def lying_docx(said: int) -> bytes:
    """A document that unpacks to 64 MiB and says that it has so many bytes."""
    true = 64 * MIB
    content = docx(b" " * true)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = archive.getinfo("word/document.xml").file_size
    return content.replace(size.to_bytes(4, "little"), said.to_bytes(4, "little"))


def laughs() -> bytes:
    """Entities of entities of entities: some lines that stand for a thousand million words."""
    lines = ['<!ENTITY a0 "laugh ">']
    lines += [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)]
    return f"<!DOCTYPE x [{''.join(lines)}]>".encode()


def pdf(*objects: bytes, trailer: bytes = b"") -> bytes:
    """A file with these objects, numbered from 1; the first is its catalog."""
    content, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    end += b"trailer\n<</Size %d/Root 1 0 R%s>>\n" % (len(objects) + 1, trailer)
    return content + end + b"startxref\n%d\n%%%%EOF\n" % len(content)


def stream(content: bytes, more: bytes = b"") -> bytes:
    return b"<</Length %d%s>>stream\n%s\nendstream" % (len(content), more, content)


FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
CATALOG = b"<</Type/Catalog/Pages 2 0 R>>"
PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R/Resources<</XObject<</X 4 0 R>>>>>>"


def plain_pdf(*, trailer: bytes = b"") -> bytes:
    page = PAGE.replace(b"/XObject<</X 4 0 R>>", b"/Font<</F 5 0 R>>")
    shown = stream(b"BT /F 12 Tf 10 100 Td (Hello from a page) Tj ET")
    return pdf(CATALOG, b"<</Type/Pages/Kids[3 0 R]/Count 1>>", page, shown, FONT, trailer=trailer)


def endless_pdf() -> bytes:
    """The same page a hundred thousand times over, a thousand letters on each."""
    levels = 5
    tree = [
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (b"%d 0 R " % (level + 6) * 10, 10 ** (levels - level))
        for level in range(levels)
    ]
    page = PAGE.replace(b"/XObject<</X 4 0 R>>", b"/Font<</F 5 0 R>>")
    shown = stream(b"BT /F 12 Tf 10 100 Td (" + b"word " * 200 + b") Tj ET")
    return pdf(CATALOG, tree[0], page, shown, FONT, *tree[1:], page)


CORPUS: dict[str, bytes] = {
    "bomb.docx": docx(b" " * (64 * MIB)),
    "bomb-in-a-part.docx": docx(paragraph(b"little"), more={"word/footnotes.xml": b"<a>" + b" " * (64 * MIB)}),
    "many-parts.docx": docx(b"", more={f"word/header{n}.xml": b"<a>" + b" " * MIB for n in range(64)}),
    "lying.docx": lying_docx(100),
    "outside.docx": docx(paragraph(b"&x;"), before=b'<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
    "outside-dtd.docx": docx(paragraph(b"a"), before=b'<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">'),
    "laughs.docx": docx(paragraph(b"&a9;"), before=laughs()),
    "deep.docx": docx(b"<w:p>" * DEPTH + b"</w:p>" * DEPTH),
    "wide.docx": docx(paragraph(b"word ") * 400_000),
    "attributes.docx": docx(b"<w:p " + b" ".join(b'a%d="1"' % n for n in range(100_000)) + b"/>"),
    "cut.docx": docx(paragraph(b"text") * 1000)[:-500],
    "nothing.docx": zipped({"[Content_Types].xml": _TYPES}),
    "old-and-encrypted.docx": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + "EncryptedPackage".encode("utf-16-le"),
    "deep.html": b"<html><body>" + b"<div>" * DEPTH + b"deep" + b"</div>" * DEPTH,
    "deep-and-broken.html": b"<table><tr><td><b><i>" * DEPTH,
    "laughs.html": laughs() + b"<html><body>&a9;</body></html>",
    "deep.json": b"[" * 10 * DEPTH,
    "deep.rtf": b"{\\rtf1 " + b"{" * DEPTH,
    "binary.rtf": b"{\\rtf1 \\bin999999999999 x",
    "deep.md": b"---\n" + b"> " * DEPTH,
    "line.csv": b"a," * 10 * MIB,
    "backslashes.json": b"\\" * 4 * MIB,
    "plain.pdf": plain_pdf(),
    "cut.pdf": plain_pdf()[:250],
    "cyclic-tree.pdf": pdf(CATALOG, b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 1000000>>"),
    "many-pages.pdf": pdf(CATALOG, b"<</Type/Pages/Kids[3 0 R]/Count 1000000000>>", PAGE, stream(b"")),
    "endless.pdf": endless_pdf(),
    "cyclic-form.pdf": pdf(
        CATALOG,
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        PAGE,
        stream(b"/X Do " * 100, b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 4 0 R>>>>"),
    ),
    "bomb.pdf": pdf(
        CATALOG,
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        PAGE,
        stream(zlib.compress(b"q " * (64 * MIB)), b"/Filter/FlateDecode"),
    ),
    "encrypted.pdf": plain_pdf(
        trailer=b"/ID[<00><00>]/Encrypt<</Filter/Standard/V 2/R 3/Length 128/P -1/O<%s>/U<%s>>>"
        % (b"11" * 32, b"22" * 32)
    ),
}
