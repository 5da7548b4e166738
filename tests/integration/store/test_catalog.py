"""The catalog keeps folders and entries as the storage has them, whatever their names are made of."""

from __future__ import annotations

import pytest

from rota.errors import NotFound
from store.engine import Connection, Store
from store.queries import catalog, datasources
from store.records import CatalogCounts, DatasourceRecord, EntryChange, FolderChange
from tests.factories import NOW

ODD = b"caf\xe9 \xff.txt"


def _folder(path: bytes, **fields: object) -> FolderChange:
    return FolderChange(path=path, **({"digest": b"12345678"} | fields))  # type: ignore[arg-type]


def _entry(folder: bytes, name: bytes, **fields: object) -> EntryChange:
    defaults: dict[str, object] = {"kind": "file", "size": 5, "modified_ns": NOW * 1_000_000}
    return EntryChange(folder=folder, name=name, **(defaults | fields))  # type: ignore[arg-type]


def _apply(store: Store, datasource: str = "files", **changes: object) -> None:
    with store.writing() as conn:
        catalog.apply_changes(conn, datasource, run="run-1", at=1, **changes)  # type: ignore[arg-type]


def _folders(conn: Connection) -> list[catalog.FolderTuple]:
    root = catalog.folders_at(conn, "files", [b""])
    return root + catalog.folders_after(conn, "files", below=b"", after=None, limit=100)


def _names(store: Store, folder: bytes = b"") -> list[bytes]:
    with store.reading() as conn:
        return [entry.name for entry in catalog.list_entries(conn, "files", folder).items]


def test_folders_and_entries_come_back_as_they_were(files: Store) -> None:
    _apply(
        files,
        changed_folders=[_folder(b"", token="t", entry_count=2, bytes=5), _folder(b"caf\xe9", digest=b"x" * 16)],
        changed_entries=[
            _entry(b"", ODD, inode=-(2**63), device=7, etag="e", hash="xxh3:1"),
            _entry(b"", b"caf\xe9", kind="folder", size=0),
            _entry(b"caf\xe9", b"a"),
        ],
    )

    with files.reading() as conn:
        folders = {
            path: each for each in catalog.folders_at(conn, "files", [b"", b"caf\xe9", b"x"]) for path in each[1:2]
        }
        rows = catalog.rows_of(conn, [folder[0] for folder in folders.values()])
        assert catalog.find_row(conn, "files", ODD) in rows[folders[b""][0]]
        found = catalog.find_entry(conn, "files", ODD)
        assert catalog.find_entry(conn, "files", b"caf\xe9/a") is not None
        assert catalog.find_entry(conn, "files", b"none/a") is None
        assert catalog.find_entry(conn, "other", ODD) is None
        assert catalog.counts(conn, "files") == CatalogCounts(folders=2, entries=2, bytes=5)
    assert {path: folder[2:4] for path, folder in folders.items()} == {
        b"": ("t", b"12345678"),
        b"caf\xe9": (None, b"x" * 16),
    }
    assert found is not None
    assert (found.kind, found.size, found.modified_ns) == ("file", 5, NOW * 1_000_000)
    assert (found.inode, found.device, found.etag, found.hash) == (-(2**63), 7, "e", "xxh3:1")
    assert found.changed_run == "run-1"
    assert sorted(row[0] for row in rows[folders[b""][0]]) == sorted([ODD, b"caf\xe9"])


def test_rows_of_a_folder_come_page_by_page_in_the_order_of_bytes(files: Store) -> None:
    names = [b"B", b"a", b"a-b", b"a.b", b"\xc3\xa9", b"\xff"]
    _apply(files, changed_folders=[_folder(b"")], changed_entries=[_entry(b"", name) for name in reversed(names)])

    with files.reading() as conn:
        (folder,) = catalog.folders_at(conn, "files", [b""])
        pages = [catalog.rows_after(conn, folder[0], after=after, limit=4) for after in (b"", b"a.b", b"\xff")]
        known = catalog.rows_of(conn, [folder[0]])[folder[0]]

    assert [[row[0] for row in page] for page in pages] == [names[:4], names[4:], []]
    assert sorted(row for page in pages for row in page) == sorted(known)


def test_the_same_changes_again_change_nothing(files: Store) -> None:
    changes = {"changed_folders": [_folder(b"")], "changed_entries": [_entry(b"", b"a"), _entry(b"", b"b")]}
    _apply(files, **changes)
    with files.reading() as conn:
        before = _folders(conn)

    _apply(files, **changes)

    assert _names(files) == [b"a", b"b"]
    with files.reading() as conn:
        assert _folders(conn) == before


