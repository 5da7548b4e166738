"""How the deletion of items for good is led: what is given out, how much of it, and what becomes of the answers."""

from __future__ import annotations

import time

import pytest

from actors.datasources.abilities import Doomed, Ended, Gravedigger, WholeDeleter
from actors.datasources.burials import Burial
from actors.datasources.burying import bury
from actors.datasources.graves import Cleared, Fate, Filled, Grave, Laid, Lay, Place, Remains, difference, parts_of
from actors.datasources.retrying import Repeats, retrying
from actors.datasources.storage import Row, Scanner

FILE = Row(b"x", "file", 5, 1_700_000_000_000_000_000, 7, 3, "tag")
FOLDER = Row(b"x", "folder", 0, 1_700_000_000_000_000_000, 7, 3)


@pytest.mark.parametrize("path", [b"", b"a", b"a/", b"/a", b"a/b/c", b"./a", b"a/..", b"a/b\0"])
def test_only_a_folder_and_a_name_are_the_path_of_an_item(path):
    with pytest.raises(ValueError, match="<folder>/<name>"):
        parts_of(path)


def test_path_of_an_item_is_taken_apart():
    assert parts_of(b"one/\xff name") == (b"one", b"\xff name")


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        ({}, False),
        ({"kind": "link"}, True),
        ({"size": 6}, True),
        ({"inode": 8}, True),
        ({"inode": 0}, False),
        ({"device": 4}, False),
        ({"etag": "other"}, True),
        ({"etag": ""}, False),
        ({"modified_ns": FILE.modified_ns + 999}, False),
        ({"modified_ns": FILE.modified_ns + 1_000}, True),
        ({"modified_ns": 0}, False),
    ],
)
def test_fields_that_are_known_must_be_the_same(changes, differs):
    found = FILE._replace(**changes)

    assert bool(difference(FILE, found, step_ns=1_000, is_begun=False)) is differs
    assert bool(difference(found, FILE, step_ns=1_000, is_begun=False)) is differs


def test_what_is_no_entry_now_differs():
    assert difference(FILE, None, step_ns=1, is_begun=False)


def test_folder_that_was_begun_may_have_another_time_and_a_file_may_not():
    later = {"modified_ns": FILE.modified_ns + 10}

    assert difference(FOLDER, FOLDER._replace(**later), step_ns=1, is_begun=False)
    assert not difference(FOLDER, FOLDER._replace(**later), step_ns=1, is_begun=True)
    assert difference(FOLDER, FOLDER._replace(inode=9), step_ns=1, is_begun=True)
    assert difference(FILE, FILE._replace(**later), step_ns=1, is_begun=True)


class Tree:
    """Diggers over a tree in memory: nested dicts are folders, None are files; each visit clears one folder."""

    list_entries = 4_000

    def __init__(self, items, *, room=2, fixed=(), foreign=()):
        self.items = items
        self.most = room
        self.fixed, self.foreign = set(fixed), set(foreign)
        self.asked = []
        self.lists = []
        self.closed = 0

    @property
    def room(self):
        return self.most - len(self.asked)

    def ask(self, tasks):
        self.asked.append(tasks)
        self.lists.append(tasks)

    def told(self, check):
        tasks = self.asked.pop(0)
        return iter([self.answer(task) for task in tasks])

    def close(self):
        self.closed += 1

    def answer(self, task):
        if isinstance(task, Lay):
            grave = Grave(task.folder, task.name)
            return Laid(task.number, grave, self.visit(grave, Place(b"")))
        if hasattr(task, "places"):
            return Cleared(task.number, [self.visit(task.grave, place) for place in task.places])
        return Filled(task.number, Fate.FOREIGN if task.back else Fate.GONE)

    def visit(self, grave, place):
        folder, above, name = self.items[grave.folder], self.items, grave.folder
        for part in filter(None, place.path.split(b"/")):
            above, name, folder = folder, part, folder[part]
        remains = Remains(left=[], kept=[])
        for entry, node in list(folder.items()):
            path = b"/".join(filter(None, [place.path, entry]))
            if path in place.kept:
                continue
            if path in self.fixed | self.foreign:
                remains.kept.append(path)
                remains.foreign |= path in self.foreign
                remains.reason = "stays"
            elif node is None:
                del folder[entry]
                remains.entries += 1
            else:
                remains.left.append(Place(path))
        if not folder:
            del above[name]
            remains.entries += 1
            remains.gone = True
        return remains


