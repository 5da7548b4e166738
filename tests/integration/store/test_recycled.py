"""The records of a bin, in every form: what went into it, and which task is taking what out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.bin_records import BinRecords
from actors.datasources.bins import Recycled
from actors.stored import StoredDatasources
from actors.testing_bin import MemoryBin
from rota.states import RunState
from store.engine import Store
from store.queries import bin_holds, datasources, outcomes, runs
from store.records import DatasourceRecord, NewTask
from tests.factories import NOW, make_outcome, make_run, make_task

ITEM = Recycled(b"id/caf\xe9", b"folder/caf\xe9", "folder", 3, 2**40, NOW, None)


class Shelf:
    """One bin, as several tasks see it."""

    def __init__(self, store: Store | None) -> None:
        self.store = store
        self._memory = MemoryBin()
        self._tasks: dict[str, NewTask] = {}

    def of(self, task: str) -> BinRecords:
        """The records as a task sees them."""
        if self.store is None:
            return MemoryBin(self._memory, task=task)
        return StoredDatasources(self.store, run="run-1", task=task).bin("files")

    def begin(self) -> str:
        """Begin a task and give its id."""
        run = make_run()
        task = make_task(run, state=RunState.RUNNING)
        self._tasks[task.id] = task
        if self.store is None:
            self._memory.open_tasks.add(task.id)
        else:
            self.store.write(lambda conn: runs.insert_admitted(conn, [run], [task]))
        return task.id

    def end(self, task: str) -> None:
        """Let a task come to its end."""
        if self.store is None:
            self._memory.open_tasks.discard(task)
            return
        with self.store.writing() as conn:
            outcomes.apply(conn, [make_outcome("finished", self._tasks[task])])

    def hold(self, number: int, name: str, reason: str | None) -> None:
        """Hold an item, or let it go."""
        if self.store is None:
            self._memory.hold(number, reason)
            return
        with self.store.writing() as conn:
            if reason is None:
                bin_holds.release(conn, "files", [name])
            else:
                bin_holds.hold(conn, "files", [name], reason)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def shelf(request: pytest.FixtureRequest) -> Iterator[Shelf]:
    if request.param == "memory":
        yield Shelf(None)
        return
    store = Store(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))
    with store.writing() as conn:
        for name in ("files", "other"):
            datasources.save(conn, DatasourceRecord(name=name, kind="local", root=f"/srv/{name}"), at=NOW)
    yield Shelf(store)
    store.close()


def item(name: str, **fields: object) -> Recycled:
    return ITEM._replace(bin_path=f"{name}/x".encode(), **fields)  # type: ignore[arg-type]


def ids(records: BinRecords, *names: str) -> list[int]:
    found = {each.recycled.bin_path: each.id for each in records.named([name.encode() for name in names])}
    return [found[f"{name}/x".encode()] for name in names]


def test_items_are_recorded_as_they_went(shelf):
    records = shelf.of("task")
    looking = item("b", deleted_by="anna", bin="user:anna", size=5, modified_ns=7, inode=-3, device=9, etag="e")

    records.add([ITEM, looking._replace(keep_until=NOW + 1)])
    records.add([])

    found = [each.recycled._replace(run=None) for each in records.find(range(1, 10))]
    assert found == [ITEM, looking._replace(keep_until=NOW + 1)]
    assert records.count() == 2


def test_what_is_recorded_again_is_brought_up_to_it_and_what_is_only_seen_is_not(shelf):
    records = shelf.of("task")
    assert records.add_new([item("a", origin="found", deleted_at=NOW + 9)]) == 1

    records.add([item("a", deleted_by="anna")])
    assert records.add_new([item("a", origin="found"), item("b", origin="rebuilt", run="run-0")]) == 1

    first, second = (each.recycled for each in records.find(range(1, 10)))
    assert (first.origin, first.deleted_by, first.deleted_at) == ("deleted", "anna", NOW)
    assert (second.origin, second.run) == ("rebuilt", "run-0")


def test_items_come_by_age_and_by_place(shelf, monkeypatch):
    monkeypatch.setattr("actors.stored_bin._CHUNK", 2)
    records = shelf.of("task")
    for name, at in (("c", 5), ("a", 7), ("e", 5), ("b", 6), ("d", 5)):
        records.add([item(name, deleted_at=at)])
    records.claim(ids(records, "b"), "restore")
    shelf.hold(*ids(records, "d"), "d", "a case")

    outlines = list(records.outlines())

    assert [each.id for each in outlines] == ids(records, "c", "e", "d", "b", "a")
    assert [each.is_held for each in outlines] == [False, False, True, False, False]
    assert [(each.bin_path[:1], each.is_claimed) for each in records.places()] == [
        (b"a", False), (b"b", True), (b"c", False), (b"d", False), (b"e", False)
    ]  # fmt: skip


def test_an_item_is_found_by_its_folder_and_by_where_it_was(shelf):
    records = shelf.of("task")
    records.add([item("a", deleted_at=5), item("a-b", deleted_at=9), item("c", deleted_at=7, original_path=b"else")])

    assert [each.recycled.bin_path for each in records.named([b"a", b"zz"])] == [b"a/x"]
    last = records.deleted_from([ITEM.original_path, b"else", b"nowhere"])
    assert {path: each.recycled.bin_path for path, each in last.items()} == {
        ITEM.original_path: b"a-b/x",
        b"else": b"c/x",
    }


def test_one_of_two_tasks_has_an_item(shelf):
    one, other = shelf.begin(), shelf.begin()
    shelf.of(one).add([item("a"), item("b"), item("c")])
    a, b, c = ids(shelf.of(one), "a", "b", "c")

    assert [each.id for each in shelf.of(one).claim([b, a], "purge")] == [b, a]
    assert [each.id for each in shelf.of(other).claim([a, b, c], "restore")] == [c]

    assert [each.claimed_for for each in shelf.of(one).claim([a], "purge")] == ["purge"]
    shelf.of(other).release([a, b])
    shelf.of(other).remove([a, b])
    assert shelf.of(other).claim([a, b], "purge") == []
    shelf.of(one).release([a])
    shelf.of(one).remove([b])
    assert [each.id for each in shelf.of(other).claim([a, b], "purge")] == [a]


def test_what_an_ended_task_has_claimed_is_free(shelf):
    gone, here = shelf.begin(), shelf.begin()
    shelf.of(gone).add([item("a"), item("b")])
    a, b = ids(shelf.of(gone), "a", "b")
    shelf.of(gone).claim([a], "purge")
    shelf.of(here).claim([b], "restore")
    later = shelf.begin()
    assert shelf.of(later).leftovers() == []

    shelf.end(gone)

    assert [(each.id, each.claimed_for) for each in shelf.of(later).leftovers()] == [(a, "purge")]
    assert {each.id for each in shelf.of(here).leftovers()} == {a, b}
    assert [each.id for each in shelf.of(later).claim([a, b], "restore")] == [a]


def test_a_purge_takes_nothing_that_is_held_or_kept_until_later(shelf):
    records = shelf.of("task")
    records.add([item("a"), item("b", keep_until=NOW + 5), item("c")])
    a, b, c = ids(records, "a", "b", "c")
    shelf.hold(a, "a", "a case")

    assert [each.id for each in records.claim([a, b, c], "purge", at=NOW)] == [c]
    assert [each.id for each in records.claim([b], "purge", at=NOW + 5)] == [b]
    assert [each.id for each in records.claim([a], "restore")] == [a]


def test_a_purge_takes_nothing_that_came_since_its_time(shelf):
    records = shelf.of("task")
    records.add([item("a"), item("b", deleted_at=NOW + 1)])
    a, b = ids(records, "a", "b")

    assert [each.id for each in records.claim([a, b], "purge", at=NOW)] == [a]


def test_places_tell_what_is_held_and_what_is_taken_out(shelf):
    records = shelf.of(shelf.begin())
    records.add([item("a"), item("b"), item("c")])
    a, b, _ = ids(records, "a", "b", "c")
    shelf.hold(a, "a", "a case")
    records.claim([b], "restore")

    assert [(place.is_claimed, place.is_held) for place in records.places()] == [
        (False, True),
        (True, False),
        (False, False),
    ]


def test_a_renewed_item_is_what_it_looks_like_now(shelf):
    one, other = shelf.begin(), shelf.begin()
    records = shelf.of(one)
    records.add([item("a"), item("b")])
    found = records.claim(ids(records, "a", "b"), "purge")
    changed = [each._replace(recycled=each.recycled._replace(size=8, bytes=9, deleted_at=NOW + 7)) for each in found]
    shelf.of(other).renew(changed[1:])

    records.renew(changed[:1])

    a, b = records.find([each.id for each in found])
    assert (a.recycled, a.claimed_by) == (changed[0].recycled, None)
    assert (b.recycled, b.claimed_by) == (found[1].recycled, one)


def test_the_last_purge_and_its_doubt_are_remembered(shelf):
    records = shelf.of("task")
    assert (records.last_purge(), records.doubt()) == (None, None)

    records.record_purge({"removed": 3})
    records.record_doubt({"reason": "many", "items": 30})
    records.record_purge({"removed": 4})

    assert records.last_purge()["removed"] == 4
    assert records.doubt()["items"] == 30
    records.record_doubt(None)
    assert (records.last_purge()["removed"], records.doubt()) == (4, None)


def test_processes_that_compete_claim_each_item_once(database_url: str) -> None:
    store = Store(database_url)
    shelf = Shelf(store)
    with store.writing() as conn:
        datasources.save(conn, DatasourceRecord(name="files", kind="local", root="/srv"), at=NOW)
    shelf.of("task").add([item(f"i{number}") for number in range(400)])
    tasks = [shelf.begin() for _ in range(3)]
    store.close()

    processes = [_claiming(database_url, task, start) for task, start in zip(tasks, (0, 130, 260), strict=True)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    claimed = [json.loads(process.communicate(timeout=60)[0]) for process in processes]

    together = [number for some in claimed for number in some]
    assert len(together) == len(set(together)) == 400


def _claiming(url: str, task: str, start: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.integration.store.claiming", url, task, str(start)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
