"""The parts of `compress` that decide: names, places, checkpoints, outcomes, parts of a divided archive."""

from __future__ import annotations

import json
import os
from contextlib import closing

import pytest

from actors.archives.packing import STREAM_BYTES, Entry, Mark
from actors.compressing.contents import StoredContents
from actors.compressing.drafted import Drafted
from actors.compressing.goal import Goal
from actors.compressing.order import CompressParams, Order, common_folder
from actors.compressing.outcomes import Counts, Outcome, Outcomes
from actors.compressing.output import count_parts, part_length
from actors.compressing.resume import Look, Pieces, Point, State
from actors.compressing.setting import path_between
from actors.compressing.spool import Item, Spool
from actors.compressing.tally import Tally
from actors.datasources.bandwidth import Bandwidth
from actors.datasources.retrying import Repeats
from actors.datasources.rows import Kind
from actors.testing import RecordingRun
from tests.trees import Link, make_tree

TASK = "01900000-0000-7000-8000-000000000002"
_MIB = 1024 * 1024


def order(*paths: str, **params) -> Order:
    return Order.of(CompressParams(datasource="files", paths=paths, **params))


# --- Names and places --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("paths", "folder"),
    [
        ([b"a"], b""),
        ([b"a/b"], b"a"),
        ([b"a/b", b"a/c"], b"a"),
        ([b"a/b", b"a/b/c"], b"a"),
        ([b"a/b/c", b"a/b"], b"a"),
        ([b"a/b", b"ab/c"], b""),
        ([b"a/b/c", b"a/b/d", b"a/b/e/f"], b"a/b"),
    ],
)
def test_the_common_folder_is_as_deep_as_there_is_one(paths, folder):
    assert common_folder(paths) == folder


def test_what_lies_in_what_is_selected_too_is_packed_once():
    assert order("a/b", "a", "a-").paths == (b"a", b"a-")


def test_names_are_relative_to_the_common_folder():
    assert order("a/b/c", "a/b/d").name_of(b"a/b/d/e") == b"d/e"
    assert order("a").name_of(b"a/b") == b"a/b"


def test_an_archive_for_another_datasource_goes_into_its_root():
    assert order("a/b", target_datasource="other").goal == b"b.zip"
    assert order("a/b", target_datasource="files").goal == b"a/b.zip"


@pytest.mark.parametrize(
    ("path", "is_owned"),
    [
        (b"to/x.zip", True),
        (b"to/x.zip.sha256", True),
        (b"to/x.zip.001", False),
        (b"to/x (2).zip", False),
        (b"x.zip", False),
    ],
)
def test_an_archive_owns_its_own_names_only(path, is_owned):
    assert Goal(b"to/x.zip", is_divided=False, has_manifest=True).owns(path) is is_owned


@pytest.mark.parametrize(
    ("path", "is_owned"),
    [
        (b"x.zip", False),
        (b"x.zip.001", True),
        (b"x.zip.1000", True),
        (b"x.zip.01", False),
        (b"x.zip.0001", False),
        (b"x.zip.sha256", False),
        (b"x.zip.", False),
    ],
)
def test_a_divided_archive_owns_its_parts(path, is_owned):
    assert Goal(b"x.zip", is_divided=True, has_manifest=False).owns(path) is is_owned


@pytest.mark.parametrize(
    ("source", "target", "path", "there"),
    [
        (("local", "a"), ("local", "a"), b"x", b"x"),
        (("local", "a"), ("local", "a", "b"), b"b/x", b"x"),
        (("local", "a"), ("local", "a", "b"), b"bx/x", None),
        (("local", "a", "b"), ("local", "a"), b"x", b"b/x"),
        (("local", "a"), ("local", "b"), b"x", None),
        (("sftp", "a"), ("local", "a"), b"x", None),
    ],
)
def test_a_path_is_found_in_another_datasource_of_the_same_place(source, target, path, there):
    assert path_between(source, target)(path) == there


# --- What is remembered ------------------------------------------------------------------------------------------------


def point(written: int, *, begun: bytes = b"", name: bytes = b"x") -> Point:
    return Point(
        written=written,
        mark=Mark(name, 5 if begun else 0, {"crc": 1}),
        begun=Look(begun, 10, 20) if begun else None,
        counts=Counts(b"\xff/" + name, 3, 4, 5, 2),
        records=Pieces(1, 100),
        lines=Pieces(),
    )


