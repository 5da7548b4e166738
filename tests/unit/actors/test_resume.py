from __future__ import annotations

import json

from actors.syncing.resume import Branch, Counts, Resume


def finished(resume, path, *, entries=1, held=False):
    resume.finish(Branch(path, entries=entries, bytes=10 * entries, held=held))


def again(resume):
    return Resume.from_json(json.loads(json.dumps(resume.to_json())))


def test_finished_branches_are_skipped():
    resume = Resume()
    finished(resume, b"a")
    finished(resume, b"\xff\n")

    resume = again(resume)

    assert [resume.skips(path) for path in (b"a", b"b", b"\xff\n", b"\xff\xff")] == [True, True, True, False]
    assert (resume.counts.entries, resume.counts.bytes) == (2, 20)


def test_held_branches_are_visited_again_and_counted_once():
    resume = Resume()
    finished(resume, b"a", held=True)
    finished(resume, b"b")

    resume = again(resume)
    assert (resume.skips(b"a"), resume.skips(b"b"), resume.counts.entries) == (False, True, 1)
    finished(resume, b"a", entries=5)

    assert (resume.skips(b"a"), resume.counts.entries) == (True, 6)


def test_too_many_held_branches_stop_the_cursor():
    """The checkpoint stays small: everything after them is visited again."""
    resume = Resume()
    for n in range(1000):
        finished(resume, b"%03d" % n + b"x" * 200, held=True)
    finished(resume, b"z")

    assert len(json.dumps(again(resume).to_json())) < 20_000
    assert not again(resume).skips(b"z")
    assert again(resume).counts.entries == 0


def test_counts_add_up():
    total = Counts(created=1, entries=5)
    total.add(Counts(created=2, deleted=3, bytes=7))

    assert total == Counts(created=3, deleted=3, entries=5, bytes=7)
