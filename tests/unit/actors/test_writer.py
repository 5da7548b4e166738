from __future__ import annotations

from actors.catalog import FolderState
from actors.syncing.resume import Counts
from actors.syncing.writer import Writer
from actors.testing import MemoryCatalog, RecordingRun


def test_folders_with_many_prints_are_written_before_they_fill_the_memory():
    catalog = MemoryCatalog()
    catalog.hold("task")
    writer = Writer(RecordingRun(), "files", catalog, counts=Counts(), dry_run=False, on_written=lambda: None)
    kept = 0
    for number in range(400):
        writer.complete(FolderState(b"%d" % number, "t", b"d", 4_000, 0, bytes(32_000)))
        kept = max(kept, number + 1 - len(list(catalog.folders_below(b""))))

    assert kept * 32_000 <= 4_000_000
    writer.flush()
    assert len(list(catalog.folders_below(b""))) == 400
