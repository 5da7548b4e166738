"""Every metric that Rota exports: name, kind, labels and help, in one table.

Exporters, alert rules and the board take the names from here, so that they cannot drift apart. Base units
only; the values of a label come from a closed set (states, levels) or from what the operator declared
(queues, actors, datasources): never run ids, paths or people.

Metrics of the fleet are read from Redis and the store when a scheduler is scraped. Each scheduler exports
the same figures, standby or not: aggregate them with `max`, never with `sum`. Metrics of workers are
counted where the work is done: aggregate those with `sum`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class MetricKind(StrEnum):
    """What Prometheus may do with a metric."""

    COUNTER = "counter"  # only grows; rates are taken from it
    GAUGE = "gauge"  # a figure of this moment
    HISTOGRAM = "histogram"  # durations, counted by bucket


class Source(StrEnum):
    """The process that exports a metric."""

    SCHEDULER = "scheduler"  # each scheduler: the figures of the whole fleet, or its own leadership
    WORKER = "worker"  # each worker: the sums over its child processes
    EVERY = "every"  # each process of Rota


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric; `values` gives the closed set of a label where there is one.

    `buckets` are upper bounds in seconds and belong to histograms only.
    """

    name: str
    kind: MetricKind
    source: Source
    help: str
    labels: tuple[str, ...] = ()
    values: tuple[tuple[str, tuple[str, ...]], ...] = ()
    buckets: tuple[float, ...] = ()

    def samples(self) -> Iterator[str]:
        """Yield the names of the time series that Prometheus stores for it."""
        if self.kind is not MetricKind.HISTOGRAM:
            yield self.name
            return
        for suffix in ("_bucket", "_sum", "_count"):
            yield self.name + suffix


LEVELS = ("high", "normal", "low")
# States as in rota.states; a test compares them.
OPEN_STATES = ("waiting", "queued", "running", "retrying", "paused")
ATTEMPT_ENDS = ("succeeded", "failed", "cancelled", "retrying", "paused", "queued")  # queued: handed back
TICK_OUTCOMES = ("run", "skipped", "repeated")  # repeated: decided before, found in the store again
EVENT_OUTCOMES = ("matched", "ignored", "repeated", "refused")
EXIT_REASONS = ("crashed", "tasks", "memory")  # why a child was replaced: died, did its count, grew too big

# No-ops take a millisecond, a first sync of a large tree hours.
_TASK_BUCKETS = (0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0)
# Idle systems start within milliseconds; minutes mean too few workers.
_WAIT_BUCKETS = (0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0)

