import pytest

from rota.search.types import TYPES, extension_of, type_of


@pytest.mark.parametrize(
    ("name", "extension"),
    [
        ("report.pdf", "pdf"),
        ("Report.PDF", "pdf"),
        ("a.tar.gz", "gz"),
        (".bashrc", ""),
        (".config.json", "json"),
        ("..hidden", ""),
        ("Makefile", ""),
        ("ends with a dot.", ""),
        ("Mr. Smith", ""),
        ("a." + "x" * 33, ""),
        ("a." + "x" * 32, "x" * 32),
        ("naïve.été", "été"),
        ("", ""),
        (".", ""),
    ],
)
def test_the_extension_is_what_follows_the_last_dot(name, extension):
    assert extension_of(name) == extension


@pytest.mark.parametrize(
    ("name", "kind", "type"),
    [
        ("photos.zip", "folder", "folder"),
        ("photos.zip", "link", "link"),
        ("photos.zip", "file", "archive"),
        ("notes.md", "file", "text"),
        ("README", "file", "text"),
        ("letter.docx", "file", "document"),
        ("sums.xlsx", "file", "spreadsheet"),
        ("talk.odp", "file", "presentation"),
        ("IMG_1.JPG", "file", "image"),
        ("song.flac", "file", "audio"),
        ("film.mkv", "file", "video"),
        ("main.py", "file", "code"),
        ("Dockerfile", "file", "code"),
        ("rows.parquet", "file", "data"),
        ("hello.eml", "file", "mail"),
        ("unknown.qqq", "file", "other"),
        (".bashrc", "file", "other"),
    ],
)
def test_the_type_is_told_from_name_and_kind(name, kind, type):  # noqa: A002
    assert type_of(name, kind) == type
    assert type in TYPES
