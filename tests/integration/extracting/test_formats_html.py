"""What is read of web pages and drawings."""

from __future__ import annotations

import time

import pytest

from actors.extracting.extractor import Limits
from actors.extracting.formats.html import HTML, MOST_DEPTH, SVG
from actors.extracting.outcomes import Reason
from tests.integration.extracting.reading import read, refusal


def test_page_gives_what_a_reader_sees():
    page = b"""<!doctype html><html lang="fr"><head><title>Le titre</title><style>.no{}</style>
    <meta name="Description" content="Un mot"><meta name="author" content="Moi"></head>
    <body><script>no()</script><!-- no --><h1>Head</h1>line<br>break<p>in <b>bo</b>ld &eacute;&amp;&nbsp;x</p>tail
    <noscript>no</noscript><template>no</template></body></html>"""

    given = read(HTML, page)

    assert given.text.split("\n") == ["Head", "line", "break", "in bold é&\xa0x", "tail"]
    assert given.meta == (("title", "Le titre"), ("description", "Un mot"), ("author", "Moi"), ("language", "fr"))


def test_cells_of_a_row_are_parted():
    table = b"<table><tr><td>a</td><td>b</td></tr><tr><th>c</th><td>d</td></tr></table>"

    assert read(HTML, table).text.split() == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>Größe</p>".encode("utf-8-sig"), "Größe"),
        ("<p>Größe</p>".encode("utf-16"), "Größe"),
        ("<meta charset=windows-1251><p>Привет</p>".encode("cp1251"), "Привет"),
        ('<meta http-equiv="x" content="text/html; charset=Shift_JIS"><p>日本</p>'.encode("shift_jis"), "日本"),
        ('<?xml version="1.0" encoding="iso-8859-1"?><html><p>“é”</p></html>'.encode("cp1252"), "“é”"),
        ("<meta charset=utf-16><p>é</p>".encode(), "é"),
        ("<meta charset=made-up><p>é</p>".encode(), "é"),
        ("<meta charset=base64><p>é</p>".encode(), "é"),
        ("<p>é</p>".encode(), "é"),
    ],
)
def test_page_is_read_in_its_encoding(page, text):
    assert read(HTML, page).text == text


@pytest.mark.parametrize("page", [b"", b"   ", b"<!doctype html>", b"<html></html>", b"\0\0"])
def test_page_without_text_gives_empty_text(page):
    assert read(HTML, page).text == ""


@pytest.mark.parametrize(
    "page",
    [
        b"<div>" * 200_000,
        b"<div>" * 100_000 + b"</div>" * 100_000,
        b"<x><p>" * 100_000,
        b"<div></x>" * 100_000,
        b"<svg><style>" + b"<g>" * 200_000 + b"</style>",
    ],
)
def test_page_nested_without_end_is_refused_at_once(page):
    started = time.thread_time()

    assert refusal(HTML, page) is Reason.TOO_LARGE
    assert refusal(HTML, page.decode().encode("utf-16")) is Reason.TOO_LARGE
    assert time.thread_time() - started < 5


def test_comparisons_in_scripts_are_no_elements():
    script = b"<script>" + b"for (i=0; i<length; i++) a[i]='</b>';" * 5_000

    assert read(HTML, script + b"</SCRIPT><p>text").text == "text"
    assert read(HTML, b"<p>text" + script).text == "text"


def test_page_nested_nearly_too_deep_is_read_in_time():
    started = time.thread_time()

    assert read(HTML, b"<div>" * (MOST_DEPTH - 1) + b"deep").text == "deep"
    assert time.thread_time() - started < 5


@pytest.mark.parametrize("tag", [b"<p>word", b"<li>word", b"<br>word", b"<td>word", b"<div>word</div>"])
def test_page_with_many_elements_beside_each_other_is_read(tag):
    assert read(HTML, tag * 20_000).text.count("word") == 20_000


def test_long_page_is_cut_and_not_refused():
    assert len(read(HTML, b"<p>word word" * 10_000, Limits(most_text=500)).text) in range(490, 501)


def test_drawing_gives_its_texts_though_it_declares_entities():
    drawing = b"""<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x.dtd" [<!ENTITY a "SECRET">]>
    <svg xmlns="http://www.w3.org/2000/svg"><title>Map</title><style>.no{}</style><text>North <tspan>Pole</tspan></text>
    <text>&a;South</text></svg>"""

    given = read(SVG, drawing)

    assert given.text.split("\n") == ["Map", "North Pole", "&a;South"]
    assert given.meta == (("title", "Map"),)


def test_what_is_no_drawing_is_broken():
    assert refusal(SVG, b"") is Reason.BROKEN
    assert refusal(SVG, b"<p>x</p>") is Reason.BROKEN


def test_pages_and_drawings_are_recognised_by_content():
    assert HTML.detect(b"\xef\xbb\xbf\n<!-- saved --><!DOCTYPE HTML><p>", "download")
    assert HTML.detect(b'<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "x"><html><svg>', "x")
    assert SVG.detect(b'<?xml version="1.0"?><!-- a tool --><svg width="1">', "x")
    assert not HTML.detect(b"plain words about <html>", "x.txt")
    assert not SVG.detect(b"<html><svg>", "x")