def test_entries_are_updated_and_removed(files: Store) -> None:
    _apply(files, changed_folders=[_folder(b"")], changed_entries=[_entry(b"", name) for name in (b"a", b"b", b"c")])

    _apply(
        files,
        changed_folders=[_folder(b"", digest=b"new12345")],
        changed_entries=[_entry(b"", b"a", size=9)],
        removed_entries=[(b"", b"b"), (b"", b"none"), (b"none", b"a")],
    )

    assert _names(files) == [b"a", b"c"]
    with files.reading() as conn:
        found = catalog.find_entry(conn, "files", b"a")
        assert [folder[3] for folder in _folders(conn)] == [b"new12345"]
    assert found is not None
    assert found.size == 9


def test_prints_are_there_as_long_as_the_digest(files: Store) -> None:
    prints = b"12345678"
    _apply(
        files,
        changed_folders=[_folder(b"", prints=prints), _folder(b"x", prints=prints), _folder(b"y")],
        changed_entries=[_entry(b"", b"a"), _entry(b"x", b"b")],
    )

    with files.reading() as conn:
        known = {path: found for _, path, _, _, _, found in catalog.folders_at(conn, "files", [b"", b"x", b"y"])}
    _apply(files, changed_entries=[_entry(b"", b"c")], removed_entries=[(b"x", b"b")])

    assert known == {b"": prints, b"x": prints, b"y": None}
    with files.reading() as conn:
        assert [each[3:] for each in catalog.folders_at(conn, "files", [b"", b"x"])] == [(b"", 0, None)] * 2


def test_entries_are_found_by_folder_and_name(files: Store) -> None:
    names = [b"%d" % number for number in range(700)]
    _apply(
        files,
        changed_folders=[_folder(b"x"), _folder(b"y")],
        changed_entries=[_entry(folder, name, etag=None) for folder in (b"x", b"y") for name in (*names, ODD)],
    )

    with files.reading() as conn:
        x, y = sorted(each[0] for each in catalog.folders_at(conn, "files", [b"x", b"y"]))
        places = [*((x, name) for name in names), (y, ODD), (y, b"none"), (y + 9, ODD)]
        found = list(catalog.find_rows(conn, places))
        assert list(catalog.find_rows(conn, [])) == []

    assert sorted((row[-1], row[0]) for row in found) == sorted(places[:701])
    assert found[0][1:7] == ("file", 5, NOW * 1_000_000, 0, 0, "")


def test_a_removed_folder_takes_its_entries_along(files: Store) -> None:
    _apply(
        files,
        changed_folders=[_folder(b""), _folder(b"x"), _folder(b"x/y")],
        changed_entries=[_entry(b"x", b"a"), _entry(b"x", b"b"), _entry(b"x/y", b"c")],
    )

    _apply(files, removed_folders=[b"x", b"none"])

    with files.reading() as conn:
        assert [folder[1] for folder in _folders(conn)] == [b"", b"x/y"]
        with pytest.raises(NotFound):
            catalog.list_entries(conn, "files", b"x")


def test_datasources_do_not_mix(files: Store) -> None:
    for name in ("files", "other"):
        _apply(files, name, changed_folders=[_folder(b"")], changed_entries=[_entry(b"", name.encode())])

    assert _names(files) == [b"files"]


def test_a_folder_is_made_for_its_entries_and_has_no_digest(files: Store) -> None:
    _apply(files, changed_entries=[_entry(b"new", b"a")])

    with files.reading() as conn:
        assert [folder[1:4] for folder in _folders(conn)] == [(b"new", None, b"")]
    assert _names(files, b"new") == [b"a"]


@pytest.mark.parametrize(
    "change",
    [{"changed_entries": [_entry(b"x", b"a", size=9)]}, {"removed_entries": [(b"x", b"a")]}],
    ids=["written", "removed"],
)
def test_a_folder_that_changes_without_a_digest_loses_it(files: Store, change: dict[str, object]) -> None:
    _apply(files, changed_folders=[_folder(b"x", token="t", entry_count=1)], changed_entries=[_entry(b"x", b"a")])

    _apply(files, **change)

    with files.reading() as conn:
        assert [folder[1:4] for folder in _folders(conn)] == [(b"x", None, b"")]
        assert catalog.counts(conn, "files").entries == 1


def test_an_entry_moves_to_a_name_that_is_freed_in_the_same_batch(files: Store) -> None:
    _apply(files, changed_folders=[_folder(b"")], changed_entries=[_entry(b"", b"a"), _entry(b"", b"b", size=7)])

    _apply(files, removed_entries=[(b"", b"a"), (b"", b"b")], changed_entries=[_entry(b"", b"a", size=7)])

    with files.reading() as conn:
        assert [(entry.name, entry.size) for entry in catalog.list_entries(conn, "files").items] == [(b"a", 7)]


