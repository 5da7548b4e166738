from __future__ import annotations

import pytest

from actors.datasources.guards import FEWEST, doubt_about_deletions


def doubt(deleted, known, *, root_is_empty=False, **more):
    return doubt_about_deletions(deleted=deleted, known=known, root_is_empty=root_is_empty, **more)


def test_few_deletions_are_no_doubt():
    assert doubt(0, 0) is None
    assert doubt(FEWEST - 1, FEWEST - 1) is None
    assert doubt(500, 1000) is None


def test_more_than_half_is_a_doubt_and_says_how_much():
    assert doubt(501, 1000) == "501 of 1,000 entries are gone, more than 50%"


def test_emptied_storage_is_a_doubt_however_few_it_had():
    assert doubt(1, 1, root_is_empty=True) == "the storage is empty and the catalog has 1 entries"
    assert doubt(1, 1, root_is_empty=True, most_share=1) is not None
    assert doubt(0, 0, root_is_empty=True) is None


@pytest.mark.parametrize(("share", "allowed"), [(0, 19), (0.1, 100), (1, 1000)])
def test_share_comes_from_the_rules(share, allowed):
    assert doubt(allowed, 1000, most_share=share) is None
    if allowed < 1000:
        assert doubt(allowed + 1, 1000, most_share=share) is not None


def test_confirmed_deletions_go_and_one_more_is_in_doubt_again():
    assert doubt(900, 1000, confirmed=900) is None
    assert doubt(1000, 1000, root_is_empty=True, confirmed=1000) is None
    assert doubt(901, 1000, confirmed=900) is not None
    assert doubt(1000, 1000, root_is_empty=True, confirmed=999) is not None


def test_confirmation_of_more_than_is_gone_covers_it():
    assert doubt(600, 1000, confirmed=900) is None