def tree(width, depth):
    return {b"%d" % n: tree(width, depth - 1) if depth else None for n in range(width)}


def ended(diggers, *names, check=lambda: None):
    items = [Doomed(name + b"/x", FOLDER) for name in names]
    return {one.item.bin_path[:-2]: one for one in Burial(iter(items), diggers, check=check).run()}


def test_trees_of_any_shape_go_completely():
    diggers = Tree({b"wide": tree(50, 1), b"deep": tree(1, 300), b"both": tree(3, 5), b"none": {}})

    told = ended(diggers, b"wide", b"deep", b"both", b"none")

    assert {name: one.fate for name, one in told.items()} == dict.fromkeys(told, Fate.GONE)
    assert {name: one.entries for name, one in told.items()} == {
        b"wide": 50 * 50 + 50 + 1,
        b"deep": 302,
        b"both": sum(3**n for n in range(7)),
        b"none": 1,
    }
    assert diggers.items == {}
    assert diggers.closed == 1


def test_what_is_fixed_stays_with_what_leads_to_it_and_nothing_else():
    diggers = Tree({b"one": tree(4, 2)}, fixed=[b"1/2/3", b"0/0/0"])

    one = ended(diggers, b"one")[b"one"]

    assert (one.fate, one.entries, one.reason) == (Fate.FAILED, 85 - 2 - 5, "stays")
    assert diggers.items == {b"one": {b"0": {b"0": {b"0": None}}, b"1": {b"2": {b"3": None}}}}


def test_item_with_another_file_system_in_it_is_put_back():
    diggers = Tree({b"one": tree(2, 2), b"two": {}}, foreign=[b"1/1"])

    told = ended(diggers, b"one", b"two")

    assert {name: one.fate for name, one in told.items()} == {b"one": Fate.FOREIGN, b"two": Fate.GONE}
    assert diggers.lists[-1][0].back


def test_large_item_gives_work_to_all():
    diggers = Tree({b"one": tree(40, 1)}, room=4)

    ended(diggers, b"one")

    places = [len(tasks[0].places) for tasks in diggers.lists if hasattr(tasks[0], "places")]
    assert sum(places) == 41  # each folder once, and the item again
    assert places[:4] == [4] * 4  # a few each as long as nobody knows how much a folder is


def test_items_are_taken_a_bounded_number_ahead():
    diggers = Tree({b"%d" % n: {} for n in range(5_000)}, room=3)
    taken = 0

    def items():
        nonlocal taken
        for name in list(diggers.items):
            taken += 1
            yield Doomed(name + b"/x", FOLDER)

    told = 0
    for _ in Burial(items(), diggers, check=lambda: None).run():
        told += 1
        assert taken - told <= 4 * 256
    assert told == 5_000


def test_slow_caller_gets_each_item_begun_and_each_end_told():
    diggers = Tree({b"%d" % n: {} for n in range(5)}, room=9)
    told = []

    def slowly():
        for n in range(5):
            assert len(told) >= n - 3  # a task or two of each are between
            until = time.monotonic() + 0.03  # time passes here, as it does for whoever keeps to a rate
            while time.monotonic() < until:
                pass
            yield Doomed(b"%d/x" % n, FOLDER)

    for one in Burial(slowly(), diggers, check=lambda: None).run():
        told.append(one)  # noqa: PERF402 -- what was told is looked at meanwhile

    assert len(told) == 5


def test_closing_it_stops_those_who_dig():
    diggers = Tree({b"%d" % n: {} for n in range(10)})
    running = Burial((Doomed(b"%d/x" % n, FOLDER) for n in range(10)), diggers, check=lambda: None).run()

    next(running)
    running.close()

    assert diggers.closed == 1


def test_repeats_do_not_hide_what_a_driver_can():
    class Driver:
        def bury(self, items, *, check=lambda: None):
            return iter([Ended(item, Fate.GONE) for item in items])

        def delete_whole(self, path):
            raise FileNotFoundError

    wrapped = retrying(Driver(), Repeats(retries=1))
    item = Doomed(b"a/x", FILE)

    assert isinstance(wrapped, Gravedigger)
    assert isinstance(wrapped, WholeDeleter)
    assert not isinstance(wrapped, Scanner)
    assert list(bury(wrapped, [item])) == [Ended(item, Fate.GONE)]
