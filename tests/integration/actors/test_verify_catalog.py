"""The actor `verify` against the hashes that a sync left in the catalog."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from actors.testing import RecordingRun
from actors.verify import VerifyParams, VerifyResult, verify
from rota.errors import PermanentError, ShuttingDown
from tests.integration.actors.conftest import Synced
from tests.trees import make_tree


def verified(synced: Synced, run: RecordingRun | None = None, **params: Any) -> VerifyResult:
    return verify(run or synced.new_run(), VerifyParams(datasource="files", catalog=True, **params))


def rot(path: Path, content: bytes) -> None:
    """Change a content, and nothing else that anybody could see."""
    before = path.stat()
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_what_was_synced_with_its_contents_is_verified(synced):
    make_tree(synced.root, {"a": {"x": b"1", "y": b"22"}, "b": b"333"})
    synced.sync(hash=True)

    assert verified(synced).model_dump() == {"verified": 3, "bytes": 6, "skipped": 0}
    assert verified(synced, paths=["a"]).verified == 2
    assert verified(synced, paths=["b"]).verified == 1


def test_content_that_nobody_wrote_is_told(synced):
    make_tree(synced.root, {"a": {"x": b"1", "y": b"22"}, "b": b"333"})
    synced.sync(hash=True)
    rot(synced.root / "a/y", b"23")

    with pytest.raises(PermanentError, match="the catalog says: 1 different; 2 files are right. different: 'a/y'"):
        verified(synced)


def test_what_was_changed_since_is_the_next_syncs_matter(synced):
    make_tree(synced.root, {"a": b"1", "b": b"2"})
    synced.sync(hash=True)
    make_tree(synced.root, {"a": b"longer", "new": b""})

    assert verified(synced).model_dump() == {"verified": 1, "bytes": 1, "skipped": 1}


def test_what_is_gone_is_missing(synced):
    make_tree(synced.root, {"a": b"1", "b": b"2"})
    synced.sync(hash=True)
    (synced.root / "a").unlink()

    with pytest.raises(PermanentError, match="1 missing; 1 files are right. missing: 'a'"):
        verified(synced)


def test_files_without_a_hash_are_told(synced):
    make_tree(synced.root, {"a": b"1"})
    synced.sync(hash=True)
    make_tree(synced.root, {"b": b"2"})
    synced.sync()
    run = synced.new_run()

    assert verified(synced, run).verified == 1
    assert ("warning", "the catalog has no hash of 1 files") in run.log.lines


def test_a_catalog_without_hashes_verifies_nothing(synced):
    make_tree(synced.root, {"a": b"1"})
    synced.sync()

    with pytest.raises(PermanentError, match="the catalog has no hash of these files"):
        verified(synced)


def test_an_interrupted_run_goes_on_where_it_was(synced, monkeypatch):
    monkeypatch.setattr("actors.hashing.findings._KEEP_SECONDS", 0)
    monkeypatch.setattr("actors.hashing.setting._SMALL_AT_ONCE", 2)
    make_tree(synced.root, {f"{n}": {f"{m:02}": b"%d" % m for m in range(30)} for n in range(8)})
    synced.sync(hash=True)
    rot(synced.root / "0/00", b"x")
    first = synced.new_run()

    def on_check(_number: int) -> None:
        if len(first.checkpoints) > 3:
            first.interrupt(ShuttingDown())

    first.on_check = on_check
    with pytest.raises(ShuttingDown):
        verified(synced, first)

    second = synced.new_run(first.checkpoints[-1])
    with pytest.raises(PermanentError, match="1 different; 239 files are right"):
        verified(synced, second)
    assert len(second.checkpoints) < 7
