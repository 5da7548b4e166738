"""What every kind of storage promises, asked of each of them on a real server."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from actors.datasources.digest import folder_digest
from actors.datasources.opening import open_storage
from actors.datasources.scanning import scan
from actors.datasources.storage import MARKER, Datasource, End, Kind, Listing, Same, Storage, Unlisted
from rota.datasources import Rules
from rota.errors import PermanentError
from tests.storages.served import Served

ODD_NAMES = [
    *("a b", "50%", "%41", "a+b", "#1", "q?", "a&b=c", "it's", "x;y", "~tilde", "[brackets]", "{braces}", "comma,"),
    *("Case", "case", "CASE", "\u00fcber", unicodedata.normalize("NFD", "\u00fcber"), "\u65e5\u672c", "\U0001f600"),
    "n" * 255,
]

Opener = Callable[..., Storage]


@pytest.fixture
def opened(served: Served) -> Iterator[Opener]:
    """Opens the storage, with other rules or another marker if asked; closed at the end."""
    storages: list[Storage] = []

    def open_one(**changes: Any) -> Storage:
        storages.append(open_storage(replace(served.datasource, **changes)))
        return storages[-1]

    yield open_one
    for storage in storages:
        storage.close()
        storage.close()


@pytest.fixture
def storage(opened: Opener) -> Storage:
    return opened()


def listed(storage: Storage, path: bytes = b"") -> dict[bytes, tuple[str, int]]:
    found = storage.list_folder(path)
    assert isinstance(found, Listing), found
    assert [row.name for row in found.rows] == sorted({row.name for row in found.rows})
    return {row.name: (row.kind, row.size) for row in found.rows}


def content(storage: Storage, path: bytes) -> bytes:
    with storage.open_file(path) as file:
        return file.read()


# --- Listing -----------------------------------------------------------------------------------------------------------


def test_empty_root_is_an_empty_listing(storage: Storage) -> None:
    storage.verify()

    assert listed(storage) == {}


def test_folder_is_listed_with_kinds_and_sizes(served: Served, storage: Storage) -> None:
    served.write(b"b.txt", b"12345")
    served.write(b"a/deep/er", b"x")
    served.write(b"a/empty", b"")

    assert listed(storage) == {b"a": ("folder", 0), b"b.txt": ("file", 5)}
    assert listed(storage, b"a") == {b"deep": ("folder", 0), b"empty": ("file", 0)}
    assert listed(storage, b"a/deep") == {b"er": ("file", 1)}


def test_what_is_no_folder_is_not_an_empty_listing(served: Served, storage: Storage) -> None:
    served.write(b"a/file", b"x")

    for path in (b"none", b"none/below", b"a/file"):
        assert isinstance(storage.list_folder(path), Unlisted), path


def test_names_come_back_as_they_are(served: Served, storage: Storage) -> None:
    names = {name.encode() for name in ODD_NAMES}
    for name in names:
        served.write(b"odd/" + name, name)

    assert set(listed(storage, b"odd")) == names
    for name in names:
        assert content(storage, b"odd/" + name) == name
        row = storage.stat(b"odd/" + name)
        assert row is not None
        assert (row.name, row.size) == (name, len(name))


def test_private_names_are_left_out(served: Served, storage: Storage) -> None:
    for path in (b".rota/bin/x", b".rota-draft-1", b"a/.rota-marker", b".rotation"):
        served.write(path, b"x")

    assert set(listed(storage)) == {b".rotation", b"a"}
    assert listed(storage, b"a") == {}


def test_globs_leave_out_what_they_name(served: Served, opened: Opener) -> None:
    for path in (b"keep.txt", b"drop.tmp", b"cache/x.txt", b"docs/a.txt", b"docs/b.bin"):
        served.write(path, b"x")
    storage = opened(rules=_rules(served, include=("*.txt",), exclude=("cache/", "*.tmp")))

    assert set(listed(storage)) == {b"keep.txt", b"docs"}
    assert set(listed(storage, b"docs")) == {b"a.txt"}
    told = [found.path for found in scan(storage, [b""], lambda paths: {}) if not isinstance(found, End)]
    assert b"cache" not in told


def test_whole_view_shows_private_names_and_what_globs_leave_out(served: Served, opened: Opener) -> None:
    for path in (b".rota/bin/x", b".rota-draft-1", b"a/.rota-marker", b"drop.tmp", b"cache/.rota/y"):
        served.write(path, b"x")
    storage = opened(whole=True, rules=_rules(served, include=("*.txt",), exclude=("cache/", "*.tmp")))

    assert set(listed(storage)) == {b".rota", b".rota-draft-1", b"a", b"drop.tmp", b"cache"}
    assert set(listed(storage, b"a")) == {b".rota-marker"}
    told = {found.path for found in scan(storage, [b""], lambda paths: {}) if isinstance(found, Listing)}
    assert told == {b"", b".rota", b".rota/bin", b"a", b"cache", b"cache/.rota"}


# --- Single entries ----------------------------------------------------------------------------------------------------


def test_entry_is_what_its_listing_says(served: Served, storage: Storage) -> None:
    served.write(b"a/file", b"12345")
    found = storage.list_folder(b"a")

    assert isinstance(found, Listing)
    assert [storage.stat(b"a/file")] == found.rows
    folder = storage.stat(b"a")
    assert folder is not None
    assert (folder.name, folder.kind, folder.size) == (b"a", Kind.FOLDER, 0)


def test_missing_entry_is_none(served: Served, storage: Storage) -> None:
    served.write(b"a/file", b"x")

    for path in (b"none", b"none/below", b"a/none", b"a/file/below", b"a/fil"):
        assert storage.stat(path) is None, path


def test_file_is_read_whole_and_in_pieces(served: Served, storage: Storage) -> None:
    large = bytes(range(256)) * 12_000  # 3 MB
    served.write(b"large", large)
    served.write(b"empty", b"")

    assert content(storage, b"large") == large
    assert content(storage, b"empty") == b""
    with storage.open_file(b"large") as file:
        pieces = iter(lambda: file.read(100_003), b"")
        assert b"".join(pieces) == large


def test_what_is_no_file_cannot_be_read(served: Served, storage: Storage) -> None:
    served.write(b"a/file", b"x")

    with pytest.raises(FileNotFoundError):
        content(storage, b"a/none")
    with pytest.raises(OSError):  # noqa: PT011 -- each kind has its own words for it
        content(storage, b"a")


# --- Writing -----------------------------------------------------------------------------------------------------------


def test_write_makes_and_replaces_a_file(served: Served, storage: Storage) -> None:
    for text in (b"first", b"second, longer", b""):
        row = storage.write(b"file", [text[:3], text[3:]])

        assert content(storage, b"file") == text
        assert row == storage.stat(b"file")
        assert served.walk() == {b"file": ("file", len(text))}


def test_large_write_is_whole(served: Served, storage: Storage) -> None:
    storage.make_folder(b"to")
    storage.write(b"to/large", (bytes([n]) * 1_000_000 for n in range(12)))

    assert content(storage, b"to/large") == b"".join(bytes([n]) * 1_000_000 for n in range(12))
    assert served.walk()[b"to/large"] == ("file", 12_000_000)


def test_time_is_kept_where_the_storage_can(storage: Storage) -> None:
    if not storage.capabilities.keeps_modified:
        pytest.skip("this kind sets its own times")
    stamp = 1_700_000_000_000_000_000

    assert storage.write(b"file", [b"x"], modified_ns=stamp).modified_ns == stamp


def test_failed_write_leaves_the_old_file_and_nothing_else(served: Served, storage: Storage) -> None:
    storage.write(b"file", [b"old"])

    def breaking() -> Iterator[bytes]:
        yield b"new" * 100_000
        raise KeyError("source")

    def refusing() -> None:
        raise KeyError("no longer the owner")

    for pieces, confirm in ((breaking(), lambda: None), ([b"new"], refusing)):
        with pytest.raises(KeyError):
            storage.write(b"file", pieces, confirm=confirm)
        assert content(storage, b"file") == b"old"
        assert served.walk() == {b"file": ("file", 3)}


def test_name_is_given_after_the_confirmation(served: Served, storage: Storage) -> None:
    seen: list[bool] = []

    storage.write(b"file", [b"new"], confirm=lambda: seen.append(b"file" in served.walk()))

    assert seen == [False]


def test_rename_moves_a_file_and_replaces_nothing(served: Served, storage: Storage) -> None:
    served.write(b"one", b"1")
    served.write(b"to/two", b"22")

    with pytest.raises(FileExistsError):
        storage.rename(b"one", b"to/two")
    with pytest.raises(FileNotFoundError):
        storage.rename(b"none", b"other")
    storage.rename(b"one", b"to/one")

    files = {path: seen for path, seen in served.walk().items() if seen[0] == "file"}
    assert files == {b"to/one": ("file", 1), b"to/two": ("file", 2)}


def test_rename_moves_a_folder_where_the_storage_can(served: Served, storage: Storage) -> None:
    if not storage.capabilities.moves:
        pytest.skip("this kind has no folders of its own")
    served.write(b"a/b/c", b"x")
    served.make_folder(b"to")

    storage.rename(b"a", b"to/a")

    assert {b"to/a/b/c"} == {path for path, seen in served.walk().items() if seen[0] == "file"}


def test_delete_takes_files_and_empty_folders_only(served: Served, storage: Storage) -> None:
    served.write(b"a/file", b"x")
    served.make_folder(b"empty")

    storage.delete(b"none")
    storage.delete(b"empty")
    if storage.capabilities.folders:
        with pytest.raises(OSError):  # noqa: PT011 -- each kind has its own words for it
            storage.delete(b"a")
    assert served.walk() == {b"a": ("folder", 0), b"a/file": ("file", 1)}
    storage.delete(b"a/file")
    storage.delete(b"a")
    assert served.walk() == {}


def test_folders_are_made_once(served: Served, storage: Storage) -> None:
    storage.make_folder(b"a")
    storage.make_folder(b"a")
    storage.make_folder(b"a/b")

    expected = {b"a": ("folder", 0), b"a/b": ("folder", 0)} if storage.capabilities.folders else {}
    assert served.walk() == expected


# --- The storage as a whole --------------------------------------------------------------------------------------------


def test_marker_must_be_the_right_one(served: Served, opened: Opener) -> None:
    with pytest.raises(PermanentError, match=r"(?s)files|served|rota-marker"):
        opened(marker="mine").verify()
    served.write(MARKER, b"another\n")
    with pytest.raises(PermanentError):
        opened(marker="mine").verify()
    served.write(MARKER, b"mine\n")
    opened(marker="mine").verify()


def test_scan_tells_everything_once(served: Served, storage: Storage) -> None:
    for n in range(4):
        for m in range(3):
            served.write(b"top%d/sub%d/file" % (n, m), b"x" * m)
    served.write(b"beside", b"x")
    branches = [b"top%d" % n for n in range(4)]

    found = list(scan(storage, branches, lambda paths: {}))

    assert [end.path for end in found if isinstance(end, End)] == branches
    told = [listing.path for listing in found if isinstance(listing, Listing)]
    assert sorted(told) == sorted([*branches, *(b"top%d/sub%d" % (n, m) for n in range(4) for m in range(3))])
    for n, branch in enumerate(branches):
        end = found.index(End(path=branch))
        assert all(one.path.startswith(b"top%d" % n) is False for one in found[end + 1 :]), branch


def test_scan_tells_a_known_folder_without_its_rows(served: Served, storage: Storage) -> None:
    served.write(b"same/file", b"x")
    served.write(b"other/file", b"x")
    known = {one.path: one for one in scan(storage, [b""], lambda paths: {}) if isinstance(one, Listing)}
    served.write(b"other/new", b"xyz")

    found = list(scan(storage, [b""], lambda paths: {path: _Known(known[path]) for path in paths if path in known}))

    same = {one.path: (one.entries, one.bytes) for one in found if isinstance(one, Same)}
    assert same[b"same"] == (1, 1)
    assert {one.path for one in found if isinstance(one, Listing)} >= {b"other"}


def test_threads_share_a_storage(served: Served, storage: Storage) -> None:
    for n in range(20):
        served.write(b"d%d/file" % n, b"%d" % n)

    with ThreadPoolExecutor(8) as threads:
        read = list(threads.map(lambda n: content(storage, b"d%d/file" % n), range(20)))

    assert read == [b"%d" % n for n in range(20)]


def test_closed_storage_answers_nothing(served: Served) -> None:
    with closing(open_storage(served.datasource)) as storage:
        storage.verify()

    with pytest.raises(Exception):  # noqa: B017, PT011 -- whatever it says, it must not look empty
        listed(storage)


class _Known:
    def __init__(self, listing: Listing) -> None:
        self.token = listing.token
        self.digest = folder_digest(listing.rows)
        self.prints = b""


def _rules(served: Served, **changes: Any) -> Rules:
    datasource: Datasource = served.datasource
    return datasource.rules.model_copy(update=changes)
