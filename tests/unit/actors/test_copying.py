"""What a copy decides: what becomes of names that are taken, and where an interrupted one goes on."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.copying.conflicts import Deed, decide, free_number, named
from actors.copying.order import Conflict
from actors.copying.resume import Position, Resume
from actors.copying.setting import Checkpoints
from actors.copying.tally import Counts, Tally
from actors.datasources.storage import Datasource, Row
from actors.testing import RecordingRun
from actors.transferring.large import Begun, _Chain, _in_chunks
from actors.transferring.pace import retries_between, threads_between
from actors.transferring.sides import Times

SECOND = 1_000_000_000
EXACT = Times(step_ns=1, kept=True)


def row(kind: str = "file", modified_ns: int = SECOND) -> Row:
    return Row(b"a", kind, 1, modified_ns)


@pytest.mark.parametrize("conflict", list(Conflict))
def test_a_free_name_is_taken(conflict):
    assert decide(conflict, row(), None, times=EXACT) is Deed.WRITE


@pytest.mark.parametrize(
    ("conflict", "there", "deed"),
    [
        (Conflict.SKIP, row(), Deed.SKIP),
        (Conflict.SKIP, row("folder"), Deed.SKIP),
        (Conflict.OVERWRITE, row(), Deed.WRITE),
        (Conflict.OVERWRITE, row("folder"), Deed.CLASH),
        (Conflict.OVERWRITE, row("link"), Deed.CLASH),
        (Conflict.NUMBER, row(), Deed.NUMBER),
        (Conflict.NUMBER, row("folder"), Deed.NUMBER),
        (Conflict.NEWER, row(modified_ns=SECOND - 1), Deed.WRITE),
        (Conflict.NEWER, row(modified_ns=SECOND), Deed.SKIP),
        (Conflict.NEWER, row(modified_ns=SECOND + 1), Deed.SKIP),
        (Conflict.NEWER, row("folder", modified_ns=0), Deed.CLASH),
    ],
)
def test_a_taken_name_follows_the_policy(conflict, there, deed):
    assert decide(conflict, row(), there, times=EXACT) is deed


def test_newer_is_what_both_storages_can_tell():
    coarse = Times(step_ns=SECOND, kept=True)

    assert decide(Conflict.NEWER, row(modified_ns=2 * SECOND - 1), row(), times=coarse) is Deed.SKIP
    assert decide(Conflict.NEWER, row(modified_ns=2 * SECOND), row(), times=coarse) is Deed.WRITE
    assert decide(Conflict.NEWER, row(modified_ns=0), row(modified_ns=0), times=EXACT) is Deed.SKIP


def test_the_lowest_free_number_is_taken():
    taken = {b"a", b"a (2)", b"a (4)"}

    assert free_number(b"a", lambda name: name not in taken) == 3
    assert free_number(b"a", lambda name: name not in taken, after=3) == 5
    assert (named(b"a", 1), named(b"a", 2)) == (b"a", b"a (2)")
    with pytest.raises(FileExistsError):
        free_number(b"a", lambda name: False)


# --- Going on ----------------------------------------------------------------------------------------------------------


def at(*parts: bytes, top: int = 0) -> Position:
    return Position(top, parts[:-1], parts[-1])


def again(resume: Resume, *, orderly: bool = True) -> Resume:
    return Resume(json.loads(json.dumps(resume.to_json(orderly=orderly))), is_first=False)


def test_a_first_attempt_skips_nothing():
    resume = Resume()

    assert not resume.is_resumed
    assert not resume.skips(at(b""))
    assert not resume.skips_below(0, ())


def test_files_behind_the_cursor_and_those_done_beyond_it_are_skipped():
    resume = Resume()
    order = [at(b"a"), at(b"b"), at(b"c"), at(b"d", b"a"), at(b"d", b"b")]
    for position in order:
        resume.hand_out(position)
    for number in (1, 0, 3):
        resume.finish(order[number])
    resume = again(resume)

    assert [resume.skips(position) for position in order] == [True, True, False, True, False]
    assert resume.is_resumed
    assert not resume.is_unsure


def test_an_attempt_that_ends_before_it_meets_them_forgets_neither_what_is_done_nor_what_may_be_made():
    first = Resume()
    order = [at(b"a"), at(b"b"), at(b"c")]
    for position in order:
        first.hand_out(position)
    first.finish(at(b"b"))
    first.come_near(at(b"c"))

    last = again(again(again(first)))

    assert [last.skips(position) for position in order] == [False, True, False]
    assert [last.may_be_made(position) for position in order] == [False, False, True]


def test_what_was_done_beyond_the_cursor_is_behind_it_in_the_end():
    resume = Resume()
    for position in (at(b"a"), at(b"b")):
        resume.hand_out(position)
    resume.finish(at(b"b"))
    resume = again(resume)

    assert not resume.skips(at(b"a"))
    resume.hand_out(at(b"a"))
    assert resume.skips(at(b"b"))
    resume.finish(at(b"a"))

    state = resume.to_json()
    assert (state["done"], state["near"]) == ([], [])
    assert Resume(state).skips(at(b"b"))


def test_a_checkpoint_counts_a_file_only_when_it_says_that_it_is_done():
    run = RecordingRun()
    tally, resume = Tally(run, counts=Counts(), deed="copied"), Resume()
    checkpoints = Checkpoints(run, tally, resume)
    resume.hand_out(at(b"a"))
    tally.add(folders=1)

    tally.open()
    tally.add(copied=1, bytes=5)
    tally.skip(b"a", "for a reason")
    checkpoints.save(at_once=True)
    checkpoints.settle(lambda: resume.finish(at(b"a")))
    checkpoints.save(at_once=True)

    before, after = (state["counts"] for state in run.checkpoints)
    assert (before["copied"], before["bytes"], before["skipped"], before["folders"]) == (0, 0, 0, 1)
    assert (after["copied"], after["bytes"], after["skipped"], after["folders"]) == (1, 5, 1, 1)
    assert tally.counts.copied == 1


def test_whole_folders_are_skipped_when_the_cursor_is_behind_them():
    resume = Resume()
    position = at(b"b", b"m", b"file", top=1)
    resume.hand_out(position)
    resume.finish(position)
    resume = again(resume)

    behind = [(0, ()), (0, (b"z",)), (1, (b"a",)), (1, (b"b", b"a")), (1, (b"b", b"a", b"z"))]
    ahead = [(1, ()), (1, (b"b",)), (1, (b"b", b"m")), (1, (b"b", b"m", b"a")), (1, (b"c",)), (2, ())]
    assert all(resume.skips_below(*place) for place in behind)
    assert not any(resume.skips_below(*place) for place in ahead)


def test_files_that_failed_are_tried_again():
    resume = Resume()
    for position in (at(b"x", b"a"), at(b"y", b"b")):
        resume.hand_out(position)
    resume.fail(at(b"x", b"a"))
    resume.finish(at(b"y", b"b"))
    resume = again(resume)

    assert not resume.skips(at(b"x", b"a"))
    assert not resume.skips_below(0, (b"x",))
    assert resume.skips(at(b"y", b"b"))
    assert resume.may_be_made(at(b"x", b"a"))
    assert not resume.may_be_made(at(b"z"))


def test_when_too_many_failed_to_be_listed_the_cursor_stays_before_them():
    resume = Resume()
    failed = [at(b"%04d" % number + b"n" * 200) for number in range(100)]
    for position in failed:
        resume.hand_out(position)
        resume.fail(position)
    resume.hand_out(at(b"9999"))
    resume.finish(at(b"9999"))
    assert len(json.dumps(resume.to_json())) < 12_000
    resume = again(resume)

    assert not any(resume.skips(position) for position in failed)
    assert resume.is_unsure


def test_what_failed_and_is_no_file_keeps_the_cursor_where_it_is():
    resume = Resume()
    resume.hand_out(at(b"a"))
    resume.finish(at(b"a"))
    resume.blur()
    resume.hand_out(at(b"c", b"x"))
    resume.finish(at(b"c", b"x"))
    resume = again(resume)

    assert resume.skips(at(b"a"))
    assert not resume.skips_below(0, (b"b",))
    assert resume.is_unsure


def test_a_killed_attempt_leaves_doubt_about_every_file():
    assert again(Resume(), orderly=False).may_be_made(at(b"a"))
    assert Resume(None, is_first=False).may_be_made(at(b"a"))


def test_a_stopped_attempt_leaves_doubt_about_those_that_were_about_to_get_their_names():
    resume = Resume()
    for position in (at(b"a"), at(b"b")):
        resume.hand_out(position)
        resume.come_near(position)
    resume.finish(at(b"a"))
    resume = again(resume)

    assert resume.may_be_made(at(b"b"))
    assert not resume.may_be_made(at(b"c"))


def test_numbers_and_large_files_are_remembered():
    resume = Resume()
    begun = Begun(10, 5, "tag", 4, "ab")
    resume.give_number(3, 2)
    resume.note(b"goal", begun)
    for number in range(40):
        resume.note(b"other%d" % number, begun)
    resume.note(b"goal", begun)
    resume.forget(b"other39")
    resume = again(resume)

    assert resume.number(3) == 2
    assert resume.number(4) is None
    assert resume.begun(b"goal") == begun
    assert resume.begun(b"other39") is None
    assert resume.begun(b"other0") is None
    assert set(resume.large_goals()) == {b"goal", b"other39", b"other0"}


def test_a_path_that_is_too_long_is_visited_again():
    resume = Resume()
    long = at(*[b"\xff" * 255] * 40)
    for position in (at(b"a"), long):
        resume.hand_out(position)
        resume.finish(position)
    assert len(json.dumps(resume.to_json())) < 1000
    resume = again(resume)

    assert resume.skips(at(b"a"))
    assert not resume.skips(long)


PATHS = st.lists(st.sampled_from([b"a", b"b", b"c"]), min_size=1, max_size=3).map(tuple)


@given(st.sets(PATHS, max_size=12), st.data())
def test_going_on_visits_what_is_not_done_and_nothing_else(paths, data):
    order = sorted(at(*path) for path in paths)
    handed = order[: data.draw(st.integers(0, len(order)))]
    done = {position for position in handed if data.draw(st.booleans())}
    failed = {position for position in handed if position not in done and data.draw(st.booleans())}
    resume = Resume()
    for position in handed:
        resume.hand_out(position)
    for position in data.draw(st.permutations(handed)):
        if position in done:
            resume.finish(position)
        elif position in failed:
            resume.fail(position)
    resume = again(resume)

    for position in order:
        assert resume.skips(position) == (position in done)
        for depth in range(len(position.folder) + 1):
            if resume.skips_below(0, position.folder[:depth]):
                assert position in done


# --- Large files -------------------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=9), max_size=9), st.integers(1, 7))
def test_pieces_are_divided_where_chunks_end(pieces, size):
    divided = list(_in_chunks(pieces, size))

    assert b"".join(piece for piece, _ in divided) == b"".join(pieces)
    ends, at_ = [], 0
    for piece, is_end in divided:
        at_ += len(piece)
        if is_end:
            ends.append(at_)
    assert ends == list(range(size, at_ + 1, size))


@given(st.binary(max_size=40), st.integers(1, 7), st.integers(1, 9), st.integers(1, 9))
def test_a_chain_does_not_depend_on_the_pieces_and_may_be_taken_up(content, size, one, other):
    def digest(piece: int, start: int = 0, known: bytes = b"") -> bytes:
        chain = _Chain(known)
        pieces = (content[at_ : at_ + piece] for at_ in range(start, len(content), piece))
        for each, ends in _in_chunks(pieces, size):
            chain.add(each, ends=ends)
        return chain.digest()

    whole = digest(one)

    assert digest(other) == whole
    middle = len(content) // size // 2 * size
    first = _Chain()
    for each, ends in _in_chunks([content[:middle]], size):
        first.add(each, ends=ends)
    assert digest(other, middle, first.digest()) == whole


def test_a_chain_tells_contents_apart():
    def digest(content: bytes) -> bytes:
        chain = _Chain()
        for each, ends in _in_chunks([content], 4):
            chain.add(each, ends=ends)
        return chain.digest()

    contents = [b"", b"a", b"abcd", b"abcde", b"abcdefgh", b"efghabcd", b"abcdefghi"]
    assert len({digest(content) for content in contents}) == len(contents)


def test_as_many_files_are_on_their_way_as_both_storages_take():
    here = Datasource(name="here", root="/")
    there = Datasource(name="there", kind="sftp", root="sftp://h/", options={"in_flight": 3, "retries": 2})
    far = Datasource(name="far", kind="s3", root="s3://b")

    assert threads_between(here, here) == 4
    assert threads_between(here, there) == 3
    assert threads_between(far, there, spare=1) == 2
    assert threads_between(far, there, spare=5) == 1
    assert [retries_between(*pair) for pair in ((here, here), (here, there), (far, there))] == [0, 2, 4]
