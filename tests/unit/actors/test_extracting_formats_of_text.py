from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.extracting.extractor import Limits
from actors.extracting.formats.markdown import MARKDOWN
from actors.extracting.formats.rtf import RTF
from actors.extracting.formats.structured import JSON, unescaped
from actors.extracting.formats.text import PLAIN
from actors.extracting.outcomes import Extracted, Reason, Unextractable


def read(extractor, content, **limits):
    held = content if isinstance(content, bytes) else content.encode()
    return extractor.extract(io.BytesIO(held), Limits(**limits))


def rtf(body, **limits):
    return read(RTF, r"{\rtf1\ansi\ansicpg1252\deff0 " + body + "}", **limits)


@pytest.mark.parametrize("extractor", [PLAIN, MARKDOWN, JSON, RTF])
def test_text_ends_where_no_more_is_wanted(extractor):
    before = rb"{\rtf1 " if extractor is RTF else b""

    assert read(extractor, before + b"x" * 1_000_000, most_text=10).text == "x" * 10


@pytest.mark.parametrize("extractor", [MARKDOWN, JSON])
def test_noise_with_the_extension_of_a_text_gives_nothing(extractor):
    assert read(extractor, bytes(range(256)) * 20) == Extracted("")


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5))
def test_words_of_json_are_found_as_people_read_them(value):
    def strings(part):
        match part:
            case str():
                yield part
            case list():
                for item in part:
                    yield from strings(item)
            case dict():
                yield from strings(list(part))
                yield from strings(list(part.values()))

    text = read(JSON, "x" + json.dumps(value)).text

    for string in strings(value):
        words = "".join(character if character.isalnum() else " " for character in string).split()
        assert all(word in text for word in words)


@given(st.lists(st.text('\\u09abfdDC"nx', max_size=6)))
def test_escapes_are_resolved_wherever_the_text_is_cut(pieces):
    assert "".join(unescaped(pieces)) == "".join(unescaped(["".join(pieces)]))


def test_lines_of_a_notebook_do_not_run_into_their_escapes():
    assert "print\n" in read(JSON, json.dumps({"source": ["import sys\nprint\n"]})).text


def test_front_matter_is_meta_and_not_text():
    told = read(MARKDOWN, "---\ntitle: 'On Keys'\nTags: [door, lock]\nnested:\n  a: b\ndate: 2026-01-02\n---\n# Keys\n")

    assert told.text == "# Keys\n"
    assert told.meta == (("title", "On Keys"), ("tags", "door"), ("tags", "lock"), ("date", "2026-01-02"))


def test_front_matter_in_toml_is_understood():
    assert read(MARKDOWN, '+++\r\ntitle = "On Keys"\r\n+++\r\ntext') == Extracted("text", (("title", "On Keys"),))


@pytest.mark.parametrize("text", ["# Keys\n\n---\n\nmore\n---\n", "---\nno end", "text\n---\ntitle: x\n---\n"])
def test_lines_that_are_no_front_matter_stay_text(text):
    assert read(MARKDOWN, text) == Extracted(text)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (r"plain \b bold\b0  text\par next", "plain bold text\nnext"),
        (r"caf\'e9 na\'efve", "café naïve"),
        (r"\u8364? costs \uc2\u8212--more", "€ costs —more"),
        (r"\u55357?\u56832?", "😀"),
        (r"{\fonttbl{\f0 Arial;}}{\colortbl;\red0;}shown", "shown"),
        (r"{\*\unknown hidden}shown", "shown"),
        (r"a{\pict 0123456789abcdef}b", "ab"),
        (r"a{\bin3 }}}b}c", "abc"),
        (r"\{braces\} and \\", "{braces} and \\"),
        (r"one\cell two\row", "one two\n"),
        (r'{\field{\*\fldinst HYPERLINK "http://x"}{\fldrslt link}}', "link"),
        ("line one\r\n goes on", "line one goes on"),
    ],
)
def test_rtf_is_read_as_it_is_shown(body, text):
    assert rtf(body).text == text


def test_rtf_tells_its_title_and_author():
    told = rtf(r"{\info{\title On \u8220?Keys\u8221?}{\author A. Smith}{\creatim\yr2026}}text")

    assert told == Extracted("text", (("title", "On “Keys”"), ("author", "A. Smith")))


def test_rtf_in_another_code_page_is_read():
    assert read(RTF, rb"{\rtf1\ansi\ansicpg1251 \'cc\'e8\'f0}").text == "Мир"


def test_rtf_that_is_nested_without_end_is_too_large():
    with pytest.raises(Unextractable) as caught:
        rtf("{" * 200_000)

    assert caught.value.reason is Reason.TOO_LARGE


@given(st.binary(max_size=300))
def test_no_rtf_however_odd_fails(noise):
    told = read(RTF, rb"{\rtf1 " + noise)

    assert len(told.text.encode()) <= 3 * len(noise)
