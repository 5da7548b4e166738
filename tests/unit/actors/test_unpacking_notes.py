"""What is told of an archive fits into a result, and what of its progress is true."""

from __future__ import annotations

import msgspec

from actors.testing import RecordingRun
from actors.unpacking.notes import Notes
from actors.unpacking.progress import Progress


def test_notes_are_counted_and_a_few_are_kept() -> None:
    run = RecordingRun()
    notes = Notes(run)
    for number in range(1200):
        notes.add(b"%d" % number, "odd")

    assert notes.count == 1200
    assert [note.path for note in notes.kept] == [str(number) for number in range(50)]
    assert len(run.log.lines) == 1000


def test_notes_are_never_too_long_for_a_result() -> None:
    notes = Notes(RecordingRun())
    for _ in range(50):
        notes.add(b"\x01" * 4000, "odd")

    kept = [note.model_dump() for note in notes.kept]
    assert 0 < len(kept) < 50
    assert len(msgspec.json.encode(kept)) < 64_000


def test_progress_is_told_now_and_then_with_a_rate_and_an_estimate() -> None:
    run = RecordingRun()
    now, done = 0.0, 0
    progress = Progress(run, done=lambda: done, total=10 * 2**20, deed="unpacked", clock=lambda: now)
    progress.tick()
    assert run.reports == []

    now, done, progress.entries = 4.0, 2 * 2**20, 7
    progress.tick()
    progress.tick()
    [told] = run.reports
    assert (told.done, told.total, told.unit) == (2 * 2**20, 10 * 2**20, "bytes")
    assert told.text == "7 unpacked, 2.0 MiB at 512.0 KiB/s, about 16 s left"

    done = 11 * 2**20
    progress.report(ended=True)
    assert run.reports[-1].done == run.reports[-1].total
    assert "left" not in run.reports[-1].text
