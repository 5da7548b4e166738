from __future__ import annotations

import random
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.catalog import Changes, FolderState
from actors.datasources.digest import folder_digest
from actors.datasources.packed import CHUNK_ROWS, encode_rows
from actors.datasources.prints import MOST_ROWS, NO_PRINTS, print_of, prints_of_chunks
from actors.datasources.scanning import marked, told
from actors.datasources.storage import Altered, Listing, Row, Same
from actors.syncing.altered import differences
from actors.syncing.difference import Entry, compare
from actors.testing import MemoryCatalog

FOLDER = b"f"


class Before(NamedTuple):
    token: str
    digest: bytes
    prints: bytes


def row(name, *, kind="file", size=1, modified_ns=10, inode=1, etag=""):
    return Row(name, kind, size, modified_ns, inode, 1, etag)


def many(count):
    return [row(b"%05d" % number, inode=number) for number in range(count)]


def chunks_of(rows):
    return [encode_rows(rows[start : start + CHUNK_ROWS]) for start in range(0, len(rows), CHUNK_ROWS)]


def listed(rows, token="t"):
    return Listing(path=FOLDER, token=token, rows=rows)


def known(rows, token="t"):
    whole = marked(listed(rows))
    return Before(token, whole.digest, whole.prints)


def catalog_of(rows):
    catalog = MemoryCatalog()
    catalog.hold("task")
    catalog.apply(Changes(created=[Entry(FOLDER, each) for each in rows]), before_commit=lambda: None)
    return catalog


def difference(rows, found):
    """Give what an altered folder differs in from a catalog with these rows."""
    catalog = catalog_of(rows)
    return differences(catalog, [found], catalog.folders([FOLDER]))[FOLDER]


def plain(found):
    """A difference without the order of what is gone, which comes as the catalog tells it."""
    return found.created, found.updated, found.touched, found.replaced, sorted(found.gone)


NAMES = st.integers(0, 30).map(lambda number: b"%02d" % number)
ROWS = st.builds(
    row,
    NAMES,
    kind=st.sampled_from(["file", "folder", "link"]),
    size=st.integers(0, 2),
    modified_ns=st.integers(-1, 1),
    inode=st.sampled_from([0, 1, -(2**63), 2**63 - 1]),
    etag=st.sampled_from(["", "e", "é"]),
)


@given(old=st.lists(ROWS, unique_by=lambda row: row.name), new=st.lists(ROWS, max_size=5), gone=st.sets(NAMES))
def test_few_rows_differ_in_the_same_as_all_of_them(old, new, gone):
    now = {each.name: each for each in old if each.name not in set(list(gone)[:5])} | {each.name: each for each in new}
    rows = [now[name] for name in sorted(now)]
    before = sorted(old)

    found = told(listed(rows), known(before))

    expected = compare(FOLDER, rows, [(*each, None) for each in before])
    if isinstance(found, Altered):
        assert plain(difference(before, found)) == plain(expected)
        assert (found.entries, found.bytes) == (len(rows), sum(each.size for each in rows if each.kind == "file"))
        assert (found.digest, found.prints) == known(rows)[1:]
        assert len(found.rows) + len(found.missing) <= len(rows) // 2
    elif isinstance(found, Same):
        assert rows == before
    else:
        assert found == listed(rows)
        assert (found.digest, found.prints) == known(rows)[1:]


def test_one_of_many_that_changed_is_told_alone():
    old = many(100)
    new = [*old[:50], old[50]._replace(size=9), *old[51:]]

    found = told(listed(new), known(old))

    assert isinstance(found, Altered)
    assert found.rows == [new[50]]
    assert found.missing == {print_of(old[50])}


def test_folder_with_another_token_only_is_told_without_rows():
    found = told(listed(many(10), token="new"), known(many(10)))

    assert (found.token, found.rows, found.missing) == ("new", [], frozenset())


def test_folder_without_known_prints_is_told_whole():
    old = many(10)
    before = known(old)._replace(prints=b"")

    assert told(listed(old[:9]), before) == listed(old[:9])


@pytest.mark.parametrize("prints", [b"1234567", b"12345678" * 10], ids=["cut", "of one row often"])
def test_prints_that_cannot_be_are_not_believed(prints):
    old = many(10)

    assert told(listed(old[:9]), known(old)._replace(prints=prints)) == listed(old[:9])


def test_where_half_of_the_rows_differ_all_are_told():
    old = many(100)
    few = [each._replace(size=9) for each in old[:25]]
    more = [each._replace(size=9) for each in old[:26]]

    assert isinstance(told(listed([*few, *old[25:]]), known(old)), Altered)
    assert isinstance(told(listed([*more, *old[26:]]), known(old)), Listing)


def test_folder_of_very_many_rows_has_no_prints():
    assert len(marked(listed(many(MOST_ROWS))).prints) == 8 * MOST_ROWS
    for count in (0, MOST_ROWS + 1, CHUNK_ROWS + 1):
        whole = marked(listed(many(count)))
        assert (whole.digest, whole.prints) == (folder_digest(many(count)), b"")
        assert prints_of_chunks(chunks_of(many(count))) == NO_PRINTS


def test_folders_from_which_something_is_gone_are_read_some_at_a_time(monkeypatch):
    monkeypatch.setattr("actors.syncing.altered._MOST_ROWS", 40)
    old = many(20)
    catalog = MemoryCatalog()
    catalog.hold("task")
    paths = [b"%d" % number for number in range(5)]
    created = [Entry(path, each) for path in paths for each in old]
    state = known(old)
    states = [FolderState(path, *state[:2], len(old), 0, state.prints) for path in paths]
    catalog.apply(Changes(created=created, folders=states), before_commit=lambda: None)
    read = []
    rows = catalog.rows
    monkeypatch.setattr(catalog, "rows", lambda folders: read.append(len(folders)) or rows(folders))
    found = [told(Listing(path=path, token="t", rows=old[1:]), state) for path in paths]

    differing = differences(catalog, found, catalog.folders(paths))

    assert read == [2, 2, 1]
    assert [differing[path].gone for path in paths] == [[Entry(path, old[0])] for path in paths]


def test_print_of_a_row_is_the_one_among_the_prints_of_all():
    rows = many(20)

    assert prints_of_chunks(chunks_of(rows)).numbers == [print_of(tuple(each)) for each in rows]


def test_catalog_that_has_other_rows_than_its_prints_tell_is_found_out():
    old = many(100)
    chance = random.Random(1)
    changed = told(listed([*old[:50], old[50]._replace(size=9), *old[51:]]), known(old))
    gone = told(listed([*old[:50], *old[51:]]), known(old))
    new = told(listed([*old, row(b"new")]), known(old))

    for wrong in (old[50]._replace(size=7), old[50]._replace(modified_ns=chance.getrandbits(40))):
        for found in (changed, gone):
            assert difference([*old[:50], wrong, *old[51:]], found) is None
    for found in (changed, gone):
        assert difference([*old[:50], *old[51:]], found) is None
    assert difference([*old, row(b"new", size=3)], new) is None
