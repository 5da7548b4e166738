"""Which watched folders a worker takes for its own."""

from __future__ import annotations

import pytest

from bus.watched import WatchedFolder
from workers.watching_share import served

HERE = WatchedFolder(name="here", root="/data")
FAR = WatchedFolder(name="far", root="/data", queue="site-far")


@pytest.mark.parametrize(
    ("queues", "names"),
    [
        ((), ["here"]),
        (("sync",), ["here"]),
        (("sync", "site-far"), ["here", "far"]),
        (("site-far",), ["far"]),
        (("index",), []),
    ],
)
def test_a_worker_watches_what_its_queues_reach(queues, names):
    assert [folder.name for folder in served([HERE, FAR], queues)] == names
