"""Serves the metrics of all children of a supervisor on one address, for Prometheus."""

from __future__ import annotations

import logging
import platform
from collections.abc import Callable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from rota import metrics as names
from rota.metrics import MetricKind, Source
from workers.board import Sums
from workers.processes import installed_version
from workers.tallies import Cells

logger = logging.getLogger(__name__)


class Exposition:
    """An HTTP server in a thread; `address` is where it really listens."""

    def __init__(self, sums: Callable[[], Sums], *, host: str, port: int) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(WorkerCollector(sums))
        self._server, self._thread = self._listen(host, port)
        bound = self._server.server_port
        self.address = f"http://{f'[{host}]' if ':' in host else host}:{bound}/metrics"
        if port not in (0, bound):
            logger.warning("metrics.port_taken", extra={"wanted": port, "address": self.address})
        logger.info("metrics.served", extra={"address": self.address})

    def close(self) -> None:
        """Stop serving; safe to call twice."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=2)

    def _listen(self, host: str, port: int):  # type: ignore[no-untyped-def]  # noqa: ANN202 -- the library's own pair
        try:
            return start_http_server(port, addr=host, registry=self._registry)
        except OSError:
            if port == 0:
                raise
            # Another worker of this host serves there already: a free port and a line in the log need no planning.
            return start_http_server(0, addr=host, registry=self._registry)


class WorkerCollector(Collector):
    """Turns sums into what the Prometheus client writes out."""

    def __init__(self, sums: Callable[[], Sums]) -> None:
        self._sums = sums
        self._build = (installed_version("rota"), platform.python_version(), installed_version("dramatiq"))

    def describe(self) -> Iterator[Metric]:
        """Return nothing, so that registering asks for no figures yet."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Yield every metric of a worker, also those that nothing was counted for yet."""
        sums = self._sums()
        counted: dict[str, list[tuple[tuple[str, ...], Cells]]] = {}
        for name, labels, cells in sums.counted:
            counted.setdefault(name, []).append((labels, cells))
        for metric in names.ALL:
            if metric is names.BUILD_INFO:
                yield _gauge(metric, [(self._build, 1.0)])
            elif metric.source is not Source.WORKER:
                continue
            elif metric.kind is MetricKind.GAUGE:
                yield _gauge(metric, [((), sums.gauges.get(metric.name, 0.0))])
            elif metric.kind is MetricKind.COUNTER:
                yield _counter(metric, counted.get(metric.name, []))
            else:
                yield _histogram(metric, counted.get(metric.name, []))


def _gauge(metric: names.Metric, values: list[tuple[tuple[str, ...], float]]) -> Metric:
    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in values:
        family.add_metric(labels, value)
    return family


def _counter(metric: names.Metric, counted: list[tuple[tuple[str, ...], Cells]]) -> Metric:
    family = CounterMetricFamily(metric.name.removesuffix("_total"), metric.help, labels=metric.labels)
    for labels, cells in counted:
        family.add_metric(labels, cells[0])
    return family


def _histogram(metric: names.Metric, counted: list[tuple[tuple[str, ...], Cells]]) -> Metric:
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    bounds = [*(str(bound) for bound in metric.buckets), "+Inf"]
    for labels, cells in counted:
        buckets = list(zip(bounds, accumulate(cells[:-1]), strict=True))
        family.add_metric(labels, buckets, sum_value=cells[-1])
    return family
