"""What a mirror decides: which files agree, what counts, and which storages are one."""

from __future__ import annotations

import pytest

from actors.datasources.storage import Datasource, Row
from actors.mirroring.planning import plan_folder
from actors.mirroring.tally import Counts, Tally
from actors.testing import RecordingRun
from actors.transferring.places import place_of, refuse_overlap
from actors.transferring.sides import Pair, Scope, Times, Verdict, looks_same
from actors.transferring.telling import MOST_PATHS, ChangedFolders
from rota.datasources import Rules
from rota.errors import PermanentError, TemporaryError

SECOND = 1_000_000_000
EXACT = Times(step_ns=1, kept=True)


def row(name: bytes = b"a", kind: str = "file", size: int = 1, modified_ns: int = SECOND, **fields) -> Row:
    return Row(name, kind, size, modified_ns, **fields)


def test_a_folder_is_planned_by_names_and_kinds():
    source = [row(b"new"), row(b"same"), row(b"larger", size=2), row(b"folder", "folder", 0), row(b"made", "folder", 0)]
    source += [row(b"link", "link"), row(b"turned")]
    target = [row(b"same"), row(b"larger"), row(b"folder", "folder", 0), row(b"link"), row(b"turned", "folder")]
    target += [row(b"gone"), row(b"gone too", "link")]

    plan = plan_folder(source, target, times=EXACT)

    assert [each.name for each in plan.missing] == [b"new"]
    assert [each.name for each in plan.same] == [b"same"]
    assert [pair.source.name for pair in plan.changed] == [b"larger"]
    assert [(each.name, there) for each, there in plan.enter] == [(b"folder", True), (b"made", False)]
    assert [each.name for each in plan.links] == [b"link"]
    assert [pair.source.name for pair in plan.replaced] == [b"turned"]
    assert [each.name for each in plan.gone] == [b"gone", b"gone too"]
    assert plan.doubtful == []


@pytest.mark.parametrize(
    ("times", "source_ns", "target_ns", "verdict"),
    [
        (EXACT, SECOND, SECOND, Verdict.SAME),
        (EXACT, SECOND, SECOND + 1, Verdict.DIFFERENT),
        (Times(step_ns=SECOND, kept=True), SECOND + 999, SECOND, Verdict.SAME),
        (Times(step_ns=SECOND, kept=True), 2 * SECOND, SECOND, Verdict.DIFFERENT),
        (Times(step_ns=2 * SECOND, kept=True), 3 * SECOND - 1, SECOND, Verdict.SAME),
        (EXACT, 0, SECOND, Verdict.DOUBTFUL),
        (Times(step_ns=1, kept=False), SECOND, SECOND, Verdict.DOUBTFUL),
    ],
)
def test_times_are_compared_as_far_as_both_storages_tell_them(times, source_ns, target_ns, verdict):
    assert times.judge(Pair(row(modified_ns=source_ns), row(modified_ns=target_ns))) is verdict


def test_a_size_that_differs_needs_no_time():
    assert Times(step_ns=1, kept=False).judge(Pair(row(size=1), row(size=2))) is Verdict.DIFFERENT


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True),
        ({"size": 2}, False),
        ({"kind": "link"}, False),
        ({"modified_ns": SECOND + 1}, False),
        ({"inode": 7}, True),
        ({"etag": "e", "modified_ns": 0}, True),
        ({"etag": "f"}, False),
    ],
)
def test_a_file_still_looks_as_it_did_or_does_not(change, same):
    before = row(inode=5, etag="e" if "etag" in change else "")

    assert looks_same(before, before._replace(**change), step_ns=1) is same


def test_what_either_side_leaves_out_does_not_count():
    scope = Scope(Rules(exclude=("*.tmp",)), Rules(include=("*.txt", "*.tmp")))
    rows = [row(b"a.txt"), row(b"b.tmp"), row(b"c.jpg"), row(b"folder", "folder")]

    assert [each.name for each in scope.of(b"x", rows)] == [b"a.txt", b"folder"]
    assert not scope.takes_all
    assert Scope(Rules(), Rules()).takes_all


def test_the_same_place_is_found_under_other_names():
    def s3(name, root, **options):
        return Datasource(name=name, kind="s3", root=root, options=options)

    sftp = Datasource(name="a", kind="sftp", root="sftp://me@host/files")
    for one, other in [
        (sftp, Datasource(name="b", kind="sftp", root="sftp://you@HOST:22/files/")),
        (s3("a", "s3://bucket/x"), s3("b", "s3://bucket/x/y")),
        (s3("a", "s3://bucket"), s3("b", "s3://bucket/y")),
    ]:
        with pytest.raises(PermanentError, match=r"same storage|lies inside"):
            refuse_overlap(one, other)
        with pytest.raises(PermanentError, match=r"same storage|lies inside"):
            refuse_overlap(other, one)


def test_places_that_only_look_alike_are_apart():
    def s3(name, root, **options):
        return Datasource(name=name, kind="s3", root=root, options=options)

    refuse_overlap(s3("a", "s3://bucket/x"), s3("b", "s3://bucket/xy"))
    refuse_overlap(s3("a", "s3://bucket"), s3("b", "s3://bucket", endpoint="https://elsewhere"))
    refuse_overlap(s3("a", "s3://one"), s3("b", "s3://two"))
    refuse_overlap(Datasource(name="a", root="/srv/one"), Datasource(name="b", root="/srv/one-more"))
    assert place_of(Datasource(name="a", root="/srv/./x/../one/")) == place_of(Datasource(name="b", root="/srv/one"))


def test_changed_folders_are_told_outermost_and_as_text():
    changed = ChangedFolders()
    for folder in (b"a/b", b"a/b/c", b"a-b", b"x\xff/y", b"caf\xc3\xa9/\xff", b"a/bb"):
        changed.add(folder)

    # What is no text is told by the folder above it, here the root, which has all the others in it.
    assert changed.paths() == [""]
    changed = ChangedFolders()
    for folder in (b"a/b", b"a/b/c", b"a-b", b"caf\xc3\xa9/\xff", b"a/bb", b"a/b-b"):
        changed.add(folder)
    assert changed.paths() == ["a/b", "a/b-b", "a/bb", "a-b", "café"]


def test_too_many_changed_folders_are_everything():
    changed = ChangedFolders()
    for n in range(MOST_PATHS):
        changed.add(b"%d" % n)
    assert len(changed.paths()) == MOST_PATHS

    changed.add(b"one more")
    changed.add(b"and another")

    assert changed.paths() == [""]


def test_failures_are_told_and_raised_at_the_end():
    run = RecordingRun()
    tally = Tally(run, counts=Counts(), total=None)
    tally.raise_failures()

    tally.fail(b"a", TemporaryError("busy"))
    with pytest.raises(TemporaryError, match="'a': busy$"):
        tally.raise_failures()
    tally.fail(b"b", PermissionError(13, "Permission denied"))
    with pytest.raises(PermanentError, match=r"'a': busy \(and 1 more, see the log\)"):
        tally.raise_failures()

    assert run.log.lines == [("error", "'a': busy"), ("error", "'b': Permission denied")]


def test_progress_is_told_a_few_times_a_second():
    moments = iter(n / 100 for n in range(10_000))
    run = RecordingRun()
    tally = Tally(run, counts=Counts(), total=100, clock=lambda: next(moments))

    for _ in range(100):
        tally.saw()

    assert 2 <= len(run.reports) <= 5
    assert run.reports[-1].total == 100
