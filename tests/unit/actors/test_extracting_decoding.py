from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.extracting.decoding import SAMPLE_BYTES, decoded
from actors.extracting.detection import looks_like_text

GERMAN = "Größe und Gewicht der Schlüssel wurden geprüft; die Tür blieb geöffnet. " * 5
RUSSIAN = "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему. " * 5
JAPANESE = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。" * 10


def text_of(content: bytes) -> str:
    return "".join(decoded(io.BytesIO(content)))


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff\0")))
def test_utf8_is_read_as_it_is(text):
    assert text_of(text.encode()) == text


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be"])
def test_unicode_is_told_by_its_mark_or_its_zeros(encoding):
    content = GERMAN.encode(encoding)

    assert text_of(content) == GERMAN
    assert looks_like_text(content)


@pytest.mark.parametrize(
    "text",
    [
        "Größe und Gewicht der Schlüssel wurden geprüft.",
        "Le café était fermé à cause de la grève générale, dit le chef de cœur.",
        "El niño comió una manzana y después se fue a la montaña.",
        "Räksmörgås på svenska är gott, och kött också.",
        "O avião não chegou; as ações caíram “muito” – 5 €.",
    ],
)
@pytest.mark.parametrize("times", [1, 100])
def test_short_western_texts_are_not_taken_for_others(text, times):
    assert text_of((f"{text}\n" * times).encode("cp1252")) == f"{text}\n" * times


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Zażółć gęślą jaźń, proszę państwa, i dziękuję bardzo.", "cp1250"),
        ("Όλοι οι άνθρωποι γεννιούνται ελεύθεροι", "cp1253"),
    ],
)
def test_short_texts_of_other_languages_are_not_taken_for_western(text, encoding):
    assert text_of(text.encode(encoding)) == text


@pytest.mark.parametrize(
    ("text", "encoding"), [(GERMAN, "cp1252"), (RUSSIAN, "cp1251"), (RUSSIAN, "koi8-r"), (JAPANESE, "shift_jis")]
)
def test_other_encodings_are_guessed(text, encoding):
    content = text.encode(encoding)

    assert text_of(content) == text
    assert looks_like_text(content)


@pytest.mark.parametrize("size", [SAMPLE_BYTES - 1, SAMPLE_BYTES, SAMPLE_BYTES + 1, 3 * SAMPLE_BYTES - 1])
def test_characters_that_lie_across_chunks_are_whole(size):
    text = "a" * size + "é€😀" * 50_000

    assert text_of(text.encode()) == text


def test_encoding_that_shows_itself_late_is_found_there():
    text = "plain text\n" * 10_000 + GERMAN

    assert text_of(text.encode("cp1252")) == text


def test_what_does_not_fit_its_encoding_is_replaced_and_the_rest_is_read():
    assert text_of("é".encode() * SAMPLE_BYTES + b" \xff " + "è".encode()) == "é" * SAMPLE_BYTES + " \ufffd è"


@pytest.mark.parametrize(("content", "text"), [(b"", ""), (b"ascii \xc3", "ascii \ufffd"), (b"\xff\xfea", "\ufffd")])
def test_end_that_was_cut_off_is_no_error(content, text):
    assert text_of(content) == text


@given(st.binary(max_size=5_000))
def test_any_bytes_give_some_text(content):
    assert isinstance(text_of(content), str)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        bytes(4096),
        bytes(range(256)) * 16,
        b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00\x3e\x00" * 100,
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(100),
        b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x01\x02\x03",
        b"text and then \0\0\0\0\0\0\0 noise",
    ],
    ids=["nothing", "zeros", "all bytes", "elf", "png", "gif", "zeros in text"],
)
def test_binary_noise_is_no_text(content):
    assert not looks_like_text(content)


@pytest.mark.parametrize(
    "content",
    [b"a", b"a\n", b"\x1b[31mred\x1b[0m\n" * 20, b"page one\f\npage two\n", "é".encode()[:1], b"caf\xe9"],
)
def test_odd_texts_are_texts(content):
    assert looks_like_text(content)
