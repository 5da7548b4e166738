"""What folders hold with everything below them, however their names are made."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.engine import Store
from store.queries import catalog, datasources, sizes
from store.records import CatalogCounts, DatasourceRecord, FolderChange
from tests.factories import NOW

# Bytes around the slash, whose order decides where a folder ends.
_NAMES = st.text(alphabet=[chr(n) for n in (0x01, 0x2E, 0x30, 0x61, 0x7F, 0xFF)], min_size=1, max_size=3).map(
    lambda text: text.encode("latin-1")
)
_PATHS = st.lists(st.lists(_NAMES, min_size=1, max_size=4), max_size=12)


def write(store: Store, name: str, folders: dict[bytes, tuple[int, int]]) -> None:
    with store.writing() as conn:
        datasources.save(conn, DatasourceRecord(name=name, kind="local", root="/srv"), at=NOW)
        while catalog.remove_batch(conn, name).more:
            pass
        changes = [
            FolderChange(path=path, digest=b"12345678", entry_count=count, bytes=size)
            for path, (count, size) in folders.items()
        ]
        catalog.apply_changes(conn, name, run="r", at=1, changed_folders=changes)


def below(store: Store, folder: bytes, names: Iterable[bytes]) -> dict[bytes, CatalogCounts]:
    with store.reading() as conn:
        return sizes.below(conn, "files", folder, list(names))


def test_folder_holds_itself_and_all_below_and_nothing_beside(store: Store) -> None:
    write(store, "files", {
        b"": (3, 9), b"a": (2, 10), b"a/b": (1, 100), b"a/b/c": (1, 1000), b"a-b": (1, 7), b"a0": (1, 5), b"ab": (1, 3),
    })  # fmt: skip
    write(store, "other", {b"a": (9, 9), b"a/x": (9, 9)})

    found = below(store, b"", [b"a", b"a-b", b"a0", b"none"])

    assert found == {
        b"a": CatalogCounts(folders=2, entries=4, bytes=1110),
        b"a-b": CatalogCounts(folders=0, entries=1, bytes=7),
        b"a0": CatalogCounts(folders=0, entries=1, bytes=5),
        b"none": CatalogCounts(folders=0, entries=0, bytes=0),
    }
    assert below(store, b"a", [b"b"]) == {b"b": CatalogCounts(folders=1, entries=2, bytes=1100)}
    assert below(store, b"a", []) == {}


@given(paths=_PATHS, data=st.data())
# The same database for all examples: each empties it first.
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_sums_equal_those_of_an_independent_count(store: Store, paths: list[list[bytes]], data: st.DataObject) -> None:
    whole = {b"/".join(parts[:n]) for parts in paths for n in range(len(parts) + 1)} | {b""}
    folders = {path: (n + 1, 10**n) for n, path in enumerate(sorted(whole)[:15])}
    write(store, "files", folders)
    folder = data.draw(st.sampled_from(sorted(folders)))
    prefix = folder + b"/" if folder else b""
    names = {path[len(prefix) :].split(b"/")[0] for path in folders if path.startswith(prefix) and path}
    chosen = data.draw(st.sets(st.sampled_from(sorted(names)))) if names else set()

    found = below(store, folder, chosen)

    for name in chosen:
        top = prefix + name
        inside = [path for path in folders if path == top or path.startswith(top + b"/")]
        assert found[name] == CatalogCounts(
            folders=len(inside) - 1,
            entries=sum(folders[path][0] for path in inside),
            bytes=sum(folders[path][1] for path in inside),
        )


def test_bytes_of_folders_are_those_in_them_and_below(store: Store) -> None:
    write(store, "files", {b"": (3, 9), b"a": (2, 10), b"a/b": (1, 100), b"a-b": (1, 7), b"a0": (1, 5)})
    write(store, "other", {b"a": (9, 9)})

    with store.reading() as conn:
        found = [sizes.bytes_in(conn, "files", paths) for paths in ([b"a"], [b"a/b", b"a0"], [b"none"], [b""], [])]

    assert found == [110, 105, 0, 131, 0]