def test_a_state_is_read_as_it_was_written():
    state = State(
        goal=b"to/\xff/x.zip",
        folder=b"to/\xff",
        points=(point(9, begun=b"\xfe"), point(3)),
        notes=[{"path": "p", "note": "n"}],
    )
    state.size, state.counts = 77, Counts(None, 1, 2, 3, 4)

    assert State.from_json(json.loads(json.dumps(state.to_json()))) == state
    assert State.from_json(None) == State()


def test_the_last_point_before_the_file_that_is_begun_is_remembered_too():
    state = State()

    for each in (point(1), point(2), point(3, begun=b"e"), point(4, begun=b"e"), point(5, begun=b"e")):
        state.reach(each)
    assert [each.written for each in state.points] == [5, 2]
    state.reach(point(6, begun=b"f"))
    assert [each.written for each in state.points] == [6, 5]


@pytest.mark.parametrize("sign", [b"p", b"\xff", b"\x01"])
def test_a_state_is_small_enough_whatever_it_holds(sign):
    longest = b"\xff" * 2048
    state = State(
        goal=b"\xff" * 4096,
        folder=b"\xff" * 4000,
        points=(point(1, begun=longest, name=longest), point(2, begun=longest, name=longest)),
    )
    run = RecordingRun()
    spool = Spool(Item(b"%d" % number, "", 0, 0, b"%d/" % number + sign * 4000, b"", "gone") for number in range(60))
    outcomes = Outcomes(run.log)
    outcomes.begin(spool, Counts(), [])
    outcomes.settle()
    spool.close()
    state.notes = outcomes.notes

    assert len(json.dumps(state.to_json(), ensure_ascii=False).encode()) < 32 * 1024
    assert len(outcomes.notes) == (2 if sign == b"p" else 0)
    assert not point(1, name=b"x" * 2049).fits


# --- What came of entries ----------------------------------------------------------------------------------------------


def spooled(*items: Item) -> Spool:
    return Spool(items)


def file_item(name: bytes, size: int = 10) -> Item:
    return Item(name, "file", size, 0, b"top/" + name)


def test_entries_are_settled_up_to_the_mark_and_not_beyond():
    lines: list[bytes] = []
    outcomes = Outcomes(RecordingRun().log, list_line=lines.append)
    items = [Item(b"d", "folder", 0, 0, b"top/d"), *(file_item(b"d/%d" % n) for n in range(4))]
    with closing(spooled(*items)) as spool:
        outcomes.begin(spool, Counts(), [])
        for item in reversed(items[1:]):
            outcomes.tell(item.entry, Outcome(10, hash=item.name.hex() * 8))
        outcomes.tell(items[2].entry, Outcome(0, "gone", is_out=True))

        assert outcomes.settle(Mark(b"d/1")) is None
        assert outcomes.counts == Counts(b"top/d/1", entries=2, bytes=10, noted=1, shown=1)
        assert outcomes.settle(Mark(b"d/2", 4)) == items[3]
        assert outcomes.counts.after == b"top/d/1"
        outcomes.settle()

    assert outcomes.counts == Counts(b"top/d/3", entries=4, bytes=30, noted=1, shown=1)
    assert [line.split()[1] for line in lines] == [b"d/0", b"d/2", b"d/3"]


def test_a_folder_is_behind_by_its_path_with_a_slash():
    outcomes = Outcomes(RecordingRun().log)
    with closing(spooled(Item(b"d", "folder", 0, 0, b"d"), file_item(b"e"))) as spool:
        outcomes.begin(spool, Counts(), [])
        outcomes.settle(Mark(b"d"))

    assert outcomes.counts.after == b"d/"


def test_a_spool_is_read_by_several_at_once():
    items = [file_item(b"%05d" % number) for number in range(1_700)]
    with closing(spooled(*items, Item(b"z", "", 0, 0, b"z", note="a link"))) as spool:
        one, other = iter(spool), spool.entries()

        assert [next(one) for _ in range(900)] == items[:900]
        assert [entry.name for entry in other] == [item.name for item in items]


# --- Reading -----------------------------------------------------------------------------------------------------------


