from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.datasources.frontier import Frontier
from actors.datasources.paths import join


def test_goes_into_the_depth_and_keeps_the_order_of_names():
    frontier = Frontier([b""])
    tree = {b"": [b"a", b"b"], b"a": [b"x", b"y"], b"a/x": [b"1"]}
    order = []

    while not frontier.is_done:
        (place,) = frontier.take(1)
        order.append(place.path)
        frontier.tell(place, tree.get(place.path, []))

    assert order == [b"", b"a", b"a/x", b"a/x/1", b"a/y", b"b"]


def test_first_branch_goes_first():
    frontier = Frontier([b"a", b"b", b"c/d"])

    assert [place.path for place in frontier.take(2)] == [b"a", b"b"]
    assert frontier.waiting == 1


def test_ends_come_in_order_once_all_below_is_told():
    frontier = Frontier([b"a", b"b"])
    a, b = frontier.take(2)

    frontier.tell(b, [])
    assert frontier.ended() == []

    frontier.tell(a, [b"x"])
    (x,) = frontier.take(9)
    assert frontier.ended() == []

    frontier.tell(x, [])
    assert frontier.is_done
    assert frontier.ended() == [b"a", b"b"]
    assert frontier.ended() == []


def test_what_is_put_back_is_taken_next_and_in_the_same_order():
    frontier = Frontier([b"a", b"b", b"c"])
    taken = frontier.take(3)

    frontier.put_back(taken[1:])

    assert not frontier.is_done
    assert frontier.take(3) == taken[1:]


def test_nothing_asked_for_is_done_at_once():
    frontier = Frontier([])

    assert (frontier.is_done, frontier.take(1), frontier.ended()) == (True, [], [])


def test_what_waits_stays_small_in_a_deep_and_wide_tree():
    frontier = Frontier([b""])
    most = 0

    while not frontier.is_done:
        (place,) = frontier.take(1)
        depth = place.path.count(b"/") + 1 if place.path else 0
        frontier.tell(place, [b"%d" % number for number in range(10)] if depth < 4 else [])
        most = max(most, frontier.waiting)

    assert most <= 4 * 10


names = st.lists(st.sampled_from([b"a", b"b", b"c", b"d"]), unique=True, max_size=4).map(sorted)


@settings(deadline=None)
@given(st.data(), st.lists(st.sampled_from([b"p", b"q", b"r/s", b"t"]), unique=True, max_size=4).map(sorted))
def test_each_place_is_taken_once_whatever_the_order_of_answers(data, paths):
    tree: dict[bytes, list[bytes]] = {}
    frontier = Frontier(paths)
    under_way, listed, ended = [], [], []

    while not frontier.is_done:
        under_way += frontier.take(data.draw(st.integers(0 if under_way else 1, 3)))
        assert under_way
        place = under_way.pop(data.draw(st.integers(0, len(under_way) - 1)))
        if data.draw(st.integers(0, 9)) == 0:
            frontier.put_back([place])
            continue
        tree[place.path] = data.draw(names) if place.path.count(b"/") < 3 else []
        frontier.tell(place, tree[place.path])
        listed.append(place.path)
        new = frontier.ended()
        for path in new:
            assert complete(path, tree, listed)
        ended += new

    assert ended == paths
    assert sorted(listed) == sorted({*paths, *(join(path, name) for path, names in tree.items() for name in names)})
    assert frontier.waiting == 0


def complete(path, tree, listed):
    return path in listed and all(complete(join(path, name), tree, listed) for name in tree[path])
