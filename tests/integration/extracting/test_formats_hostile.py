"""Documents that are damaged anywhere, or were made to hurt: each gives text or one reason, within its limits.

Damage is made from a fixed seed, so what fails once fails again.
"""

from __future__ import annotations

import io
import random
import time
import zipfile
from collections.abc import Callable, Iterator

import pytest

from actors.extracting.extractor import Limits
from actors.extracting.formats.epub import EPUB
from actors.extracting.formats.mail import MESSAGE
from actors.extracting.formats.office import DOCUMENT, PRESENTATION
from actors.extracting.formats.opendocument import OPENDOCUMENT
from actors.extracting.formats.sheets import SHEETS
from actors.extracting.formats.workbook import WORKBOOK
from actors.extracting.outcomes import Extracted, Reason
from actors.extracting.pool import Extractors
from tests.integration.extracting.conftest import extracted, readers, source
from tests.integration.extracting.documents import (
    XML,
    docx,
    epub,
    opendocument,
    paragraphs,
    pdf,
    pptx,
    slide,
    word_part,
    xls,
    xlsb,
    xlsx,
    zipped,
)
from tests.integration.extracting.media import exif, iptc, jpeg, mp3, png, wav, webp, xmp
from tests.integration.extracting.reading import read, refusal
from tests.waiting import wait_until

MIB = 1024 * 1024
LIMITS = Limits(most_bytes=32 * MIB, memory=384 * MIB)
DAMAGES = 60

_MAIL = b"""Subject: =?utf-8?q?caf=C3=A9?=\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n\n--b
Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n<p>caf=C3=A9</p>\n--b
Content-Type: text/plain; name="x.txt"\nContent-Transfer-Encoding: base64\n\nYWJj\n--b--\n"""
_DOCUMENTS = {
    "docx": docx(paragraphs("some", "words") * 20, {"header": paragraphs("head"), "footnotes": paragraphs("foot")}),
    "pptx": pptx({"slide1": slide("one"), "slide2": slide("two")}, [2, 1], {"slide1": slide("note")}),
    "odt": opendocument("text", "<text:p>some<text:s/>words</text:p>" * 20, meta="<dc:title>T</dc:title>"),
    "epub": epub({"c1": "<html><body><p>one</p></body></html>", "c2": "<p>two"}, ["c2", "c1"], title="B"),
    "xlsx": xlsx({"S": '<row><c t="s"><v>0</v></c><c s="1"><v>45000</v></c></row>' * 20}, ["<t>shared</t>"]),
    "xls": xls("S", {(0, 0): "text", (3, 4): 2.5}),
    "xlsb": xlsb("S", {(0, 0): "text", (3, 4): 2.5}),
    "pdf": pdf(["one", "two", "three"], title="T"),
    "html": b"<!doctype html><meta charset=utf-8><title>t</title><table><tr><td>a<td>b</table><p>caf\xc3\xa9<svg>" * 5,
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><title>t</title><text>caf\xc3\xa9</text></svg>' * 3,
    "eml": _MAIL,
    "mbox": (b"From x@y Mon Jan  5\n" + _MAIL + b"\n") * 3,
    "jpg": jpeg(
        (0xE1, b"Exif\0\0" + exif("Canon", "EOS", "2026:05:01 12:30:00", "sea")),
        (0xED, iptc((25, "sea"))),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp("t", "k")),
    ),
    "png": png((b"tEXt", b"Title\0t"), (b"iTXt", b"Comment\0\0\0\0\0c"), (b"eXIf", exif("A", "B", "", "c"))),
    "webp": webp((b"VP8X", bytes(10)), (b"EXIF", exif("A", "B", "", "c")), (b"XMP ", xmp("t"))),
    "mp3": mp3({"TIT2": "title", "TPE1": "artist"}, lyrics="la"),
    "wav": wav(1, INAM="title"),
}
_BROKEN = {Reason.BROKEN, Reason.ENCRYPTED, Reason.TOO_LARGE, Reason.UNSUPPORTED}
_OF_C = {"pdf", "xls", "xlsb", "html", "svg", "epub", "eml", "mbox"}
"""Their libraries are written in other languages: what ends the process that reads them is told, too."""


@pytest.fixture
def shipped() -> Iterator[Extractors]:
    """The extractors that ship with Rota, in processes that a file can end."""
    with Extractors(processes=1, limits=LIMITS) as extractors:
        yield extractors
    wait_until(lambda: not readers(), timeout=10)


@pytest.mark.parametrize("kind", _DOCUMENTS)
def test_damaged_document_gives_text_or_a_reason(shipped, kind):
    chance = random.Random(kind)
    whole = _DOCUMENTS[kind]
    damaged = {f"{number}.{kind}": _damaged(whole, number, chance) for number in range(DAMAGES)}
    allowed = _BROKEN | {Reason.CRASHED, Reason.MEMORY, Reason.TIMEOUT} if kind in _OF_C else _BROKEN

    told = extracted(shipped, source(f"whole.{kind}", whole), *(source(*pair) for pair in damaged.items()))

    assert isinstance(told.pop(f"whole.{kind}"), Extracted)
    for name, outcome in told.items():
        assert isinstance(outcome, Extracted) or outcome.reason in allowed, (name, outcome, damaged[name])


