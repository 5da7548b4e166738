"""Checksum files: their lines, what is refused in them, and which algorithm they mean."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as some

from actors.datasources.paths import is_private
from actors.hashing.algorithms import ALGORITHMS
from actors.hashing.lines import MOST_LINE_BYTES, BadLine, Promise, read_line, written
from actors.hashing.promises import Names, promises
from rota.errors import PermanentError

HEX = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
B3 = "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"


def read(line: bytes, *, algorithm=None, file_name="SUMS"):
    return read_line(line, algorithm=algorithm, file_name=file_name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sha256", HEX),
        ("blake3", B3),
        ("sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("md5", "900150983cd24fb0d6963f7d28e17f72"),
        ("xxh3-128", "06b05ab6733a618578af5f94892f3950"),
    ],
)
def test_checksums_are_those_of_everybody_else(name, expected):
    hasher = ALGORITHMS[name].new()
    hasher.update(memoryview(b"ab"))
    hasher.update(b"c")

    assert hasher.hexdigest() == expected
    assert len(expected) == ALGORITHMS[name].digits


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (b"a b", b"%s  a b\n"),
        (b"\xff", b"%s  \xff\n"),
        (b"a\nb", b"\\%s  a\\nb\n"),
        (b"a\rb", b"\\%s  a\\rb\n"),
        (b"a\\nb", b"\\%s  a\\\\nb\n"),
    ],
)
def test_lines_are_written_as_sha256sum_writes_them(name, line):
    assert written(HEX, name) == line % HEX.encode()


_PART = some.binary(min_size=1, max_size=8).filter(
    lambda part: part not in {b".", b".."} and not {0, 47} & set(part) and not is_private(part)
)


@given(some.lists(_PART, min_size=1, max_size=3).map(b"/".join))
def test_every_name_comes_back(name):
    line = written(HEX, name)

    assert line.count(b"\n") == 1
    assert read(line[:-1]) == Promise(name, "sha256", HEX)


@pytest.mark.parametrize(
    ("line", "name", "algorithm"),
    [
        (f"{HEX} *a", b"a", "sha256"),
        (f"{HEX.upper()}  ./a/b\r", b"a/b", "sha256"),
        (f"{HEX}  *a", b"*a", "sha256"),
        (f"SHA256 (a (b) = c) = {HEX}", b"a (b) = c", "sha256"),
        (f"SHA256(a)= {HEX}", b"a", "sha256"),
        (f"\\SHA256 (a\\nb) = {HEX}", b"a\nb", "sha256"),
        (f"BLAKE3 (a) = {B3}", b"a", "blake3"),
        (f"XXH128 (a) = {HEX[:32]}", b"a", "xxh3-128"),
        (f"{HEX[:40]}  a", b"a", "sha1"),
        (f"{HEX[:32]}  a", b"a", "md5"),
    ],
)
def test_lines_of_other_tools_are_read(line, name, algorithm):
    found = read(line.encode())

    assert (found.name, found.algorithm) == (name, algorithm)
    assert found.hex == found.hex.lower()


@pytest.mark.parametrize("line", [b"", b"  ", b"# by hand", b"\r"])
def test_empty_lines_and_comments_say_nothing(line):
    assert read(line) is None


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (f"{HEX}  /etc/passwd", "absolute"),
        (f"{HEX}  ../a", r"'\.\.'"),
        (f"{HEX}  a/../../b", r"'\.\.'"),
        (f"\\{HEX}  a/..\\n/../b", r"'\.\.'"),
        (f"{HEX}  a//b", "empty parts"),
        (f"{HEX}  a/", "empty parts"),
        (f"{HEX}  .//etc/passwd", "absolute"),
        (f"{HEX}  a\0b", "NUL"),
        (f"{HEX}  .", "'.'"),
        (f"{HEX}  .rota/bin/x", "Rota's own"),
        (f"\\{HEX}  a\\tb", "stands for nothing"),
        (f"\\{HEX}  a\\", "stands for nothing"),
        (f"{HEX}", "no line"),
        (f"{HEX} a", "no line"),
        ("hello", "no line"),
        (f"{HEX[:50]}  a", "50 digits"),
        (f"SHA256 (a) = {HEX[:32]}", "32 digits is none of sha256"),
        (f"SHA512 (a) = {HEX}{HEX}", "SHA512 is no checksum"),
    ],
)
def test_what_leads_elsewhere_or_says_nothing_is_a_bad_line(line, why):
    with pytest.raises(BadLine, match=why):
        read(line.encode())


@pytest.mark.parametrize(
    ("file_name", "digits", "algorithm"),
    [("B3SUMS", 64, "blake3"), ("files.blake3", 64, "blake3"), ("x.xxh128", 32, "xxh3-128"), ("b3.md5", 32, "md5")],
)
def test_the_name_of_a_manifest_tells_what_its_length_does_not(file_name, digits, algorithm):
    assert read(f"{HEX[:digits]}  a".encode(), file_name=file_name).algorithm == algorithm


def test_what_was_asked_for_counts_more_than_a_name_and_less_than_a_line():
    assert read(f"{HEX}  a".encode(), algorithm="blake3").algorithm == "blake3"
    assert read(f"SHA256 (a) = {HEX}".encode(), algorithm="blake3").algorithm == "sha256"


def test_a_manifest_is_read_with_its_line_numbers():
    text = b"# sums\n%s  a\n\nbad\n%s  b" % (HEX.encode(), HEX.encode())

    found = list(promises(io.BytesIO(text), algorithm=None, file_name="SUMS"))

    assert [line.number for line in found] == [2, 4, 5]
    assert isinstance(found[1].says, BadLine)
    assert [line.says.name for line in found if isinstance(line.says, Promise)] == [b"a", b"b"]


def test_a_line_without_an_end_is_never_held():
    text = b"%s  %s\n%s  b\n" % (HEX.encode(), b"x" * 5 * MOST_LINE_BYTES, HEX.encode())

    found = list(promises(io.BytesIO(text), algorithm=None, file_name="SUMS"))

    assert [(line.number, type(line.says)) for line in found] == [(1, BadLine), (2, Promise)]


def test_a_manifest_with_too_many_lines_is_refused(monkeypatch):
    monkeypatch.setattr("actors.hashing.promises.MOST_LINES", 3)

    with pytest.raises(PermanentError, match="more than 3 lines"):
        list(promises(io.BytesIO(b"\n" * 4), algorithm=None, file_name="SUMS"))


def test_names_are_remembered_in_little_memory():
    names = Names()
    for number in range(1000):
        names.add(b"path/%d" % number)
    names.close()

    assert len(names) == 1000
    assert all(b"path/%d" % number in names for number in range(1000))
    assert not any(b"other/%d" % number in names for number in range(1000))
