"""Whatever the two trees are, the target equals the source afterwards, and a second mirror has nothing to do."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.integration.actors.mirrors import Mirrored, contents
from tests.trees import File, make_tree

_NAMES = st.sampled_from(
    [b"a", b"b", b"A", b"a b", b"\xff", "é".encode(), "e\u0301".encode(), b"line\nend", b"-", b"x" * 255]
)
# The size tells the content: files of equal size and time are taken for equal.
_FILES = st.builds(File, st.sampled_from([b"", b"1", b"12", b"123" * 50]), st.sampled_from([1, 2, 1_600_000_000]))
_TREES: st.SearchStrategy[Any] = st.recursive(
    st.dictionaries(_NAMES, _FILES, max_size=4),
    lambda inner: st.dictionaries(_NAMES, _FILES | inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(before=_TREES, after=_TREES, deleted=st.sampled_from(["bin", "remove"]))
def test_the_target_equals_the_source(before, after, deleted):
    with tempfile.TemporaryDirectory() as folder:
        pair = Mirrored(Path(folder))
        make_tree(pair.copy, before)
        make_tree(pair.origin, after)
        lost = contents(pair.copy)
        wanted = contents(pair.origin)

        foretold = pair.counts(deleted=deleted, allow_deletions=True, dry_run=True)
        done = pair.counts(deleted=deleted, allow_deletions=True)

        assert contents(pair.copy) == wanted
        assert _times(pair.copy) == _times(pair.origin)
        assert foretold.get("removed") == done.get("removed")
        gone = {path: content for path, content in lost.items() if content is not None and wanted.get(path) is None}
        assert pair.binned() == (gone if deleted == "bin" else {})
        assert pair.counts(deleted=deleted) == {}


def _times(root: Path) -> dict[bytes, float]:
    files = [path for path, content in contents(root).items() if content is not None]
    return {path: os.stat(os.path.join(os.fsencode(root), path)).st_mtime for path in files}
