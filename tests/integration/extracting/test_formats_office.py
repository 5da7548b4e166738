"""What is read of documents, presentations and books, in which order, and what is left out."""

from __future__ import annotations

from actors.extracting.extractor import Limits
from actors.extracting.formats.epub import EPUB
from actors.extracting.formats.office import DOCUMENT, PRESENTATION
from actors.extracting.formats.opendocument import OPENDOCUMENT
from actors.extracting.outcomes import Reason
from tests.integration.extracting.documents import (
    docx,
    epub,
    ole,
    opendocument,
    paragraphs,
    pptx,
    relations,
    slide,
    word_part,
    zipped,
)
from tests.integration.extracting.reading import read, refusal


def test_document_gives_body_then_headers_footers_and_notes_whatever_order_names_them():
    others = {kind: paragraphs(f"the {kind}") for kind in ("comments", "endnotes", "footer", "footnotes", "header")}

    given = read(DOCUMENT, docx(paragraphs("first", "second"), others))

    lines = [line for line in given.text.splitlines() if line]
    assert lines == ["first", "second", "the header", "the footer", "the footnotes", "the endnotes", "the comments"]


def test_document_tells_its_title_author_and_keywords():
    given = read(DOCUMENT, docx(paragraphs("x"), title="Plan &amp; Bau", creator="Zoë", keywords="a, b", language="de"))

    assert given.meta == (("title", "Plan & Bau"), ("author", "Zoë"), ("keywords", "a, b"), ("language", "de"))


def test_words_parted_by_runs_are_one_and_tabs_and_breaks_part_them():
    runs = "<w:p><w:pPr><w:tabs><w:tab/></w:tabs></w:pPr><w:r><w:t>Do</w:t></w:r><w:r><w:t>cument</w:t><w:tab/>"
    body = f"{runs}<w:t>two</w:t><w:br/><w:t>three</w:t></w:r></w:p>"

    assert read(DOCUMENT, docx(body)).text == "Document\ttwo\nthree"


def test_table_gives_a_line_for_each_row():
    cells = ["".join(f"<w:tc>{paragraphs(text)}</w:tc>" for text in row) for row in (("a", "b"), ("c", "d"))]
    table = "<w:tbl>" + "".join(f"<w:tr>{row}</w:tr>" for row in cells) + "</w:tbl>"

    assert read(DOCUMENT, docx(table)).text.split() == ["a", "b", "c", "d"]


def test_text_box_is_read_once_though_it_is_there_in_two_forms():
    box = f"<w:txbxContent>{paragraphs('in the box')}</w:txbxContent>"
    both = f"<m:A xmlns:m='urn:m'><m:Choice>{box}</m:Choice><m:Fallback>{box}</m:Fallback></m:A>"

    given = read(DOCUMENT, docx(f"<w:p><w:r><w:t>before</w:t>{both}<w:t>after</w:t></w:r></w:p>"))

    assert given.text.split("\n") == ["before", "in the box", "", "after"]


def test_what_was_deleted_or_moved_away_is_not_read():
    gone = "<w:p><w:del><w:r><w:delText>deleted</w:delText></w:r></w:del><w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom>"

    assert read(DOCUMENT, docx(f"{gone}<w:ins><w:r><w:t>new</w:t></w:r></w:ins></w:p>")).text == "new"


def test_document_with_broken_properties_still_gives_its_text():
    parts = {"word/document.xml": word_part(paragraphs("kept")), "docProps/core.xml": "<cp:core><dc:title>half"}

    assert read(DOCUMENT, zipped(parts)).text == "kept"


def test_empty_document_gives_empty_text():
    assert read(DOCUMENT, docx("")).text == ""


def test_long_document_is_cut_and_not_refused():
    given = read(DOCUMENT, docx(paragraphs(*["word word"] * 5000)), Limits(most_text=1000))

    assert len(given.text) in range(990, 1001)


def test_controls_and_soft_hyphens_do_not_reach_the_index():
    given = read(DOCUMENT, docx(paragraphs("Zei\u00adtung", "a\u0085b", "\ufeffc"), title="x\ny"))

    assert given.text == "Zeitung\na b\nc"
    assert given.meta == (("title", "x y"),)


