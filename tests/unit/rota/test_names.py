"""What names are allowed, and how a numbered one is made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota.names import MAX_NAME_BYTES, name_problem, numbered, split_extension


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (b"", "empty"),
        (b".", "by itself"),
        (b"..", "by itself"),
        (b"a/b", "'/'"),
        (b"a\0b", "NUL"),
        (b"n" * 256, "256 bytes"),
        (b".rota", "Rota's own"),
        (b".rota-draft-x", "Rota's own"),
        (b".rota-\n", "Rota's own"),
    ],
)
def test_some_names_are_allowed_nowhere(name, problem):
    assert problem in (name_problem(name) or "")
    assert problem in (name_problem(name, portable=True) or "")


@pytest.mark.parametrize(
    "name", [b"a", b"...", b"n" * 255, b".rotation", b"a.rota", b"\xff", b"CON", b"a:b", b"a ", b"\n"]
)
def test_other_names_are_allowed_unless_they_have_to_be_portable(name):
    assert name_problem(name) is None


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (b"con", "device"),
        (b"Con.txt", "device"),
        (b"LPT1", "device"),
        ("com\u00b2.log".encode(), "device"),
        (b"nul .x", "device"),
        (b"a.", "dot or a space"),
        (b"a ", "dot or a space"),
        (b"a:b", "':'"),
        (b'"', "Windows"),
        (b"a\\b", "Windows"),
        (b"tab\t", "Windows"),
        (b"\x7f", "Windows"),
        (b"\xff", "UTF-8"),
    ],
)
def test_portable_names_are_those_that_windows_takes(name, problem):
    assert problem in (name_problem(name, portable=True) or "")


@pytest.mark.parametrize(
    "name", [b"a", b"console", b"com10", b"a.con", "\u00fcber.txt".encode(), b".profile", b"a (2).b"]
)
def test_common_names_are_portable(name):
    assert name_problem(name, portable=True) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"report.pdf", b"report (2).pdf"),
        (b"report", b"report (2)"),
        (b"a.tar.gz", b"a (2).tar.gz"),
        (b"a.b.gz", b"a.b (2).gz"),
        (b".tar.gz", b".tar (2).gz"),
        (b".profile", b".profile (2)"),
        (b"...", b"... (2)"),
        (b"..a", b"..a (2)"),
        (b"a.", b"a. (2)"),
        (b"Dr. Who goes home", b"Dr. Who goes home (2)"),
        (b"v1.2 final", b"v1.2 final (2)"),
        (b"\xff.txt", b"\xff (2).txt"),
        (b"n" * 251 + b".txt", b"n" * 247 + b" (2).txt"),
    ],
)
def test_a_number_comes_before_the_extension(name, expected):
    assert numbered(name, 2) == expected


def test_a_long_name_is_cut_between_characters():
    name = "\u00e9".encode() * 127

    assert numbered(name, 2) == "\u00e9".encode() * 125 + b" (2)"
    assert numbered(b"a" + name, 12).decode() == "a" + "\u00e9" * 124 + " (12)"


@given(st.binary(min_size=1, max_size=255), st.integers(2, 10**6))
def test_a_numbered_name_is_another_one_that_fits(name, number):
    found = numbered(name, number)

    assert found != name
    assert len(found) <= MAX_NAME_BYTES
    assert b" (%d)" % number in found


@given(st.text(min_size=1, max_size=255).filter(lambda text: len(text.encode("utf-8", "replace")) <= 255))
def test_a_numbered_name_of_text_is_text(name):
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        return
    numbered(encoded, 2).decode()


@given(st.binary(max_size=255))
def test_stem_and_extension_are_the_name(name):
    stem, extension = split_extension(name)

    assert stem + extension == name
    assert stem or not name
