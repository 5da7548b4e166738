"""Figures of the whole fleet for Prometheus, read from Redis and the store at each scrape.

Each scheduler exports the same figures, standby or not; only `rota_leader` is its own. A source that does not answer
is told by `rota_bus_up` and `rota_store_up`; its figures are left out, so that no stale one is taken for a true one.
"""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from rota import metrics
from rota.errors import RotaError
from scheduler import bin_figures, index_figures
from store.queries import runs

if TYPE_CHECKING:
    from prometheus_client import Metric as Family

    from bus.census import BusFigures, QueueFigures
    from bus.connection import Bus
    from rota.metrics import Metric
    from scheduler.leader import Leader
    from store.engine import Store

logger = logging.getLogger(__name__)

#: Two scrapers, or one that is impatient, are answered from one reading.
FRESH_SECONDS = 0.5

TICK_COUNTERS = {outcome: f"ticks_{outcome}" for outcome in metrics.TICK_OUTCOMES}
EVENT_COUNTERS = {outcome: f"events_{outcome}" for outcome in metrics.EVENT_OUTCOMES}
"""The counters in Redis that the leader lets grow, by the value of the label."""


class Fleet(Collector):
    """Collects the figures; registered once, asked at each scrape."""

    def __init__(self, store: Store, bus: Bus, leader: Leader) -> None:
        self._store = store
        self._bus = bus
        self._leader = leader
        self._read_at = float("-inf")
        self._families: list[Family] = []

    def describe(self) -> Iterable[Family]:
        """Return nothing: registering must not ask Redis."""
        return ()

    def collect(self) -> Iterable[Family]:
        """Return all figures."""
        now = time.monotonic()
        if now - self._read_at >= FRESH_SECONDS:
            self._families = [*self._own(), *self._of_bus(), *self._of_store()]
            self._read_at = now
        return self._families

    def _own(self) -> Iterator[Family]:
        yield _gauge(metrics.LEADER, 1 if self._leader.leading() else 0)
        build = GaugeMetricFamily(metrics.BUILD_INFO.name, metrics.BUILD_INFO.help, labels=metrics.BUILD_INFO.labels)
        build.add_metric((version("rota"), platform.python_version(), version("dramatiq")), 1)
        yield build

    def _of_bus(self) -> Iterator[Family]:
        try:
            figures, queues = self._bus.census.figures(), self._bus.census.queues()
        except RotaError as error:
            logger.warning("scrape.without_bus", extra={"error": str(error)})
            yield _gauge(metrics.BUS_UP, 0)
            return
        yield _gauge(metrics.BUS_UP, 1)
        yield from _queues(queues)
        yield from _bus(figures)

    def _of_store(self) -> Iterator[Family]:
        try:
            with self._store.reading() as conn:
                counts = runs.count_open(conn)
                by_datasource = index_figures.figures(conn, now=self._store.clock.now_ms()) | bin_figures.figures(conn)
        except RotaError as error:
            logger.warning("scrape.without_store", extra={"error": str(error)})
            yield _gauge(metrics.STORE_UP, 0)
            return
        yield _gauge(metrics.STORE_UP, 1)
        family = _labelled_gauge(metrics.OPEN_RUNS)
        for state, count in counts.items():
            family.add_metric((state.value,), count)
        yield family
        for metric, values in by_datasource.items():
            family = _labelled_gauge(metric)
            for datasource, value in values.items():
                family.add_metric((datasource,), value)
            yield family


def _queues(queues: Iterable[QueueFigures]) -> Iterator[Family]:
    depth, age = _labelled_gauge(metrics.QUEUE_MESSAGES), _labelled_gauge(metrics.QUEUE_OLDEST_AGE)
    for queue in queues:
        waiting = dict(queue.waiting)
        # Suspects are few and wait for minutes at most: they count where their level would have put most of them.
        waiting["normal"] = waiting.get("normal", 0) + waiting.pop("suspect", 0)
        for level, count in waiting.items():
            depth.add_metric((queue.name, level), count)
        age.add_metric((queue.name,), (queue.oldest_ms or 0) / 1000)
    yield depth
    yield age


def _bus(figures: BusFigures) -> Iterator[Family]:
    counted = figures.counters
    yield _gauge(metrics.SCHEDULE_LAG, figures.lag_ms / 1000)
    yield _gauge(metrics.LEADER_EPOCH, figures.epoch)
    yield _gauge(metrics.DEAD_LETTERS, figures.dead + figures.dead_events)
    yield _gauge(metrics.OUTCOMES_WAITING, figures.outcomes_waiting)
    yield _gauge(metrics.EVENTS_WAITING, figures.events_waiting)
    yield _gauge(metrics.EVENTS_OLDEST_AGE, (figures.events_oldest_ms or 0) / 1000)
    yield _gauge(metrics.WORKERS, figures.workers)
    # The first election is no failover.
    yield _counter(metrics.FAILOVERS, max(0, counted.get("elections", 0) - 1))
    yield _counter(metrics.LEASES_EXPIRED, counted.get("leases_expired", 0))
    yield _counter(metrics.OUTCOMES_REFUSED, counted.get("outcomes_refused", 0))
    for metric, names in ((metrics.TICKS, TICK_COUNTERS), (metrics.EVENTS, EVENT_COUNTERS)):
        family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
        for outcome, name in names.items():
            family.add_metric((outcome,), counted.get(name, 0))
        yield family


def _gauge(metric: Metric, value: float) -> Family:
    return GaugeMetricFamily(metric.name, metric.help, value=value)


def _labelled_gauge(metric: Metric) -> GaugeMetricFamily:
    return GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)


def _counter(metric: Metric, value: float) -> Family:
    return CounterMetricFamily(metric.name, metric.help, value=value)
