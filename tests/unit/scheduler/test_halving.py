"""One bad item is found, its neighbours are done."""

from __future__ import annotations

import pytest

from rota.errors import StaleEpoch, StoreUnavailable
from scheduler.halving import each_alone


def test_bad_items_are_refused_alone() -> None:
    done: list[int] = []
    refused: list[int] = []

    def act(items):
        if any(item % 10 == 7 for item in items):
            raise ValueError("seven")
        done.extend(items)

    each_alone(list(range(30)), act, lambda item, error: refused.append(item))

    assert refused == [7, 17, 27]
    assert sorted(done + refused) == list(range(30))


@pytest.mark.parametrize("error", [StoreUnavailable("away"), StaleEpoch("over")])
def test_what_says_nothing_about_an_item_is_passed_on(error: Exception) -> None:
    def act(items):
        raise error

    with pytest.raises(type(error)):
        each_alone([1, 2], act, lambda item, error: pytest.fail("no item was bad"))


def test_nothing_is_done_for_nothing() -> None:
    each_alone([], lambda items: pytest.fail("called"), lambda item, error: pytest.fail("called"))
