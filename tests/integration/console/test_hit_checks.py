"""What a search has found is looked at afterwards; what is gone is told, as from any service that noticed it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from actors.datasources.rows import Row
from actors.registry import load_registry
from actors.stored import StoredDatasources
from actors.sync import SyncParams, sync
from actors.testing import RecordingRun
from bus.connection import Bus
from console.hit_checks import AGAIN_SECONDS, AWAY_SECONDS, MOST_HITS, MOST_WAITING, HitChecks
from console.hit_looking import differs
from console.index_waking import STALE
from rota.events import Event
from scheduler.definitions import SHIPPED_FOLDER, read_folder
from store.engine import Store
from store.queries import datasources, indexes, stale
from store.records import DatasourceRecord
from store.search.engine import Document, Hit, Shape
from store.search.opening import open_engine
from tests.integration.console.serving import Console
from tests.waiting import wait_until


class Place:
    """A store and a bus, a folder that was synced, and what looks at hits."""

    def __init__(self, store: Store, bus: Bus, root: Path) -> None:
        self.store = store
        self.bus = bus
        self.root = root
        self.now = 1_000.0
        self.checks = HitChecks(store, bus, seconds=lambda: self.now)
        self._told: list[Event] = []

    def add(self, name: str = "docs", **fields: Any) -> None:
        with self.store.writing() as conn:
            given = {"kind": "local", "root": str(self.root), **fields}
            datasources.save(conn, DatasourceRecord(name=name, **given), at=1)

    def sync(self, name: str = "docs") -> None:
        """Bring the catalog up to date, and let all of it be indexed."""
        known = StoredDatasources(self.store, run="r", task="task")
        run = RecordingRun(datasources=[known.datasource(name)], catalogs=known.catalog)
        sync(run, SyncParams(datasource=name))
        with self.store.writing() as conn:
            stale.clear(conn, name)

    def look_at(self, *paths: bytes, name: str = "docs") -> None:
        self.checks.look_at([hit(path, name) for path in paths])

    def events(self, count: int) -> list[Event]:
        """So many events, once they are there, and whatever else is."""

        def told() -> bool:
            self._told += [event for _, event, _ in self.bus.events.read(block_ms=1) if isinstance(event, Event)]
            return len(self._told) >= count

        wait_until(told, what=f"{count} events")
        return self._told

    def told(self, count: int) -> list[list[str]]:
        """The paths of so many events; none are in one about the index alone."""
        return [event.data.get("paths", []) for event in self.events(count)]

    def stale(self, name: str = "docs") -> list[bytes]:
        with self.store.reading() as conn:
            return [folder.path for folder in stale.next_stale(conn, name)]


def hit(path: bytes, datasource: str = "docs") -> Hit:
    return Hit(datasource=datasource, id=1, path=path, kind="file", type="text", size=1, modified_ns=1, score=1.0)


@pytest.fixture
def place(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Place]:
    """A folder of four files, which was synced."""
    root = tmp_path / "docs"
    (root / "a").mkdir(parents=True)
    for name in ("a/x.txt", "a/y.txt", "a/z.txt", "top.txt"):
        (root / name).write_text(name)
    store, bus = Store(sqlite_url), Bus(redis_url)
    made = Place(store, bus, root)
    made.add()
    made.sync()
    yield made
    made.checks.close()
    bus.close()
    store.close()


def test_a_hit_that_has_gone_is_told_once_within_a_minute(place: Place) -> None:
    (place.root / "a/x.txt").unlink()

    place.look_at(b"top.txt", b"a/x.txt", b"a")
    assert place.told(1) == [["a/x.txt"]]
    place.look_at(b"top.txt", b"a/x.txt", b"a")
    (place.root / "a/y.txt").unlink()
    place.look_at(b"a/y.txt")

    (first, second) = place.events(2)
    assert (first.type, first.source, first.subject) == ("storage.changed", "/datasources/docs/search", "docs")
    assert second.data == {"datasource": "docs", "paths": ["a/y.txt"]}


def test_it_is_told_again_when_the_minute_is_over(place: Place) -> None:
    (place.root / "a/x.txt").unlink()
    place.look_at(b"a/x.txt")
    place.told(1)

    place.now += AGAIN_SECONDS
    place.look_at(b"a/x.txt")

    assert place.told(2) == [["a/x.txt"], ["a/x.txt"]]


def test_a_hit_that_is_another_one_by_now_is_told(place: Place) -> None:
    (place.root / "a/x.txt").write_text("more than it was")
    (place.root / "a/y.txt").unlink()
    (place.root / "a/y.txt").mkdir()

    place.look_at(b"a/x.txt", b"a/y.txt", b"a/z.txt", b"a")

    assert place.told(1) == [["a/x.txt", "a/y.txt"]]
    assert place.stale() == []


def test_a_hit_that_the_catalog_does_not_have_is_indexed_again(place: Place) -> None:
    place.look_at(b"a/never.txt", b"a/x.txt")

    (event,) = place.events(1)
    assert (event.type, event.subject, event.data) == ("index.stale", "docs", {"datasource": "docs"})
    assert place.stale() == [b"a"]


def test_a_hit_whose_folder_waits_to_be_indexed_tells_nothing_new(place: Place) -> None:
    with place.store.writing() as conn:
        stale.mark(conn, "docs", [b"a"], at=1)
        (before,) = stale.next_stale(conn, "docs")

    place.look_at(b"a/never.txt")
    place.look_at(b"never.txt")

    assert place.told(1) == [[]]
    assert place.stale() == [b"", b"a"]
    with place.store.reading() as conn:
        assert before in stale.next_stale(conn, "docs")


def test_a_storage_that_is_not_here_is_left_alone_and_told_of_once(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="console.hit_checks")
    place.root.rename(place.root.with_name("elsewhere"))

    place.look_at(b"a/x.txt")
    place.look_at(b"a/y.txt", b"never.txt")
    assert place.told(1) == [[]]
    assert [record.message for record in caplog.records] == ["hits.out_of_reach"]
    place.root.with_name("elsewhere").rename(place.root)
    (place.root / "a/z.txt").unlink()
    place.now += AWAY_SECONDS
    place.look_at(b"a/z.txt")

    assert place.told(2)[1] == ["a/z.txt"]


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "s3", "root": "s3://media", "options": {"secret_access_key": "env:NOT_SET_HERE"}},
        {"queue": "nas"},
        {"marker": "another one"},
        {"enabled": False},
    ],
    ids=["no secret", "on other machines", "another root", "switched off"],
)
def test_a_storage_that_cannot_be_judged_from_here_tells_nothing(place: Place, fields: dict[str, Any]) -> None:
    marker = fields.pop("marker", None)
    place.add(**fields)
    with place.store.writing() as conn:
        datasources.set_marker(conn, "docs", marker)
    (place.root / "a/x.txt").unlink()
    place.add("second")
    place.sync("second")

    place.look_at(b"a/x.txt")
    place.look_at(b"gone", name="second")

    assert [event.subject for event in place.events(1)] == ["second"]


def test_a_folder_of_other_machines_is_judged_where_its_marker_is(place: Place) -> None:
    (place.root / ".rota-marker").write_text("m\n")
    place.add(queue="nas")
    with place.store.writing() as conn:
        datasources.set_marker(conn, "docs", "m")
    (place.root / "a/x.txt").unlink()

    place.look_at(b"a/x.txt")

    assert place.told(1) == [["a/x.txt"]]


def test_datasources_that_are_gone_and_a_bus_that_is_away_end_nothing(
    place: Place, sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    place.look_at(b"x", name="nowhere")
    place.look_at(b"never.txt")
    assert place.told(1) == [[]]
    gone = Bus("redis://127.0.0.1:1/0")
    checks = HitChecks(place.store, gone)

    checks.look_at([hit(b"a/never.txt")])
    wait_until(lambda: any(record.message == "hits.unchecked" for record in caplog.records))

    checks.close()
    gone.close()


def test_no_more_is_looked_at_than_fits(place: Place) -> None:
    folders = [b"gone-%04d" % n for n in range(MOST_HITS + 50)]

    place.look_at(*(folder + b"/x" for folder in folders))

    place.events(1)
    assert place.stale() == folders[:MOST_HITS]


def test_looking_never_makes_a_search_wait(place: Place) -> None:
    """While one page cannot be looked at, because the database is being written to, others are let in or dropped."""
    with place.store.writing():
        for n in range(200):
            place.look_at(b"%d/gone" % n)

    place.events(MOST_WAITING)
    place.look_at(b"a/last")
    wait_until(lambda: b"a" in place.stale())
    assert len(place.stale()) <= MOST_WAITING + 2


def test_after_the_end_nothing_is_looked_at(place: Place) -> None:
    place.look_at(b"never.txt")
    place.told(1)

    place.checks.close()
    place.checks.close()
    place.look_at(b"later.txt")

    assert place.stale() == [b""]
    assert len(place.events(1)) == 1


@pytest.mark.parametrize(
    ("found", "is_other"),
    [
        (Row(b"x", "file", 5, 1_000), False),
        (None, True),
        (Row(b"x", "link", 5, 1_000), True),
        (Row(b"x", "file", 6, 1_000), True),
        (Row(b"x", "file", 5, 1_099), False),
        (Row(b"x", "file", 5, 1_100), True),
        (Row(b"x", "file", 5, 1_000, 7, 8), False),
        (Row(b"x", "file", 5, 1_000, etag="f"), True),
    ],
)
def test_what_is_another_entry(found: Row | None, is_other: bool) -> None:  # noqa: FBT001 -- a case's answer
    assert differs(Row(b"x", "file", 5, 1_000, etag="e"), found, step_ns=100) == is_other


def test_a_folder_is_the_same_whenever_it_changed() -> None:
    assert not differs(Row(b"a", "folder", 0, 1), Row(b"a", "folder", 0, 99), step_ns=1)
    assert differs(Row(b"a", "folder", 0, 1), Row(b"a", "file", 0, 1), step_ns=1)


# --- Searches -------------------------------------------------------------------------------------------------------------


def test_a_search_tells_what_has_gone_and_the_next_one_does_not_repeat_it(
    console: Console, admin: httpx.Client, tmp_path: Path
) -> None:
    root = tmp_path / "docs"
    root.mkdir()
    for name in ("budget-1.txt", "budget-2.txt", "other.txt"):
        (root / name).write_text("x")
    place = Place(console.parts.store, console.parts.bus, root)
    place.add()
    place.sync()
    index(console, root)
    (root / "budget-2.txt").unlink()

    found = admin.get("/api/v1/search", params={"q": "budget"}).json()
    assert sorted(item["path"] for item in found["items"]) == ["budget-1.txt", "budget-2.txt"]
    assert place.told(1) == [["budget-2.txt"]]
    admin.get("/api/v1/search", params={"q": "budget"})
    (root / "other.txt").unlink()
    admin.get("/api/v1/search", params={"q": "other"})

    assert place.told(2) == [["budget-2.txt"], ["other.txt"]]
    place.checks.close()


def index(console: Console, root: Path) -> None:
    """Index the files of a folder as an index that is behind has them."""
    shape = Shape(contents=False, language="none", extractors="")
    with console.parts.store.writing() as conn:
        generation = indexes.begin(conn, "docs", shape)
    engine = open_engine(console.parts.settings.search_place, console.parts.store)
    writer = engine.writer("docs", generation, shape)
    writer.add(
        Document(id=n, content=0, folder=b"", name=path.name.encode(), kind="file", size=1, modified_ns=1)
        for n, path in enumerate(root.iterdir())
    )
    writer.commit()
    writer.close()
    engine.close()


def test_the_indexing_listens_for_what_a_search_marks() -> None:
    jobs = {job.name: job for _, job in read_folder(SHIPPED_FOLDER, load_registry(())).jobs}

    assert STALE in {getattr(trigger, "event", "") for trigger in jobs["index-changed"].triggers}
