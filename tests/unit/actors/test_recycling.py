"""What decides about bins without touching a storage: names, information beside items, results."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.bin_records import Item
from actors.datasources.bins import Recycled
from actors.datasources.paths import outermost
from actors.datasources.trashinfo import MOST_BYTES, TrashInfo, decode, encode
from actors.purge import PurgeParams
from actors.recycling.imagining import Imagined
from actors.recycling.moment import moment_of, wall_ms
from actors.recycling.named import deletable, folder_of, item_names
from actors.recycling.outcome import MOST_LISTED, Outcome
from actors.restore import RestoreParams
from actors.testing import RecordingRun
from rota.errors import PermanentError
from rota.ids import made_at, new_id
from rota.purging import Why
from rota.times import MAX_MS

_NAMES = st.binary(min_size=1, max_size=20).filter(
    lambda name: b"/" not in name and b"\0" not in name and name not in {b".", b".."} and not name.startswith(b".rota")
)
_PATHS = st.lists(_NAMES, min_size=1, max_size=4).map(b"/".join)
_MOMENTS = st.integers(0, MAX_MS)
_USERS = (
    st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=60)
    .map(str.strip)
    .filter(lambda name: name.isprintable())
)


@given(
    st.builds(
        TrashInfo,
        path=_PATHS,
        deleted_at=_MOMENTS,
        deleted_by=st.none() | _USERS,
        run=st.none() | st.uuids().map(str),
        task=st.none() | st.uuids().map(str),
        keep_until=st.none() | _MOMENTS,
        restoring=st.none() | _PATHS,
    )
)
def test_information_is_read_as_it_was_written(info):
    assert decode(encode(info)) == info


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_whatever_is_read_leads_nowhere_else(content):
    found = decode(b"[Trash Info]\nDeletionDate=2026-01-02T03:04:05\nPath=" + content)

    if found is not None:
        assert found.path
        assert not {b"", b".", b".."} & set(found.path.split(b"/"))
        assert b"\0" not in found.path


def test_information_of_other_programs_is_understood():
    found = decode(b"[Trash Info]\nPath=a%20b/c\nDeletionDate=2026-01-02T03:04:05\n")

    assert found == TrashInfo(path=b"a b/c", deleted_at=1_767_323_045_000)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"Path=a\nDeletionDate=2026-01-02T03:04:05",
        b"[Trash Info]\nPath=a",
        b"[Trash Info]\nDeletionDate=2026-01-02T03:04:05",
        b"[Trash Info]\nPath=a\nDeletionDate=yesterday",
        b"[Trash Info]\nPath=../a\nDeletionDate=2026-01-02T03:04:05",
        b"[Trash Info]\nPath=/a\nDeletionDate=2026-01-02T03:04:05",
        b"[Trash Info]\nPath=a/.rota/b\nDeletionDate=2026-01-02T03:04:05",
    ],
)
def test_what_is_no_information_is_void(content):
    assert decode(content) is None


def test_the_longest_path_has_room():
    info = TrashInfo(path=b"\xff" * 4_000, deleted_at=1, restoring=b"\xff" * 4_000)

    assert len(encode(info)) <= MOST_BYTES


def test_paths_in_each_other_are_one():
    paths = [b"b", b"a/b/c", b"a", b"a b", b"a/b", b"b"]

    assert outermost(paths) == [b"a", b"a b", b"b"]
    assert outermost([b"a", b"a.b", b"a/b"]) == [b"a", b"a.b"]


@pytest.mark.parametrize("path", ["", "/", "a/../b", "/a", ".", "a//b", ".rota", "a/.rota-draft-1/b", "a\0b"])
def test_what_must_not_be_named_is_refused(path):
    with pytest.raises(PermanentError):
        deletable(["fine", path])


def test_no_folder_is_where_things_were():
    assert folder_of("") is None
    assert folder_of("a/b/") == b"a/b"


def test_items_are_named_once():
    assert item_names(["b", "a", "b"]) == [b"b", b"a"]


def test_the_moment_is_the_earlier_one():
    early = new_id()
    late = "ffff" + early[4:]

    assert moment_of(RecordingRun(id=early)) == made_at(early)
    assert abs(moment_of(RecordingRun(id=late)) - wall_ms()) < 60_000
    assert abs(moment_of(RecordingRun(id="run")) - wall_ms()) < 60_000


def item(number: int, *, name: str = "x") -> Item:
    return Item(number, Recycled(b"i/x", name.encode(), "file", 1, 2, number, None))


def test_results_list_the_oldest_whatever_the_order():
    outcome = Outcome()
    for number in (*range(300, 600), *range(300)):
        outcome.gone(item(number), Why.AGE, entries=1, size=2)

    listed = outcome.listed()
    assert len(listed) == MOST_LISTED
    assert [each["deleted_at"] for each in listed[:2]] == ["1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00.001Z"]
    assert outcome.counts() == {"removed": 600, "entries": 600, "bytes": 1200}


def test_imagined_items_keep_their_sizes_and_the_oldest_are_whole():
    imagined = Imagined()
    numbers = [imagined.add(item(500 - number).recycled).id for number in range(500)]

    assert all(map(imagined.has, numbers))
    assert not imagined.has(2**40)
    assert imagined.size_of(numbers[3]) == (1, 2)
    assert {each.recycled.deleted_at for each in imagined.oldest().values()} == set(range(1, MOST_LISTED + 1))


def test_params_say_what_is_wrong():
    with pytest.raises(ValueError, match="items or paths are required"):
        RestoreParams(datasource="files")
    with pytest.raises(ValueError, match="is not an ISO 8601 duration"):
        PurgeParams(datasource="files", older_than="a month")
    with pytest.raises(PermanentError, match="must not have"):
        PurgeParams(datasource="files", folder="a/../b").wish()