# Fleet: read when scraped.
BUS_UP = Metric(
    name="rota_bus_up",
    kind=MetricKind.GAUGE,
    source=Source.SCHEDULER,
    help="1 when Redis answered this scrape, else 0.",
)
STORE_UP = Metric(
    name="rota_store_up",
    kind=MetricKind.GAUGE,
    source=Source.SCHEDULER,
    help="1 when the database answered this scrape, else 0.",
)
QUEUE_MESSAGES = Metric(
    name="rota_queue_messages",
    kind=MetricKind.GAUGE,
    source=Source.SCHEDULER,
    labels=("queue", "level"),
    values=(("level", LEVELS),),
    help="Messages that wait for a worker.",
)
QUEUE_OLDEST_AGE = Metric(
    name="rota_queue_oldest_age_seconds",
    kind=MetricKind.GAUGE,
    source=Source.SCHEDULER,
    labels=("queue",),
    help="How long the oldest waiting message has waited; 0 when none waits.",
)
OPEN_RUNS = Metric(
    name="rota_open_runs",
    kind=MetricKind.GAUGE,
    source=Source.SCHEDULER,
    labels=("state",),
    values=(("state", OPEN_STATES),),
    help="Runs that have not ended.",
)
SCHEDULE_LAG = Metric(
    name="rota_schedule_lag_seconds",
    kind=MetricKind.GAUGE,
    source=Source.SCHEDULER,
    help="How long the oldest due entry of the timetable is overdue; 0 when none is.",
)
TICKS = Metric(
    name="rota_ticks_total",
    kind=MetricKind.COUNTER,
    source=Source.SCHEDULER,
    labels=("outcome",),
    values=(("outcome", TICK_OUTCOMES),),
    help="Ticks decided, by what they became.",
)
EVENTS = Metric(
    name="rota_events_total",
    kind=MetricKind.COUNTER,
    source=Source.SCHEDULER,
    labels=("outcome",),
    values=(("outcome", EVENT_OUTCOMES),),
    help="Events read, by what they became.",
)
LEADER = Metric(
    name="rota_leader",
    kind=MetricKind.GAUGE,
    source=Source.SCHEDULER,
    help="1 while the scraped scheduler leads, else 0.",
)
LEADER_EPOCH = Metric(
    name="rota_leader_epoch",
    kind=MetricKind.GAUGE,
    source=Source.SCHEDULER,
    help="Number of the present term; grows with each election.",
)
FAILOVERS = Metric(
    name="rota_failovers_total",
    kind=MetricKind.COUNTER,
    source=Source.SCHEDULER,
    help="Elections that another scheduler won than the one before.",
)
LEASES_EXPIRED = Metric(
    name="rota_leases_expired_total",
    kind=MetricKind.COUNTER,
    source=Source.SCHEDULER,
    help="Leases taken back because their worker did not extend them.",
)
DEAD_LETTERS = Metric(
    name="rota_dead_letters",
    kind=MetricKind.GAUGE,
    source=Source.SCHEDULER,
    help="Messages and events set aside with a reason.",
)
OUTCOMES_REFUSED = Metric(
    name="rota_outcomes_refused_total",
    kind=MetricKind.COUNTER,
    source=Source.SCHEDULER,
    help="Reports refused because their worker no longer owned the task.",
)
OUTCOMES_WAITING = Metric(
    name="rota_outcomes_waiting",
    kind=MetricKind.GAUGE,
    source=Source.SCHEDULER,
    help="Reports of workers not yet recorded in the store.",
)
EVENTS_WAITING = Metric(
    name="rota_events_waiting",
    kind=MetricKind.GAUGE,
    source=Source.SCHEDULER,
    help="Published events not yet matched.",
)
EVENTS_OLDEST_AGE = Metric(
    name="rota_events_oldest_age_seconds",
    kind=MetricKind.GAUGE,
    source=Source.SCHEDULER,
    help="How long the oldest published event has waited to be matched; 0 when none waits.",
)
WORKERS = Metric(
    name="rota_workers",
    kind=MetricKind.GAUGE,
    source=Source.SCHEDULER,
    help="Worker processes with a fresh heartbeat.",
)

# The indexes of the datasources that are switched on and searched; what is deleted or left out has no series.
INDEX_DOCUMENTS = Metric(
    name="rota_index_documents",
    kind=MetricKind.GAUGE,
    source=Source.SCHEDULER,
    labels=("datasource",),
    help="Entries in the index that is searched, after the last run that wrote to it.",
)
INDEX_BYTES = Metric(
    name="rota_index_bytes",
    kind=MetricKind.GAUGE,
    source=Source.SCHEDULER,
    labels=("datasource",),
    help="Size of that index, nearly.",
)
INDEX_UNREAD = Metric(
    name="rota_index_unread",
    kind=MetricKind.GAUGE,
    source=Source.SCHEDULER,
    labels=("datasource",),
    help="Files that are found by name only, because they gave no text.",
)
INDEX_STALE_FOLDERS = Metric(
    name="rota_index_stale_folders",
    kind=MetricKind.GAUGE,
    source=Source.SCHEDULER,
    labels=("datasource",),
    help="Folders that changed in the catalog and are not yet indexed.",
)
INDEX_LAG = Metric(
    name="rota_index_lag_seconds",
    kind=MetricKind.GAUGE,
    source=Source.SCHEDULER,
    labels=("datasource",),
    help="How long the oldest change of the catalog has waited to be indexed; 0 when none waits.",
)
INDEX_DIFFERENCES = Metric(
    name="rota_index_differences",
    kind=MetricKind.GAUGE,
    source=Source.SCHEDULER,
    labels=("datasource",),
    help="Documents by which the index differed from the catalog at the last check, which repaired them.",
)