def test_document_with_a_password_is_told_as_encrypted():
    assert refusal(DOCUMENT, ole({"EncryptionInfo": b"x", "EncryptedPackage": b"y"})) is Reason.ENCRYPTED
    assert refusal(PRESENTATION, ole({"EncryptedPackage": b"y"})) is Reason.ENCRYPTED


def test_old_document_by_a_new_name_is_unsupported_and_anything_else_is_broken():
    assert refusal(DOCUMENT, ole({"WordDocument": b"x"})) is Reason.UNSUPPORTED
    assert refusal(DOCUMENT, b"hello") is Reason.BROKEN
    assert refusal(DOCUMENT, b"") is Reason.BROKEN
    assert refusal(DOCUMENT, zipped({"other.txt": "x"})) is Reason.BROKEN


def test_parts_are_read_by_their_numbers():
    parts = {f"header{number}": word_part(paragraphs(number)) for number in ("10", "9", "9" * 5000)}
    parts = {f"word/{name}.xml": content for name, content in parts.items()}
    targets = [("header", f"{place.removeprefix('word/')}") for place in parts]
    parts |= {"word/document.xml": word_part(""), "word/_rels/document.xml.rels": relations(*targets)}

    assert [line[:5] for line in read(DOCUMENT, zipped(parts)).text.split()] == ["9", "10", "99999"]


def test_slides_are_read_in_the_order_of_the_presentation_each_with_its_notes():
    slides = {"slide1": slide("made first"), "slide2": slide("shown", "first")}

    given = read(PRESENTATION, pptx(slides, order=[2, 1, 2], notes={"slide2": slide("do not forget")}))

    assert [line for line in given.text.splitlines() if line] == ["shown", "first", "do not forget", "made first"]


def test_opendocument_gives_text_with_its_blanks_and_then_the_headers_of_pages():
    content = (
        "<text:tracked-changes><text:p>gone</text:p></text:tracked-changes><text:h>Head</text:h>"
        "<text:p>a<text:tab/>b<text:s/>c<text:line-break/><text:span>d</text:span></text:p>"
    )
    styles = "<style:style><text:p>no</text:p></style:style><style:header><text:p>page head</text:p></style:header>"

    given = read(OPENDOCUMENT, opendocument("text", content, styles=styles))

    assert given.text == "Head\na\tb c\nd\npage head"


def test_opendocument_tells_its_properties():
    meta = "<dc:title>T</dc:title><meta:keyword>k1</meta:keyword><meta:keyword>k2</meta:keyword><dc:date>2026-01-01</dc:date>"

    given = read(OPENDOCUMENT, opendocument("text", "", meta=meta))

    assert given.meta == (("title", "T"), ("keywords", "k1"), ("keywords", "k2"), ("modified", "2026-01-01"))


def test_opendocument_with_a_password_is_told_as_encrypted():
    manifest = "<manifest:encryption-data xmlns:manifest='urn:m'/>"

    assert refusal(OPENDOCUMENT, opendocument("text", "", manifest=manifest)) is Reason.ENCRYPTED


def test_book_is_read_in_the_order_of_its_spine():
    page = "<!DOCTYPE html><html xmlns='http://www.w3.org/1999/xhtml'><head><title>no</title></head><body><p>{}</p></body></html>"
    chapters = {"c1": page.format("last&nbsp;words"), "c2": page.format("first"), "c3": page.format("not in it")}

    given = read(EPUB, epub(chapters, ["c2", "c1"], title="Buch", creator="Wer"))

    assert given.text.split() == ["first", "last", "words"]
    assert given.meta == (("title", "Buch"), ("author", "Wer"))


def test_book_with_locked_chapters_is_encrypted_and_one_with_locked_fonts_is_read():
    chapters = {"c1": "<p>text</p>"}

    assert refusal(EPUB, epub(chapters, ["c1"], locks="OPS/text/c1.xhtml")) is Reason.ENCRYPTED
    assert read(EPUB, epub(chapters, ["c1"], locks="OPS/font.otf")).text == "text"


def test_documents_are_recognised_by_content_whatever_their_name():
    cases = {
        DOCUMENT: docx(paragraphs("x")),
        PRESENTATION: pptx({"slide1": slide("x")}, [1]),
        OPENDOCUMENT: opendocument("text", ""),
        EPUB: epub({}, []),
    }
    for extractor, content in cases.items():
        assert [other.name for other in cases if other.detect(content[:4096], "download")] == [extractor.name]
