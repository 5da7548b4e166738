"""Reads the text of PDF documents, page by page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import TYPE_CHECKING, BinaryIO

from actors.extracting.extractor import Extractor, Limits, TextGatherer
from actors.extracting.formats.reading import broken, faults
from actors.extracting.formats.telling import Telling, Word, extracted
from actors.extracting.outcomes import Extracted, Reason, Unextractable

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

MOST_PAGES = 20_000
MOST_BROKEN_PAGES = 100
"""Then the rest of the pages is not tried: a broken list of pages may claim two thousand million."""

_WORDS = {
    "Title": Word.TITLE,
    "Author": Word.AUTHOR,
    "Subject": Word.SUBJECT,
    "Keywords": Word.KEYWORDS,
    "CreationDate": Word.CREATED,
    "ModDate": Word.MODIFIED,
}
_DATE = re.compile(r"D:(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?")
_HYPHEN = "\x02"
"""What the library puts where a word is parted at the end of a line; it joins the parts already."""


def read_pdf(file: BinaryIO, limits: Limits) -> Extracted:
    """Read the pages in their order until there is enough text; pictures of text give none."""
    text, telling = TextGatherer(limits.most_text), Telling()
    with faults("it does not read as a PDF document"), closing(_opened(file)) as document:
        for key, word in _WORDS.items():
            # Half of a pair of characters is refused.
            with suppress(UnicodeDecodeError):
                telling.add(word, _date(document.get_metadata_value(key)))
        for page in _pages(document):
            if not text.add(page.replace(_HYPHEN, "")) or not text.add("\n"):
                break
    return extracted(text, telling)


def _opened(file: BinaryIO) -> PdfDocument:
    import pypdfium2
    from pypdfium2.raw import FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY

    try:
        return pypdfium2.PdfDocument(file)
    except pypdfium2.PdfiumError as error:
        if error.err_code in (FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY):
            raise Unextractable(Reason.ENCRYPTED, "it needs a password") from error
        raise


def _pages(document: PdfDocument) -> Iterator[str]:
    """Give the text of each page that can be read.

    Raises Unextractable if there are some and none can be read.
    """
    from pypdfium2 import PdfiumError

    read = failed = 0
    for number in range(min(len(document), MOST_PAGES)):
        try:
            with closing(document[number]) as page, closing(page.get_textpage()) as content:
                text = content.get_text_bounded()
        except PdfiumError:
            failed += 1
            if failed > MOST_BROKEN_PAGES:
                break
            continue
        read += 1
        yield text
    if failed and not read:
        raise broken("none of its pages can be read")


def _date(value: str) -> str:
    """Return a date as `2026-11-23 10:30:00`, as far as it goes; anything else as it is."""
    match = _DATE.match(value)
    if match is None:
        return value
    year, month, day, *clock = match.groups()
    date = "-".join(part for part in (year, month, day) if part)
    return f"{date} {':'.join(clock)}" if all(clock) else date


def _is_pdf(head: bytes, name: str) -> bool:  # noqa: ARG001 -- the signature of all detections
    return b"%PDF-" in head[:1024]


PDF = Extractor(name="pdf", version=1, extract=read_pdf, extensions=frozenset({"pdf"}), detect=_is_pdf)