BIN_ITEMS = Metric(
    name="rota_bin_items",
    kind=MetricKind.GAUGE,
    source=Source.SCHEDULER,
    labels=("datasource",),
    help="Items in the recycle bin.",
)
BIN_BYTES = Metric(
    name="rota_bin_bytes",
    kind=MetricKind.GAUGE,
    source=Source.SCHEDULER,
    labels=("datasource",),
    help="Bytes of all files in the recycle bin.",
)
BIN_DOUBT = Metric(
    name="rota_bin_doubt",
    kind=MetricKind.GAUGE,
    source=Source.SCHEDULER,
    labels=("datasource",),
    help="Items that the last purge held back until somebody confirms it.",
)

# Workers: counted where the work is done.
TASKS = Metric(
    name="rota_tasks_total",
    kind=MetricKind.COUNTER,
    source=Source.WORKER,
    labels=("actor", "state"),
    values=(("state", ATTEMPT_ENDS),),
    help="Attempts ended, by the state they left the task in.",
)
TASK_SECONDS = Metric(
    name="rota_task_seconds",
    kind=MetricKind.HISTOGRAM,
    source=Source.WORKER,
    labels=("actor",),
    buckets=_TASK_BUCKETS,
    help="How long an attempt took.",
)
QUEUE_WAIT_SECONDS = Metric(
    name="rota_queue_wait_seconds",
    kind=MetricKind.HISTOGRAM,
    source=Source.WORKER,
    labels=("queue",),
    buckets=_WAIT_BUCKETS,
    help="How long a message waited from its sending to the start of its attempt.",
)
BUSY_THREADS = Metric(
    name="rota_busy_threads",
    kind=MetricKind.GAUGE,
    source=Source.WORKER,
    help="Worker threads that run an actor.",
)
THREADS = Metric(
    name="rota_threads",
    kind=MetricKind.GAUGE,
    source=Source.WORKER,
    help="Worker threads there are.",
)
RESIDENT_MEMORY = Metric(
    name="rota_resident_memory_bytes",
    kind=MetricKind.GAUGE,
    source=Source.WORKER,
    help="Resident memory of the supervisor and its children.",
)
CHILD_EXITS = Metric(
    name="rota_child_exits_total",
    kind=MetricKind.COUNTER,
    source=Source.WORKER,
    labels=("reason",),
    values=(("reason", EXIT_REASONS),),
    help="Child processes replaced.",
)

# Exported by every process.
BUILD_INFO = Metric(
    name="rota_build_info",
    kind=MetricKind.GAUGE,
    source=Source.EVERY,
    labels=("version", "python", "dramatiq"),
    help="Always 1; the labels tell what runs.",
)

ALL: tuple[Metric, ...] = (
    BUS_UP,
    STORE_UP,
    QUEUE_MESSAGES,
    QUEUE_OLDEST_AGE,
    OPEN_RUNS,
    SCHEDULE_LAG,
    TICKS,
    EVENTS,
    LEADER,
    LEADER_EPOCH,
    FAILOVERS,
    LEASES_EXPIRED,
    DEAD_LETTERS,
    OUTCOMES_REFUSED,
    OUTCOMES_WAITING,
    EVENTS_WAITING,
    EVENTS_OLDEST_AGE,
    WORKERS,
    INDEX_DOCUMENTS,
    INDEX_BYTES,
    INDEX_UNREAD,
    INDEX_STALE_FOLDERS,
    INDEX_LAG,
    INDEX_DIFFERENCES,
    BIN_ITEMS,
    BIN_BYTES,
    BIN_DOUBT,
    TASKS,
    TASK_SECONDS,
    QUEUE_WAIT_SECONDS,
    BUSY_THREADS,
    THREADS,
    RESIDENT_MEMORY,
    CHILD_EXITS,
    BUILD_INFO,
)


def sample_names() -> frozenset[str]:
    """Return the name of every time series there can be: what a rule or a panel may ask for."""
    return frozenset(name for metric in ALL for name in metric.samples())
