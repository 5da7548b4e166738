"""What a purge takes, against an oracle that goes the long way, and the guards."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota import purging
from rota.bins import BinRules
from rota.purging import FEWEST, LONG_MS, Candidate, Plan, Why, Wish

NOW = 1_000_000_000_000
DAY = 86_400_000


def item(number: int, *, days: float = 1, size: int = 10, **fields: Any) -> Candidate:
    given = {"path": f"f/{number}", "user": None, "bin": ""} | fields
    return Candidate(number, bytes=size, deleted_at=NOW - int(days * DAY), **given)


def planned(
    *items: Candidate, last: int | None = NOW - DAY, wish: Wish | None = None, confirmed: int = 0, **rules: Any
) -> Plan:
    plan = Plan(BinRules(**{"keep": None} | rules), wish or Wish(), now_ms=NOW, last_purge_ms=last)
    for each in items:
        plan.add(each)
    plan.decide(confirmed=confirmed)
    return plan


def going(plan: Plan) -> dict[int, Why]:
    return dict(plan.going())


def test_what_is_as_old_as_the_rules_say_goes():
    plan = planned(item(1, days=31), item(2, days=30), item(3, days=29.999), keep="P30D")

    assert going(plan) == {1: Why.AGE, 2: Why.AGE}
    assert plan.kept() == {Why.YOUNG: 1}
    assert plan.total() == (2, 20)


def test_the_oldest_go_until_the_rest_is_within_the_limits():
    items = [item(number, days=10 - number, size=10) for number in range(6)]

    assert going(planned(*items, max_size=35)) == {0: Why.SIZE, 1: Why.SIZE, 2: Why.SIZE}
    assert going(planned(*items, max_items=4)) == {0: Why.COUNT, 1: Why.COUNT}
    assert planned(*items, max_items=4).kept() == {Why.WITHIN_LIMITS: 4}
    assert going(planned(*items)) == {}


def test_the_order_of_adding_does_not_matter():
    items = [item(number, days=10 - number) for number in range(6)]

    assert list(planned(*reversed(items), max_items=3).going()) == list(planned(*items, max_items=3).going())


def test_what_must_stay_counts_all_the_same():
    held, waiting = item(1, days=9, size=30, is_held=True), item(2, days=8, size=30, keep_until=NOW + 1)

    plan = planned(held, waiting, item(3, days=7), item(4, days=6), max_size=65)

    assert going(plan) == {3: Why.SIZE, 4: Why.SIZE}
    assert plan.kept() == {Why.HELD: 1, Why.WAITING: 1}


def test_what_is_on_its_way_out_and_what_came_later_than_now_does_not_count():
    plan = planned(item(1, days=9, is_claimed=True), item(2, days=-1), item(3), item(4), max_items=2, keep="P5D")

    assert going(plan) == {}
    assert plan.kept() == {Why.CLAIMED: 1, Why.FUTURE: 1, Why.YOUNG: 2}


def test_what_was_kept_until_a_time_goes_then_whatever_the_rules():
    assert going(planned(item(1, keep_until=NOW), keep="P30D")) == {1: Why.DUE}
    assert going(planned(item(1, days=99, keep_until=NOW + 1), keep="P30D")) == {}
    assert going(planned(item(1, keep_until=NOW, is_held=True))) == {}


def test_each_bin_and_each_part_has_limits_of_its_own():
    rules = {"max_items": 1, "parts": [{"folder": "f/keep", "max_items": 2}]}
    users = [item(number, days=9 - number, user=user, bin=f"user:{user}") for number, user in enumerate("aabb")]
    parts = [item(number, days=20 - number, path=f"f/keep/{number}") for number in range(10, 13)]

    assert going(planned(*users, *parts, **rules)).keys() == {0, 2, 10}


def test_what_is_given_counts_instead_of_the_rules():
    items = [item(number, days=10 - number) for number in range(4)]

    assert going(planned(*items, keep="P1D", wish=Wish(older_than_ms=9 * DAY))) == {0: Why.AGE, 1: Why.AGE}
    assert going(planned(*items, max_items=1, wish=Wish(max_items=3))) == {0: Why.COUNT}


def test_a_purge_for_one_user_takes_what_a_whole_one_would_take_of_theirs():
    items = [item(number, days=10 - number, user="ab"[number % 2]) for number in range(6)]

    plan = planned(*items, max_items=3, wish=Wish(user="b"))

    assert going(plan) == {1: Why.COUNT}
    assert plan.kept() == {Why.WITHIN_LIMITS: 2}


def test_limits_that_are_given_for_one_user_or_folder_are_about_these_items():
    items = [item(number, days=10 - number, user="ab"[number % 2]) for number in range(6)]
    assert going(planned(*items, wish=Wish(user="b", max_items=1))).keys() == {1, 3}

    folders = [item(1, path="f"), item(2, path="f/x"), item(3, path="fx")]
    assert going(planned(*folders, wish=Wish(folder="f", older_than_ms=0))).keys() == {1, 2}


def test_named_items_go_unless_they_are_held_or_claimed():
    items = [item(1, days=-1), item(2, is_held=True), item(3, is_claimed=True), item(4, keep_until=NOW + 1)]

    plan = planned(*items, keep="P30D", wish=Wish(named=True))

    assert going(plan) == {1: Why.ASKED, 4: Why.ASKED}
    assert plan.kept() == {Why.HELD: 1, Why.CLAIMED: 1}


def test_limits_take_no_more_of_a_bin_than_may_go_unasked():
    items = [item(number, days=100 - number) for number in range(50)]
    other = [item(number, days=9, bin="user:anna", size=1) for number in range(100, 105)]

    assert len(going(planned(*items, max_items=25))) == 25
    plan = planned(*items, *other, max_items=2)
    assert going(plan).keys() == {100, 101, 102}, "the other bin is small"
    (doubt,) = plan.doubts
    assert (doubt.bin, doubt.items, doubt.bytes, doubt.known, doubt.examples) == ("", 48, 480, 50, list(range(20)))
    assert plan.kept()[Why.DOUBTFUL] == 48

    assert len(going(planned(*items, max_items=2, confirmed=48))) == 48
    assert going(planned(*items, max_items=2, confirmed=47)) == {}
    assert len(going(planned(*items, max_items=2, max_purged=1))) == 48


def test_so_few_items_may_always_go():
    items = [item(number, days=100 - number) for number in range(FEWEST + 1)]

    assert len(going(planned(*items[1:], keep="P1D", last=None))) == FEWEST
    assert going(planned(*items, keep="P1D", last=None)) == {}


@pytest.mark.parametrize(
    ("last", "is_long_ago"),
    [(None, True), (NOW - 61 * DAY, True), (NOW - 60 * DAY, False), (NOW + DAY, False)],
)
def test_age_is_doubted_after_a_long_silence(last, is_long_ago):
    items = [item(number, days=100 - number) for number in range(40)]

    plan = planned(*items, keep="P30D", last=last)

    assert bool(plan.doubts) == is_long_ago
    assert len(going(plan)) == (0 if is_long_ago else 40)


def test_daily_purges_of_a_short_lived_bin_are_no_silence():
    items = [item(number) for number in range(40)]

    assert len(going(planned(*items, keep="PT1H", last=NOW - DAY))) == 40
    assert going(planned(*items, keep="PT1H", last=NOW - LONG_MS - 1)) == {}


def test_what_turns_out_to_be_held_stays_after_all():
    plan = planned(*(item(number, days=2000 - number) for number in range(1200)), keep="P1D")
    asked: list[int] = []

    def stay(ids):
        asked.extend(ids)
        return [each for each in ids if each % 400 == 0]

    plan.review(stay, Why.HELD)

    assert asked == list(range(1200))
    assert plan.kept() == {Why.HELD: 3}
    assert len(going(plan)) == 1197


_FEW = 3
_KEEPS = st.sampled_from([None, "P1D", "P5D"])
_ITEMS = st.lists(
    st.tuples(
        st.integers(-2, 8),
        st.integers(0, 20),
        st.sampled_from(["a", "b", None]),
        st.sampled_from(["f/x", "f", "g/y", "h"]),
        st.sampled_from([None, -1, 1]),
        st.booleans(),
        st.integers(0, 9),
    ),
    max_size=45,
)
_RULES = st.fixed_dictionaries(
    {
        "keep": _KEEPS,
        "max_size": st.sampled_from([None, 1, 60, 200]),
        "max_items": st.sampled_from([None, 1, 4, 20]),
        "per": st.sampled_from(["datasource", "user", "folder"]),
        "max_purged": st.sampled_from([0, 0.3, 0.5, 1]),
        "parts": st.sampled_from([(), ({"folder": "f", "keep": "P2D"},), ({"user": "a", "max_items": 2},)]),
    }
)
_WISHES = st.builds(
    Wish,
    older_than_ms=st.sampled_from([None, 0, 3 * DAY]),
    max_items=st.sampled_from([None, 3]),
    user=st.sampled_from([None, "a"]),
    folder=st.sampled_from([None, "f"]),
)


@given(_ITEMS, _RULES, _WISHES, st.sampled_from([None, NOW - DAY, NOW - 20 * DAY]), st.sampled_from([0, 6]))
def test_plans_are_those_of_the_oracle(drawn, rules, wish, last, confirmed):
    bin_rules = BinRules(**rules)
    items = [
        Candidate(
            number,
            path,
            user,
            bin_rules.bin_of(path, user),
            size,
            NOW - days * DAY,
            None if until is None else NOW + until,
            held,
            claimed == 0,
        )
        for number, (days, size, user, path, until, held, claimed) in enumerate(drawn)
    ]
    plan = Plan(bin_rules, wish, now_ms=NOW, last_purge_ms=last)
    for each in items:
        plan.add(each)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(purging, "FEWEST", _FEW)  # so that what is drawn comes to more
        plan.decide(confirmed=confirmed)

    said = _oracle(items, bin_rules, wish, last=last, confirmed=confirmed)

    assert going(plan) == {number: why for number, why in said.items() if why.goes}
    assert plan.kept() == Counter(why for why in said.values() if not why.goes)


def _oracle(items: list[Candidate], rules: BinRules, wish: Wish, *, last: int | None, confirmed: int) -> dict[int, Why]:
    """Decide item by item, counting everything anew for each."""
    if wish.has_limits:
        items = [each for each in items if wish.is_about(each.path, each.user)]
    said: dict[int, Why] = {}
    doubtful: dict[str, list[int]] = {}
    here = [each for each in items if not each.is_claimed and (each.is_held or each.deleted_at <= NOW)]
    left = {each.id for each in here}
    for each in sorted(items, key=lambda item: (item.deleted_at, item.id)):
        number, keeping = rules.part_of(each.path, each.user)
        keep = keeping.keep_ms if wish.older_than_ms is None else wish.older_than_ms
        most_items = keeping.max_items if wish.max_items is None else wish.max_items
        group = [
            one
            for one in here
            if one.id in left and one.bin == each.bin and rules.part_of(one.path, one.user)[0] == number
        ]
        if each.is_claimed:
            why = Why.CLAIMED
        elif each.is_held:
            why = Why.HELD
        elif each.deleted_at > NOW:
            why = Why.FUTURE
        elif each.keep_until is not None:
            why = Why.DUE if each.keep_until <= NOW else Why.WAITING
        elif keep is not None and each.deleted_at + keep <= NOW:
            why = Why.AGE
        elif keeping.max_size is not None and sum(one.bytes for one in group) > keeping.max_size:
            why = Why.SIZE
        elif most_items is not None and len(group) > most_items:
            why = Why.COUNT
        else:
            why = Why.WITHIN_LIMITS if keep is None else Why.YOUNG
        if why.goes:
            left.discard(each.id)
        if not wish.is_about(each.path, each.user):
            continue
        said[each.id] = why
        is_long_ago = last is None or NOW - last > max(2 * (keep or 0), LONG_MS)
        if why in {Why.SIZE, Why.COUNT} or (why is Why.AGE and is_long_ago):
            doubtful.setdefault(each.bin, []).append(each.id)
    counts = Counter(each.bin for each in here)
    held_back = [
        ids for name, ids in doubtful.items() if len(ids) > _FEW and len(ids) > counts[name] * rules.max_purged
    ]
    if sum(map(len, held_back)) > confirmed:
        said |= {number: Why.DOUBTFUL for ids in held_back for number in ids}
    return said
