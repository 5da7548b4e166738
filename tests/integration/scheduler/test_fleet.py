"""Figures of the fleet, scraped as Prometheus would, with the names of the table and no others."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from bus.connection import Bus
from rota import metrics
from rota.metrics import Source
from rota.runs import Cause
from scheduler.admission.admitting import Request, admit, deliver
from scheduler.fleet import Fleet
from store.engine import Store
from store.queries import datasources, indexes, recycled, stale, unread
from store.records import DatasourceRecord, RecycledRecord, UnreadRecord
from store.search.engine import Shape
from tests.integration.scheduler.conftest import REGISTRY, World


def scrape(fleet: Fleet) -> dict[tuple[str, tuple[str, ...]], float]:
    registry = CollectorRegistry()
    registry.register(fleet)
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        (sample.name, tuple(sorted(sample.labels.values()))): sample.value
        for family in families
        for sample in family.samples
    }


def add_datasource(store: Store, name: str, **fields: Any) -> None:
    with store.writing() as conn:
        datasources.save(conn, DatasourceRecord(name=name, kind="local", root=f"/srv/{name}", **fields), at=1)


def test_figures_tell_what_is_there(world: World) -> None:
    world.define()
    requests = [Request(job="tidy", cause=Cause.of_person("alice", str(n))) for n in range(3)]
    deliver(world.bus, admit(world.store, requests, now=world.clock.now_ms(), actors=REGISTRY))
    world.bus.census.add({"ticks_run": 5, "events_ignored": 2})

    found = scrape(Fleet(world.store, world.bus, world.duties.leader))

    assert found["rota_queue_messages", ("default", "normal")] == 3
    assert found["rota_open_runs", ("queued",)] == 3
    assert found["rota_ticks_total", ("run",)] == 5
    assert found["rota_events_total", ("ignored",)] == 2
    assert found["rota_leader", ()] == 1
    assert found["rota_leader_epoch", ()] == world.duties.leader.leading()
    assert found["rota_failovers_total", ()] == 0
    assert found["rota_bus_up", ()] == found["rota_store_up", ()] == 1


def test_names_and_labels_are_those_of_the_table(world: World) -> None:
    world.bus.census.add({"ticks_run": 5})
    deliver(world.bus, [])
    add_datasource(world.store, "photos")
    table = {metric.name: metric for metric in metrics.ALL if metric.source in (Source.SCHEDULER, Source.EVERY)}
    registry = CollectorRegistry()
    registry.register(Fleet(world.store, world.bus, world.duties.leader))

    samples = [sample for family in registry.collect() for sample in family.samples if sample.name != "x"]

    assert {sample.name for sample in samples} <= set(table)
    missing = set(table) - {sample.name for sample in samples}
    assert missing <= {"rota_queue_messages", "rota_queue_oldest_age_seconds"}, "no queue was ever used"
    for sample in samples:
        assert tuple(sample.labels) == table[sample.name].labels
        for label, values in table[sample.name].values:
            assert sample.labels[label] in values


def test_indexes_are_told_by_datasource(world: World) -> None:
    add_datasource(world.store, "photos")
    now = world.store.clock.now_ms()
    with world.store.writing() as conn:
        stale.mark(conn, "photos", [b"a", b"b"], at=now - 60_000)
        indexes.begin(conn, "photos", Shape(contents=True, language="none", extractors="1"))
        indexes.record_run(conn, "photos", {"run": "r", "at": now}, documents=7, bytes=4_000)
        indexes.record_check(conn, "photos", {"run": "r", "at": now, "missing": 2, "surplus": 1})
        lost = UnreadRecord(document=1, path=b"a/x.pdf", reason="encrypted", message="it is encrypted", at=now)
        unread.put(conn, "photos", [lost])

    found = scrape(Fleet(world.store, world.bus, world.duties.leader))

    assert found["rota_index_documents", ("photos",)] == 7
    assert found["rota_index_bytes", ("photos",)] == 4_000
    assert found["rota_index_unread", ("photos",)] == 1
    assert found["rota_index_stale_folders", ("photos",)] == 2
    assert 60 <= found["rota_index_lag_seconds", ("photos",)] < 120
    assert found["rota_index_differences", ("photos",)] == 3


def test_only_what_is_searched_has_an_index_that_can_be_behind(world: World) -> None:
    add_datasource(world.store, "photos")
    add_datasource(world.store, "off", enabled=False)
    add_datasource(world.store, "left-out", rules={"index": False})
    with world.store.writing() as conn:
        for name in ("off", "left-out"):
            stale.mark(conn, name, [b""], at=1)

    found = scrape(Fleet(world.store, world.bus, world.duties.leader))

    told = {name: labels for name, labels in found if name.startswith("rota_index")}
    assert set(told.values()) == {("photos",)}
    assert found["rota_index_lag_seconds", ("photos",)] == found["rota_index_documents", ("photos",)] == 0


def test_standby_exports_the_same_figures(world: World) -> None:
    mine = scrape(Fleet(world.store, world.bus, world.duties.leader))
    other = scrape(Fleet(world.store, world.bus, world.other().leader))

    assert mine.pop(("rota_leader", ())) == 1
    assert other.pop(("rota_leader", ())) == 0
    assert mine == other


def test_redis_away_is_told_and_leaves_no_stale_figure(world: World, store: Store) -> None:
    gone = Bus("redis://127.0.0.1:1/0")

    found = scrape(Fleet(store, gone, world.duties.leader))

    assert found["rota_bus_up", ()] == 0
    assert found["rota_store_up", ()] == 1
    assert not [name for name, _ in found if name.startswith("rota_queue")]
    gone.close()


@pytest.mark.parametrize("times", [2])
def test_scrapes_at_once_share_a_reading(world: World, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    monkeypatch.setattr("scheduler.fleet.FRESH_SECONDS", 60.0)
    fleet = Fleet(world.store, world.bus, world.duties.leader)
    before = int(world.bus.client.info("stats")["total_commands_processed"])
    for _ in range(times):
        fleet.collect()
    once = int(world.bus.client.info("stats")["total_commands_processed"]) - before
    fleet.collect()

    assert int(world.bus.client.info("stats")["total_commands_processed"]) - before - once <= 1


def test_bins_are_told_by_datasource(world: World) -> None:
    add_datasource(world.store, "photos")
    add_datasource(world.store, "empty", enabled=False)
    items = [
        RecycledRecord(
            bin_path=b"%d/x" % n, original_path=b"x", kind="file", items=1, bytes=2**61, deleted_at=n, deleted_by=None
        )
        for n in range(2)
    ]
    with world.store.writing() as conn:
        recycled.add(conn, "photos", items)
        recycled.set_doubt(conn, "photos", {"items": 1200})

    found = scrape(Fleet(world.store, world.bus, world.duties.leader))

    figures = ("rota_bin_items", "rota_bin_bytes", "rota_bin_doubt")
    assert [found[name, ("photos",)] for name in figures] == [2, 2**62, 1200]
    assert [found[name, ("empty",)] for name in figures] == [0, 0, 0]
