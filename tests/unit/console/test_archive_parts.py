"""Small parts about archives: what a run made, where it may work, sizes, passwords, and words."""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from console.api.archive_places import places_of
from console.api.archive_wishes import CompressWish
from console.api.content import disposition
from console.api.made import made_of
from console.archive_words import checked_in_words, compressed_in_words, extracted_in_words, listed_in_words
from console.exits import CommandFailed, ExitCode
from console.passwords import add_password_options, password_of
from console.sizes import size_in_bytes

CONTENT = "/api/v1/datasources/docs/content?path="


@pytest.mark.parametrize(
    ("result", "kind", "urls"),
    [
        ({"path": "a b/x&y.zip", "format": "zip", "parts": 1}, "file", [f"{CONTENT}a%20b/x%26y.zip"]),
        ({"path": "x.zip.001", "format": "zip", "parts": 2}, "file", [f"{CONTENT}x.zip.001", f"{CONTENT}x.zip.002"]),
        ({"path": "x.zip.001", "format": "zip", "parts": 1}, "file", [f"{CONTENT}x.zip.001"]),
        ({"path": "a/x", "format": "tar.gz"}, "folder", ["/api/v1/datasources/docs/entries?path=a/x"]),
        ({"path": "a/x.txt", "format": "gz"}, "file", [f"{CONTENT}a/x.txt"]),
    ],
)
def test_what_a_run_made_is_linked(result: dict[str, Any], kind: str, urls: list[str]) -> None:
    made = made_of({"datasource": "docs", **result})

    assert made is not None
    assert (made.kind, made.urls, made.path) == (kind, urls, result["path"])


@pytest.mark.parametrize(
    "result",
    [
        None,
        3,
        [],
        {},
        {"datasource": "docs", "path": "x"},
        {"path": "x", "format": "zip"},
        {"format": "zip", "entries": 3},
    ],
)
def test_other_results_made_no_file(result: Any) -> None:
    assert made_of(result) is None


def test_links_of_an_archive_in_very_many_parts_are_few() -> None:
    made = made_of({"datasource": "docs", "path": "x.7z.001", "format": "7z", "parts": 5_000})

    assert made is not None
    assert len(made.urls) == 100


@pytest.mark.parametrize(
    ("given", "places"),
    [
        ({"paths": ["a", "b"]}, [("docs", "a", False), ("docs", "b", False)]),
        ({"paths": ["a"], "target": "b/x.zip"}, [("docs", "a", True), ("docs", "b/x.zip", False)]),
        ({"paths": ["a"], "target_datasource": "other"}, [("docs", "a", False), ("other", "", False)]),
        (
            {"path": "a.zip", "target": "t", "target_datasource": "other"},
            [("docs", "a.zip", False), ("other", "t", False)],
        ),
        ({"path": "a.zip", "target": "", "target_datasource": "docs"}, [("docs", "a.zip", False)]),
    ],
)
def test_places_are_where_a_run_reads_and_writes(given: dict[str, Any], places: list[tuple[str, str, bool]]) -> None:
    assert list(places_of("docs", given)) == places