def _damaged(content: bytes, number: int, chance: random.Random) -> bytes:
    """One damage: cut off, overwritten, left out or doubled; in the parts of a package, or in the file as a whole."""
    if content.startswith(b"PK") and number % 2:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts: dict[str, str | bytes] = {name: archive.read(name) for name in archive.namelist()}
        victim = chance.choice([name for name, part in parts.items() if part])
        parts[victim] = _damaged(bytes(parts[victim]), 0, chance)  # type: ignore[arg-type]
        return zipped(parts)
    start = chance.randrange(len(content))
    end = min(len(content), start + chance.choice((1, 2, 4, 40)))
    ways: list[Callable[[], bytes]] = [
        lambda: content[:start],
        lambda: content[:start] + chance.randbytes(end - start) + content[end:],
        lambda: content[:start] + b"\xff" * (end - start) + content[end:],
        lambda: content[:start] + bytes(end - start) + content[end:],
        lambda: content[:start] + content[end:],
        lambda: content[:end] + content[start:],
    ]
    return chance.choice(ways)()


def _entities(root: str) -> str:
    lines = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    return f'<!DOCTYPE {root} [<!ENTITY a0 "laugh"><!ENTITY x SYSTEM "file:///etc/passwd">{lines}]>'


@pytest.mark.parametrize(
    ("extractor", "content"),
    [
        (DOCUMENT, zipped({"word/document.xml": _entities("d") + f"<d t='&a9;'>{paragraphs('&a9;&x;')}</d>"})),
        (DOCUMENT, zipped({"word/document.xml": (_entities("d") + "<d>&a9;</d>").encode("utf-16")})),
        (WORKBOOK, zipped({"xl/workbook.xml": _entities("w") + "<w>&x;</w>"})),
        (PRESENTATION, zipped({"ppt/presentation.xml": _entities("p") + "<p>&x;</p>"})),
        (OPENDOCUMENT, zipped({"content.xml": _entities("o") + "<o><p>&x;</p></o>"})),
        (EPUB, zipped({"META-INF/container.xml": _entities("c") + "<c>&x;</c>"})),
    ],
)
def test_entities_are_not_read(extractor, content):
    assert refusal(extractor, content) is Reason.UNSUPPORTED


def test_properties_that_declare_entities_end_the_document():
    parts = {"word/document.xml": word_part(paragraphs("x")), "docProps/core.xml": _entities("c") + "<c>&a9;</c>"}

    assert refusal(DOCUMENT, zipped(parts)) is Reason.UNSUPPORTED


@pytest.mark.parametrize(
    ("extractor", "parts"),
    [
        # Made by the test: nobody keeps them longer than it takes.
        (DOCUMENT, lambda: {"word/document.xml": word_part(" " * 64 * MIB)}),
        (DOCUMENT, lambda: {"word/document.xml": word_part("<w:p/>" * 6 * MIB)}),
        (OPENDOCUMENT, lambda: {"content.xml": "<o/>", "META-INF/manifest.xml": " " * 64 * MIB}),
        (EPUB, lambda: {"META-INF/container.xml": f"{XML}<c>{' ' * 64 * MIB}"}),
        (SHEETS, lambda: {"xl/workbook.bin": bytes(64 * MIB)}),
    ],
)
def test_parts_that_unpack_to_too_much_are_too_large(extractor, parts):
    package = zipped(parts())
    started = time.thread_time()

    assert refusal(extractor, package, LIMITS) is Reason.TOO_LARGE
    assert time.thread_time() - started < 10


def test_package_of_very_many_parts_is_too_large():
    many = {f"part{number}": "" for number in range(60_000)}

    assert refusal(DOCUMENT, zipped(many)) is Reason.TOO_LARGE


@pytest.mark.parametrize(
    ("extractor", "content"),
    [
        (DOCUMENT, docx("<w:p>" * 100_000)),
        (WORKBOOK, xlsx({"S": "<row>" * 100_000})),
        (OPENDOCUMENT, opendocument("text", "<text:p>" * 100_000)),
        (EPUB, epub({"c": "<div>" * 100_000}, ["c"])),
    ],
)
def test_elements_nested_without_end_are_too_large(extractor, content):
    assert refusal(extractor, content) is Reason.TOO_LARGE


def test_slides_and_sheets_that_are_listed_a_thousand_times_are_read_once():
    assert read(PRESENTATION, pptx({"slide1": slide("once")}, [1] * 1000)).text == "once"


def test_message_of_parts_without_end_is_read_in_time():
    nested = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (number, number) for number in range(5000)
    )
    started = time.thread_time()

    assert refusal(MESSAGE, b"MIME-Version: 1.0\n" + nested) is Reason.TOO_LARGE
    assert time.thread_time() - started < 10


def test_what_needs_too_much_memory_ends_alone(shipped):
    far = {(row, column): 1.0 for row in (0, 65_535) for column in (0, 255)}
    # Each paragraph opens all fonts again, as browsers do.
    fonts = b"".join(b"<font size=%d>" % number for number in range(100)) + b"<p>word" * 2 * MIB

    told = extracted(
        shipped, source("far.xls", xls("S", far)), source("fonts.html", fonts), source("after.txt", "still read")
    )

    assert told["far.xls"].reason in (Reason.MEMORY, Reason.CRASHED)
    assert told["fonts.html"].reason in (Reason.MEMORY, Reason.CRASHED)
    assert told["after.txt"] == Extracted("still read")
