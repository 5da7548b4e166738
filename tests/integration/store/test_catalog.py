"""The catalog keeps folders and entries as the storage has them, whatever their names are made of."""

from __future__ import annotations

import pytest

from rota.errors import NotFound
from store.engine import Store
from store.queries import catalog, datasources
from store.records import CatalogCounts, DatasourceRecord, EntryChange, FolderChange
from tests.factories import NOW

ODD = b"caf\xe9 \xff.txt"


@pytest.fixture
def files(store: Store) -> Store:
    with store.writing() as conn:
        for name in ("files", "other"):
            datasources.save(conn, DatasourceRecord(name=name, kind="local", root=f"/srv/{name}"), at=NOW)
    return store


def _folder(path: bytes, **fields: object) -> FolderChange:
    return FolderChange(path=path, **({"digest": b"12345678"} | fields))  # type: ignore[arg-type]


def _entry(folder: bytes, name: bytes, **fields: object) -> EntryChange:
    defaults: dict[str, object] = {"kind": "file", "size": 5, "modified_ns": NOW * 1_000_000}
    return EntryChange(folder=folder, name=name, **(defaults | fields))  # type: ignore[arg-type]


def _apply(store: Store, datasource: str = "files", **changes: object) -> int:
    with store.writing() as conn:
        return catalog.apply_changes(conn, datasource, run="run-1", **changes)  # type: ignore[arg-type]


def _names(store: Store, folder: bytes = b"") -> list[bytes]:
    with store.reading() as conn:
        return [entry.name for entry in catalog.list_entries(conn, "files", folder).items]


def test_folders_and_entries_come_back_as_they_were(files: Store) -> None:
    written = _apply(
        files,
        changed_folders=[_folder(b"", token="t", entry_count=2, bytes=5), _folder(b"caf\xe9", digest=b"x" * 16)],
        changed_entries=[
            _entry(b"", ODD, inode=2**64 - 1, device=7, etag="e", hash="xxh3:1"),
            _entry(b"", b"caf\xe9", kind="folder", size=0),
            _entry(b"caf\xe9", b"a"),
        ],
    )

    assert written == 3
    with files.reading() as conn:
        digests = catalog.folder_digests(conn, "files")
        rows = catalog.entries_of(conn, [folder.id for folder in digests.values()])
        found = catalog.find_entry(conn, "files", ODD)
        assert catalog.find_entry(conn, "files", b"caf\xe9/a") is not None
        assert catalog.find_entry(conn, "files", b"none/a") is None
        assert catalog.find_entry(conn, "other", ODD) is None
        assert catalog.counts(conn, "files") == CatalogCounts(folders=2, entries=2, bytes=5)
    assert {path: (folder.digest, folder.token) for path, folder in digests.items()} == {
        b"": (b"12345678", "t"),
        b"caf\xe9": (b"x" * 16, None),
    }
    assert found is not None
    assert (found.kind, found.size, found.modified_ns) == ("file", 5, NOW * 1_000_000)
    assert (found.inode, found.device, found.etag, found.hash) == (2**64 - 1, 7, "e", "xxh3:1")
    assert found.changed_run == "run-1"
    assert [entry.name for entry in rows[digests[b""].id]] == sorted([ODD, b"caf\xe9"])


def test_the_same_changes_again_change_nothing(files: Store) -> None:
    changes = {"changed_folders": [_folder(b"")], "changed_entries": [_entry(b"", b"a"), _entry(b"", b"b")]}
    _apply(files, **changes)
    with files.reading() as conn:
        before = catalog.folder_digests(conn, "files")

    _apply(files, **changes)

    assert _names(files) == [b"a", b"b"]
    with files.reading() as conn:
        assert catalog.folder_digests(conn, "files") == before


def test_entries_are_updated_and_removed(files: Store) -> None:
    _apply(files, changed_folders=[_folder(b"")], changed_entries=[_entry(b"", name) for name in (b"a", b"b", b"c")])

    touched = _apply(
        files,
        changed_folders=[_folder(b"", digest=b"new12345")],
        changed_entries=[_entry(b"", b"a", size=9)],
        removed_entries=[(b"", b"b"), (b"", b"none"), (b"none", b"a")],
    )

    assert (touched, _names(files)) == (2, [b"a", b"c"])
    with files.reading() as conn:
        found = catalog.find_entry(conn, "files", b"a")
        assert catalog.folder_digests(conn, "files")[b""].digest == b"new12345"
    assert found is not None
    assert found.size == 9


def test_a_removed_folder_takes_its_entries_along(files: Store) -> None:
    _apply(
        files,
        changed_folders=[_folder(b""), _folder(b"x"), _folder(b"x/y")],
        changed_entries=[_entry(b"x", b"a"), _entry(b"x", b"b"), _entry(b"x/y", b"c")],
    )

    assert _apply(files, removed_folders=[b"x", b"none"]) == 2

    with files.reading() as conn:
        assert set(catalog.folder_digests(conn, "files")) == {b"", b"x/y"}
        with pytest.raises(NotFound):
            catalog.list_entries(conn, "files", b"x")


def test_datasources_do_not_mix(files: Store) -> None:
    for name in ("files", "other"):
        _apply(files, name, changed_folders=[_folder(b"")], changed_entries=[_entry(b"", name.encode())])

    assert _names(files) == [b"files"]


def test_an_entry_needs_its_folder(files: Store) -> None:
    with pytest.raises(NotFound):
        _apply(files, changed_entries=[_entry(b"none", b"a")])


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

    assert _apply(files, changed_folders=folders, changed_entries=entries) == 2100

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
