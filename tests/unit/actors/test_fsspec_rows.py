from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from actors.datasources.fsspec.rows import row_of, rows_of
from actors.datasources.storage import Row

NS = 1_700_000_000_000_000_000
FILE = {"name": "/top/a", "type": "file", "size": 5}


def test_entries_become_rows():
    entries = [
        {**FILE, "mtime": 1_700_000_000, "ETag": 'W/"x"'},
        {"name": "top/d/", "type": "directory", "size": 7, "ETag": "y"},
        {"name": "/top/l", "type": "link", "size": 3},
        {"name": "/top/m", "type": "file", "islink": True, "size": None},
        {"name": "/top/p", "type": "other"},
    ]

    rows, special = rows_of("/top", entries, codec="utf-8")

    assert rows == [
        Row(b"a", "file", 5, NS, etag="x"),
        Row(b"d", "folder", 0, 0),
        Row(b"l", "link", 3, 0),
        Row(b"m", "link", 0, 0),
    ]
    assert special == 1


def test_mark_of_the_folder_itself_is_no_entry():
    assert rows_of("top/d", [{"name": "top/d/", "type": "directory", "size": 0}], codec="utf-8") == ([], 0)


def test_file_is_no_folder():
    with pytest.raises(NotADirectoryError):
        rows_of("/top/a", [FILE], codec="utf-8")


@pytest.mark.parametrize("name", ["/top2/a", "/top/b/a", "/a", "a", "/../top/a"])
def test_entry_from_elsewhere_is_an_error(name):
    with pytest.raises(OSError, match="not in the folder"):
        rows_of("/top", [{**FILE, "name": name}], codec="utf-8")


@pytest.mark.parametrize("size", [None, -1, "5"])
def test_file_without_length_is_an_error(size):
    with pytest.raises(OSError, match="how long"):
        row_of(b"a", {**FILE, "size": size})


def test_names_are_bytes_again():
    assert rows_of("", [{**FILE, "name": "\u00fc\udcff"}], codec="utf-8")[0][0].name == b"\xc3\xbc\xff"
    assert rows_of("", [{**FILE, "name": "\u00c3\u00bc\u00ff"}], codec="latin-1")[0][0].name == b"\xc3\xbc\xff"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"mtime": 1_700_000_000}, NS),
        ({"mtime": 1_700_000_000.5}, NS + 500_000_000),
        ({"LastModified": datetime(2023, 11, 14, 22, 13, 20, 500_000, UTC)}, NS + 500_000_000),
        ({"last_modified": datetime(2023, 11, 14, 22, 13, 20)}, NS),
        ({"modified": datetime(2023, 11, 15, 0, 13, 20, tzinfo=timezone(timedelta(hours=2)))}, NS),
        ({"modify": "20231114221320"}, NS),
        ({"modify": "20231114221320.250"}, NS),
        ({"updated": "2023-11-14T22:13:20Z"}, NS),
        ({"created": "2023-11-14T22:13:20+00:00", "mtime": 0}, NS),
        ({"mtime": datetime(1969, 12, 31, 23, 59, 59, 500_000, UTC)}, -500_000_000),
        ({"mtime": 1e18}, 2**63 - 1),
        ({"mtime": float("inf")}, 0),
        ({"mtime": float("nan")}, 0),
        ({"modify": "yesterday"}, 0),
        ({"modify": "20239914221320"}, 0),
        ({"mtime": object()}, 0),
        ({}, 0),
    ],
)
def test_times_in_any_words(facts, expected):
    row = row_of(b"a", {**FILE, **facts})

    assert row is not None
    assert row.modified_ns == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"etag": '"x"'}, "x"),
        ({"md5": b"\x01\xff"}, "01ff"),
        ({"checksum": 7}, "7"),
        ({"ETag": None, "etag": "y"}, "y"),
    ],
)
def test_etags_in_any_words(facts, expected):
    row = row_of(b"a", {**FILE, **facts})

    assert row is not None
    assert row.etag == expected