def test_folders_are_given_bit_by_bit_in_the_order_of_paths(files: Store) -> None:
    paths = [b"", b"a", b"a-b", b"a/b", b"a/b/c", b"a0", b"b"]
    _apply(files, changed_folders=[_folder(path) for path in paths])

    with files.reading() as conn:
        assert [folder[1] for folder in _folders(conn)] == paths
        first = catalog.folders_after(conn, "files", below=b"a", after=None, limit=1)
        rest = catalog.folders_after(conn, "files", below=b"a", after=b"a/b", limit=9)
    assert [folder[1] for folder in first + rest] == [b"a/b", b"a/b/c"]


def test_rows_from_before_there_were_etags_are_like_new_ones(files: Store) -> None:
    _apply(files, changed_folders=[_folder(b"")], changed_entries=[_entry(b"", b"a")])
    with files.writing() as conn:
        conn.exec_driver_sql("UPDATE entries SET inode = NULL, device = NULL, etag = NULL")

    with files.reading() as conn:
        row = catalog.find_row(conn, "files", b"a")
        found = catalog.find_entry(conn, "files", b"a")
    assert row is not None
    assert row[4:8] == (0, 0, "", None)
    assert found is not None
    assert (found.inode, found.device, found.etag) == (0, 0, None)


def test_pages_of_entries_join_up(files: Store) -> None:
    names = sorted([b"%03d" % number for number in range(6)] + [b"\xff", b"\x01"])
    _apply(files, changed_folders=[_folder(b"")], changed_entries=[_entry(b"", name) for name in names])

    seen: list[bytes] = []
    cursor = None
    with files.reading() as conn:
        while True:
            page = catalog.list_entries(conn, "files", cursor=cursor, limit=3)
            seen += [entry.name for entry in page.items]
            if page.next is None:
                break
            cursor = page.next

    assert seen == names


def test_a_root_that_was_never_synced_is_empty(files: Store) -> None:
    assert _names(files) == []


def test_a_large_batch_goes_in_and_out(files: Store) -> None:
    folders = [_folder(b"f%d" % number) for number in range(700)]
    entries = [_entry(folder.path, b"n%d" % number) for folder in folders for number in range(3)]

    _apply(files, changed_folders=folders, changed_entries=entries)

    with files.writing() as conn:
        removed = [catalog.remove_batch(conn, "files", limit=400) for _ in range(2)]
    assert [(batch.rows, batch.more) for batch in removed] == [(1600, True), (1200, False)]


def test_a_datasource_keeps_its_marker_when_it_is_saved_again(files: Store) -> None:
    with files.writing() as conn:
        datasources.set_marker(conn, "files", "1234")
        datasources.set_last_sync(conn, "files", {"run": "r", "created": 3})
        changed = DatasourceRecord(name="files", kind="local", root="/new", options={"follow": False})
        saved = datasources.save(conn, changed, at=NOW + 1)

    assert (saved.root, saved.options, saved.marker) == ("/new", {"follow": False}, "1234")
    assert (saved.last_sync, saved.created_at, saved.updated_at) == ({"run": "r", "created": 3}, NOW, NOW + 1)
    with files.reading() as conn:
        assert [datasource.name for datasource in datasources.list_datasources(conn)] == ["files", "other"]


def test_a_deleted_datasource_takes_its_catalog_along(files: Store) -> None:
    _apply(files, changed_folders=[_folder(b"")], changed_entries=[_entry(b"", b"a")])

    with files.writing() as conn:
        datasources.delete(conn, "files")
        assert catalog.counts(conn, "files") == CatalogCounts(folders=0, entries=0, bytes=0)
        for missing in (datasources.get, datasources.delete):
            with pytest.raises(NotFound):
                missing(conn, "files")
        with pytest.raises(NotFound):
            datasources.set_marker(conn, "files", "1")


def test_a_holder_stays_although_its_clock_is_a_little_ahead(files: Store) -> None:
    minute = 60_000
    with files.writing() as conn:
        fence = datasources.holds.take(conn, "files", task="one", now=NOW + 500, until=NOW + 500 + minute)
        assert datasources.holds.take(conn, "files", task="other", now=NOW, until=NOW + minute) is None
        assert datasources.holds.holder(conn, "files") == "one"
        assert fence is not None
        assert datasources.holds.keep(conn, "files", fence=fence, until=NOW + minute)


@pytest.mark.parametrize("later", [61_000, -3_600_000], ids=["silent", "clock set back"])
def test_a_holder_that_cannot_be_believed_any_more_loses_it(files: Store, later: int) -> None:
    minute = 60_000
    with files.writing() as conn:
        lost = datasources.holds.take(conn, "files", task="one", now=NOW, until=NOW + minute)
        fence = datasources.holds.take(conn, "files", task="other", now=NOW + later, until=NOW + later + minute)
        assert lost is not None
        assert fence == lost + 1
        assert not datasources.holds.keep(conn, "files", fence=lost, until=NOW + 2 * minute)
        datasources.holds.release(conn, "files", fence=lost)
        assert datasources.holds.holder(conn, "files") == "other"