@pytest.mark.parametrize(
    ("name", "header"),
    [
        (b"a b.zip", "attachment; filename=\"a b.zip\"; filename*=UTF-8''a%20b.zip"),
        ('Ü"\\%\n.zip'.encode(), "attachment; filename=\"_____.zip\"; filename*=UTF-8''%C3%9C%22%5C%25%0A.zip"),
        (b"\xff.zip", "attachment; filename=\"_.zip\"; filename*=UTF-8''%EF%BF%BD.zip"),
    ],
)
def test_a_browser_stores_a_file_under_its_name(name: bytes, header: str) -> None:
    assert disposition(name) == header


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("123", 123),
        ("2GB", 2 * 10**9),
        ("2g", 2 * 10**9),
        ("64KiB", 65_536),
        ("1.5 MB", 1_500_000),
        ("7b", 7),
    ],
)
def test_sizes_are_written_as_people_do(text: str, size: int) -> None:
    assert size_in_bytes(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-1", "2XB", "1e3", "2 iB", "9" * 16])
def test_other_texts_are_no_sizes(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no size; write 2GB"):
        size_in_bytes(text)


def password(*arguments: str) -> str | None:
    parser = argparse.ArgumentParser()
    add_password_options(parser)
    return password_of(parser.parse_args(arguments))


def test_a_password_comes_from_the_first_line_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "password"
    file.write_text(" Grüße \r\nrest\n", encoding="utf-8")
    monkeypatch.setattr("sys.stdin", io.StringIO("piped\n"))

    assert password() is None
    assert password("--password-file", str(file)) == " Grüße "
    assert password("--password-file", "-") == "piped"


@pytest.mark.parametrize("content", [b"", b"\nsecond", b"x" * 1025, b"\xff\xfe"])
def test_a_file_that_holds_no_password_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "password"
    file.write_bytes(content)

    with pytest.raises(CommandFailed, match="--password-file") as failed:
        password("--password-file", str(file))
    assert failed.value.code is ExitCode.USAGE


def test_a_password_that_is_no_text_is_refused_and_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("hunter\udcff2\n"))

    with pytest.raises(CommandFailed, match="it is no text") as failed:
        password("--password-file", "-")

    assert failed.value.code is ExitCode.USAGE
    assert "hunter" not in str(failed.value)


def test_whoever_leaves_the_prompt_is_told_that_nothing_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def left(_: str) -> str:
        raise EOFError

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", left)

    with pytest.raises(CommandFailed, match="no password was typed") as failed:
        password("--password-prompt")

    assert failed.value.code is ExitCode.USAGE


def test_nobody_is_asked_where_nobody_sits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))

    with pytest.raises(CommandFailed, match="give --password-file"):
        password("--password-prompt")


def test_results_are_told_in_lines() -> None:
    notes = [{"path": f"n{n}", "note": "was changed"} for n in range(12)]
    made = {"datasource": "docs", "path": "x.zip.001", "parts": 3, "entries": 2, "bytes_in": 2_000, "bytes_out": 1_000}
    out = {"datasource": "docs", "path": "x", "entries": 1, "bytes": 5, "skipped": 2}
    items = [
        {"path": "a\nb", "kind": "file", "size": 5, "modified": None},
        {"path": "d", "kind": "folder", "size": None},
    ]

    assert list(compressed_in_words({**made, "manifest": "x.sha256", "noted": 14, "notes": notes})) == [
        "docs: x.zip.001 and 2 more parts",
        "2 entries: 2.0 KB in 1.0 KB",
        "checksums: x.sha256",
        *(f"  n{n}: was changed" for n in range(10)),
        "  and 4 more",
    ]
    assert list(extracted_in_words(out)) == ["docs: x", "1 entry, 5 B, 2 left as they were"]
    listed = list(
        listed_in_words({"format": "zip", "entries": 9, "bytes": 5, "encrypted": 1, "items": items, "more": True})
    )
    assert [line.split() for line in listed[:2]] == [["5", "B", "–", "a\N{REPLACEMENT CHARACTER}b"], ["–", "–", "d/"]]
    assert listed[2:] == ["and 7 more", "zip: 9 entries, 5 B, 1 encrypted"]
    assert list(checked_in_words({"format": "tar", "entries": 1, "bytes": 5})) == ["tar: whole, 1 entry, 5 B"]


@pytest.mark.parametrize(
    ("given", "format_"),
    [
        ({"format": "tar.xz"}, "tar.xz"),
        ({"target": "a/x.TGZ"}, "tar.gz"),
        ({"format": "tar", "target": "x.zip"}, "tar"),
    ],
)
def test_a_password_is_refused_for_formats_that_know_none(given: dict[str, Any], format_: str) -> None:
    with pytest.raises(ValidationError, match=f"{format_} knows none; take zip or 7z"):
        CompressWish.model_validate({"paths": ["a"], "password": "open sesame", **given})


@pytest.mark.parametrize("given", [{}, {"format": "7z"}, {"target": "x.7z"}, {"target": "no-format"}])
def test_a_password_is_taken_for_formats_that_know_one(given: dict[str, Any]) -> None:
    wish = CompressWish.model_validate({"paths": ["a"], "password": "open sesame", **given})

    assert wish.password is not None
    assert wish.password.get_secret_value() == "open sesame"


@pytest.mark.parametrize(
    ("given", "target"), [("into/", "into/"), ("/into//", "into/"), ("a/x.zip", "a/x.zip"), ("/", "")]
)
def test_a_target_with_a_slash_at_its_end_stays_a_folder(given: str, target: str) -> None:
    assert CompressWish.model_validate({"paths": ["a"], "target": given}).target == target
