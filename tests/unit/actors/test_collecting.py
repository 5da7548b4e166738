from __future__ import annotations

import gc

from actors.syncing.collecting import rare_collections


def test_collections_are_rare_until_the_last_sync_ends():
    usual = gc.get_threshold()
    with rare_collections():
        rare = gc.get_threshold()
        with rare_collections():
            assert gc.get_threshold() == rare
        assert gc.get_threshold() == rare

    assert rare[0] > usual[0]
    assert gc.get_threshold() == usual
