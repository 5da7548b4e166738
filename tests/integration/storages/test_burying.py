"""What deleting items of a bin for good promises, asked of every kind of storage on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import chain, count

import pytest

from actors.datasources.abilities import Doomed, Ended
from actors.datasources.burying import bury
from actors.datasources.graves import Fate
from actors.datasources.opening import open_storage
from actors.datasources.storage import Kind, Row, Storage
from rota.errors import Cancelled
from tests.storages.served import Served

BIN, TOMB = b".rota/bin", b".rota/tomb"


@pytest.fixture
def storage(served: Served) -> Iterator[Storage]:
    with closing(open_storage(replace(served.datasource, whole=True))) as opened:
        yield opened


def put(served: Served, item: bytes, *paths: bytes, content: bytes = b"12345") -> None:
    """Make the files of an item of the bin, and its information."""
    for path in paths:
        served.write(b"%s/%s/%s" % (BIN, item, path), content)
    served.write(b"%s/%s.trashinfo" % (BIN, item), b"[Trash Info]\n")


def doomed(storage: Storage, bin_path: bytes) -> Doomed:
    row = storage.stat(BIN + b"/" + bin_path)
    assert row is not None
    return Doomed(bin_path, row)


def files(served: Served) -> set[bytes]:
    """All that is there but folders, and the folders of items."""
    found = served.walk()
    return {path for path, (kind, _) in found.items() if kind != "folder" or path.startswith((BIN + b"/", TOMB + b"/"))}


def ends(storage: Storage, *items: Doomed) -> dict[bytes, Ended]:
    return {ended.item.bin_path: ended for ended in bury(storage, iter(items))}


def test_file_is_gone_with_its_folder_and_its_information(served: Served, storage: Storage) -> None:
    put(served, b"one", b"a b.txt")
    put(served, b"two", b"kept")
    item = doomed(storage, b"one/a b.txt")

    assert ends(storage, item) == {b"one/a b.txt": Ended(item, Fate.GONE, 1, 5)}
    assert BIN + b"/two/kept" in files(served)
    assert not any(b"one" in path for path in files(served))


def test_folder_is_gone_with_everything_in_it(served: Served, storage: Storage) -> None:
    paths = [b"f/%s%d" % (folder, n) for folder in (b"", b"deep/", b"deep/er/", b"other/") for n in range(30)]
    put(served, b"one", *paths, b"f/.rota-draft-1", b"f/deep/.rota/x")
    item = doomed(storage, b"one/f")

    ended = ends(storage, item)[b"one/f"]

    assert (ended.fate, ended.bytes, ended.reason) == (Fate.GONE, 5 * 122, "")
    assert ended.entries == 122 + (5 if storage.capabilities.folders else 0)
    assert files(served) == set()


def test_globs_leave_nothing_behind(served: Served) -> None:
    put(served, b"one", b"f/a.tmp", b"f/cache/b")
    rules = served.datasource.rules.model_copy(update={"exclude": ("*.tmp", "cache/")})

    with closing(open_storage(replace(served.datasource, whole=True, rules=rules))) as storage:
        assert ends(storage, doomed(storage, b"one/f"))[b"one/f"].fate == Fate.GONE

    assert files(served) == set()


def test_many_items_are_told_each_once(served: Served, storage: Storage) -> None:
    for n in range(60):
        put(served, b"i%02d" % n, *((b"f/a", b"f/b/c") if n % 3 == 0 else (b"file",)))
    items = [doomed(storage, b"i%02d/%s" % (n, b"file" if n % 3 else b"f")) for n in range(60)]

    told = list(bury(storage, iter(items)))

    assert sorted(ended.item for ended in told) == sorted(items)
    assert {ended.fate for ended in told} == {Fate.GONE}
    assert files(served) == set()


def test_what_is_not_there_is_missing_and_its_information_goes(served: Served, storage: Storage) -> None:
    served.write(BIN + b"/gone.trashinfo", b"x")
    served.write(BIN + b"/other/file", b"x")
    row = Row(b"file", Kind.FILE.value, 1, 0)

    told = ends(storage, Doomed(b"gone/file", row), Doomed(b"other/none", row))

    assert {path: ended.fate for path, ended in told.items()} == {
        b"gone/file": Fate.MISSING,
        b"other/none": Fate.MISSING,
    }
    assert {path for path in files(served) if served.walk()[path][0] == "file"} == {BIN + b"/other/file"}


def test_storage_without_a_bin_misses_everything(served: Served, storage: Storage) -> None:
    assert ends(storage, Doomed(b"a/b", Row(b"b", "file", 1, 0)))[b"a/b"].fate == Fate.MISSING
    assert not any(path.startswith(b".rota/bin/") for path in served.walk())


@pytest.mark.parametrize("path", [b"one", b"one/", b"/x", b"one/.", b"../x", b"one/x/y", b"one/..", b"one/x\0", b""])
def test_paths_that_could_lead_elsewhere_are_refused(served: Served, storage: Storage, path: bytes) -> None:
    put(served, b"one", b"x")
    served.write(b".rota/x", b"1")
    before = files(served)

    ended = ends(storage, Doomed(path, Row(b"x", "file", 5, 0)))[path]

    assert ended.fate == Fate.FAILED
    assert "<folder>/<name>" in ended.reason
    assert files(served) == before


@pytest.mark.parametrize("change", ["size", "kind"])
def test_another_thing_in_its_place_stays_where_it_is(served: Served, storage: Storage, change: str) -> None:
    put(served, b"one", b"x")
    item = doomed(storage, b"one/x")
    if change == "size":
        served.write(BIN + b"/one/x", b"1234567")
    else:
        served.remove(BIN + b"/one/x")
        served.write(BIN + b"/one/x/inner", b"12345")
    before = files(served)

    ended = ends(storage, item)[b"one/x"]

    assert ended.fate == Fate.REPLACED
    assert ended.reason
    assert (ended.entries, files(served)) == (0, before)


def test_time_that_differs_says_that_it_was_changed(served: Served, storage: Storage) -> None:
    put(served, b"one", b"x")
    item = doomed(storage, b"one/x")
    if not item.row.modified_ns:
        pytest.skip("this kind tells no times")
    other = item.row._replace(modified_ns=item.row.modified_ns - storage.capabilities.step_ns, inode=0, etag="")

    assert ends(storage, Doomed(b"one/x", other))[b"one/x"].fate == Fate.REPLACED
    assert ends(storage, Doomed(b"one/x", other._replace(modified_ns=0)))[b"one/x"].fate == Fate.GONE


def test_what_lay_beside_an_item_stays(served: Served, storage: Storage) -> None:
    put(served, b"one", b"x", b"stranger")
    item = doomed(storage, b"one/x")

    ended = ends(storage, item)[b"one/x"]

    assert (ended.fate, ended.entries) == (Fate.GONE, 1)
    assert "beside" in ended.reason
    assert BIN + b"/one/stranger" in files(served)
    assert not {BIN + b"/one.trashinfo", BIN + b"/one/x"} & files(served)


def test_what_an_earlier_purge_began_is_finished(served: Served, storage: Storage) -> None:
    if not storage.capabilities.moves:
        pytest.skip("this kind has no tomb")
    put(served, b"part", b"f/a", b"f/b/c")
    put(served, b"file", b"x")
    put(served, b"done", b"y")
    items = [doomed(storage, path) for path in (b"part/f", b"file/x", b"done/y")]
    served.make_folder(TOMB)
    for item in (b"part", b"file", b"done"):
        served.rename(BIN + b"/" + item, TOMB + b"/" + item)
    served.remove(TOMB + b"/part/f/a")  # its time is another one now
    served.remove(TOMB + b"/done/y")

    told = ends(storage, *items)

    assert {ended.fate for ended in told.values()} == {Fate.GONE}
    assert (told[b"part/f"].entries, told[b"done/y"].entries) == (3, 0)
    assert files(served) == set()


def test_second_call_finds_nothing_left(served: Served, storage: Storage) -> None:
    put(served, b"one", b"x")
    item = doomed(storage, b"one/x")
    ends(storage, item)

    assert ends(storage, item)[b"one/x"] == Ended(item, Fate.MISSING)


def test_nothing_is_put_over_what_is_in_the_tomb(served: Served, storage: Storage) -> None:
    if not storage.capabilities.moves:
        pytest.skip("this kind has no tomb")
    put(served, b"one", b"x")
    item = doomed(storage, b"one/x")
    served.make_folder(TOMB)
    served.rename(BIN + b"/one", TOMB + b"/one")
    served.write(BIN + b"/one/x", b"another thing")

    ended = ends(storage, item)[b"one/x"]

    assert (ended.fate, ended.entries) == (Fate.REPLACED, 1)
    assert files(served) == {BIN + b"/one", BIN + b"/one/x", BIN + b"/one.trashinfo"}


def test_items_are_taken_as_they_can_be_worked_on(served: Served, storage: Storage) -> None:
    put(served, b"one", b"x")
    put(served, b"two", b"x")
    told: list[Ended] = []
    asked: list[int] = []

    def slowly() -> Iterator[Doomed]:
        for item in [doomed(storage, b"one/x"), doomed(storage, b"two/x")]:
            asked.append(len(told))
            yield item

    with closing(bury(storage, slowly())) as ended:  # type: ignore[type-var]
        assert asked == []
        told += ended
    assert len(told) == 2


def test_check_ends_it_and_the_next_call_finishes(served: Served, storage: Storage) -> None:
    for n in range(20):
        put(served, b"i%02d" % n, b"f/a", b"f/b")
    items = [doomed(storage, b"i%02d/f" % n) for n in range(20)]
    endless = (Doomed(b"none%d/x" % n, items[0].row) for n in count())
    told: set[bytes] = set()

    def check() -> None:
        if told:
            raise Cancelled

    def purge() -> None:
        for ended in bury(storage, chain(items, endless), check=check):
            told.add(ended.item.bin_path)

    with pytest.raises(Cancelled):
        purge()

    again = ends(storage, *items)
    assert {ended.fate for ended in again.values()} <= {Fate.GONE, Fate.MISSING}
    assert files(served) == set()