def reading(storage, run: RecordingRun, *, hashes: list[bytes] | None = None) -> tuple[StoredContents, Outcomes]:
    outcomes = Outcomes(run.log, list_line=None if hashes is None else hashes.append)
    contents = StoredContents(
        storage, outcomes, Tally(run), bandwidth=Bandwidth(None), repeats=Repeats(retries=0), check=run.check
    )
    return contents, outcomes


def entry_of(storage, path: bytes) -> Entry:
    row = storage.stat(path)
    return Entry(path, Kind.FILE, row.size, row.modified_ns, path)


@pytest.mark.parametrize("start", [0, 1, STREAM_BYTES, 3 * STREAM_BYTES, 3 * STREAM_BYTES + 5])
@pytest.mark.parametrize("hashes", [False, True], ids=["plain", "hashed"])
def test_a_stream_gives_pieces_of_one_length_from_anywhere(root, storage, start, hashes):
    content = os.urandom(3 * STREAM_BYTES + 5)
    make_tree(root, {"x": content})
    contents, _ = reading(storage, RecordingRun(), hashes=[] if hashes else None)

    stream = contents.open(entry_of(storage, b"x"), start=start)
    assert stream is not None
    pieces = list(stream)
    stream.close()

    assert b"".join(pieces) == content[start:]
    assert {len(piece) for piece in pieces[:-1]} <= {STREAM_BYTES}


def test_what_was_read_of_a_file_that_is_as_listed_is_not_told(root, storage):
    make_tree(root, {"x": b"1"})
    run = RecordingRun()
    contents, outcomes = reading(storage, run)
    entry = entry_of(storage, b"x")

    content = contents.read(entry)

    assert content is not None
    assert (content.data, content.executable) == (b"1", False)
    with closing(spooled(file_item(b"x", 1))) as spool:
        outcomes.begin(spool, Counts(), [])
        outcomes.settle()
    assert outcomes.notes == []


def test_a_file_never_gives_more_than_it_had_when_it_was_listed(root, storage):
    make_tree(root, {"x": b"12345"})
    contents, _ = reading(storage, RecordingRun())
    entry = entry_of(storage, b"x")._replace(size=3)

    content = contents.read(entry)
    stream = contents.open(entry)

    assert content is not None
    assert content.data == b"123"
    assert stream is not None
    assert b"".join(stream) == b"123"
    stream.close()


# --- Parts -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "split", "parts", "last"), [(10, None, 1, 10), (10, 5, 2, 5), (11, 5, 3, 1), (4, 5, 1, 4)]
)
def test_a_divided_archive_has_full_parts_but_for_the_last(size, split, parts, last):
    assert count_parts(size, split) == parts
    assert part_length(parts, size, split) == last


@pytest.mark.parametrize("split", [None, 4, 100])
def test_what_was_written_can_be_cut_anywhere_and_gone_on_with(root, storage, split):
    goal = Goal(b"x", is_divided=split is not None, has_manifest=False)
    whole = bytes(range(30))
    for cut in (0, 3, 4, 8, 17, 30):
        output = Drafted(storage, goal, key=TASK, split_bytes=split)
        with closing(output), pytest.raises(ZeroDivisionError):
            output.make(_broken(whole), ready=lambda: None, confirm=lambda _: None)
        output = Drafted(storage, goal, key=TASK, split_bytes=split)
        with closing(output):
            assert output.resume(cut)
            output.make(iter([whole[cut:]] if cut < 30 else []), ready=lambda: None, confirm=lambda _: None)
        made = sorted(root.iterdir(), key=lambda path: path.name)
        assert b"".join(path.read_bytes() for path in made) == whole
        assert not any(path.name.startswith(".") for path in made)
        for path in made:
            path.unlink()


def test_links_tell_where_they_lead_and_nothing_else_does(root, storage):
    make_tree(root, {"l": Link("/no/where"), "x": b"", "f": Link("."), "d": {}})

    assert storage.read_link(b"l") == b"/no/where"
    for path in (b"x", b"d", b"missing", b"f/l", b"../outside"):
        with pytest.raises(OSError, match="."):
            storage.read_link(path)


def _broken(data: bytes):
    yield data[:13]
    yield data[13:]
    raise ZeroDivisionError
