"""What is read of PDF documents."""

from __future__ import annotations

import pytest

from actors.extracting.extractor import Limits
from actors.extracting.formats.pdf import PDF
from actors.extracting.outcomes import Reason
from tests.integration.extracting.documents import pdf
from tests.integration.extracting.reading import read, refusal


def test_pages_are_read_in_order():
    assert (
        read(PDF, pdf(["first page", "second (page)".replace("(", "\\(").replace(")", "\\)")])).text
        == "first page\nsecond (page)"
    )


def test_title_and_dates_are_told():
    given = read(PDF, pdf(["x"], title="Jahresbericht"))

    assert given.meta == (("title", "Jahresbericht"), ("created", "2026-01-02 03:04:05"))


def test_title_that_is_no_text_does_not_hide_the_pages():
    assert read(PDF, pdf(["words"], title="\xfe\xff\xd8\x01")).text == "words"


def test_document_without_pages_or_text_gives_empty_text():
    assert read(PDF, pdf([""])).text == ""


def test_document_with_a_password_is_told_as_encrypted():
    assert refusal(PDF, pdf(["secret"], password="open sesame")) is Reason.ENCRYPTED


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7\n", b"hello", b"%PDF-1.4\n" + b"1 0 obj\n" * 1000])
def test_what_is_no_document_is_broken(content):
    assert refusal(PDF, content) is Reason.BROKEN


def test_reading_stops_when_there_is_enough_text():
    assert len(read(PDF, pdf(["some words"] * 200), Limits(most_text=100)).text) <= 100


def test_list_of_pages_that_leads_back_to_itself_ends():
    looped = pdf(["a page"]).replace(b"/Kids [4 0 R]", b"/Kids [2 0 R]").replace(b"/Count 1", b"/Count 2000000000")

    assert refusal(PDF, looped) is Reason.BROKEN


def test_document_is_recognised_though_something_is_before_it():
    assert PDF.detect(b"\n\n" + pdf(["x"])[:4000], "download")
    assert not PDF.detect(b"hello", "x.txt")
