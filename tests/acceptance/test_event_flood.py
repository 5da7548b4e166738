"""Promise 3 under load: a flood of events, and the scheduler that matches them killed again and again."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psutil
import pytest

from rota.events import Event
from tests.acceptance.cluster import Cluster
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(500)
EVENTS = 6_000
REPEATED = 600
KINDS = 10
USERS = [f"user-{n}" for n in range(20)]
KILLS = 3
THROTTLED_TO = 3
MOST_EVENTS = 40
#: Measured are about 110 MB; without bounds the whole stream and its runs would be held.
MOST_BYTES = 220 * 1024 * 1024


def definitions() -> Iterator[dict[str, Any]]:
    """A hundred jobs: filters in CEL, windows, throttles, and conditions that cannot be evaluated."""
    for n in range(100):
        kind = n % KINDS
        if n < 40:
            name = f"filter-{n}"
            trigger: dict[str, Any] = {"event": f"kind-{kind}.*", "where": f"event.data.size % 20 == {n % 20}"}
        elif n < 70:
            name = f"window-{n}"
            debounce = {"quiet": "PT0.5S", "max_wait": "PT2S", "max_events": MOST_EVENTS, "key": "event.data.user"}
            trigger = {"event": f"kind-{kind}.*", "debounce": debounce}
        elif n < 95:
            name = f"throttle-{n}"
            throttle = {"limit": THROTTLED_TO, "period": "PT1H", "key": "event.data.user"}
            trigger = {"event": f"*-{kind}.done", "throttle": throttle}
        else:
            name = f"broken-{n}"
            trigger = {"event": f"kind-{kind}.*", "where": "event.data.nothing > 1"}
        yield {"name": name, "triggers": [trigger], "steps": [{"id": "only", "actor": "ledger"}]}


def flood() -> list[Event]:
    """Events in no order, of which some come twice, and all an hour late."""
    dice = random.Random(7)
    events = [
        Event(
            id=f"{n}",
            source="/flood",
            type=f"kind-{n % KINDS}.{dice.choice(('done', 'begun'))}",
            time=1_700_000_000_000 - 3_600_000,
            data={"size": dice.randrange(1000), "user": dice.choice(USERS)},
        )
        for n in range(EVENTS)
    ]
    events += dice.sample(events, REPEATED)
    dice.shuffle(events)
    return events


def heard_by(job: str, trigger: dict[str, Any], event: Event) -> bool:
    kind = f"kind-{int(job.split('-')[1]) % KINDS}."
    if not event.type.startswith(kind):
        return False
    if job.startswith("filter"):
        return int(event.data["size"]) % 20 == int(trigger["where"].rpartition(" ")[2])
    return job.startswith("window") or (job.startswith("throttle") and event.type.endswith(".done"))


def rows(cluster: Cluster, query: str) -> list[Any]:
    with cluster.store.reading() as conn:
        return list(conn.exec_driver_sql(query))


def test_flood_of_events_loses_and_doubles_none_while_the_matcher_is_killed(cluster: Cluster) -> None:
    triggers = {}
    for definition in definitions():
        cluster.define(**definition)
        triggers[definition["name"]] = definition["triggers"][0]
    events = flood()
    for at in range(0, len(events), 500):
        cluster.bus.events.publish(events[at : at + 500])
    # A scheduler may have matched some of them by the time of the next look.
    assert cluster.bus.census.figures().events_waiting >= len(events)
    for name in ("s1", "s2"):
        cluster.start("scheduler", name)

    seen = _kill_the_leader_in_between(cluster, len(events))

    assert len(set(seen.lags)) > KILLS
    assert seen.oldest_ms > 0
    assert seen.most_bytes < MOST_BYTES, f"{seen.most_bytes / 1e6:.0f} MB"
    _check_runs(cluster, triggers, {event.id: event for event in events})


class _Seen:
    def __init__(self) -> None:
        self.lags: list[int] = []
        self.oldest_ms = 0
        self.most_bytes = 0


def _kill_the_leader_in_between(cluster: Cluster, published: int) -> _Seen:
    """Let the flood run off, kill the leader each time a quarter of it is done, and look at the lag and the memory."""
    seen = _Seen()
    killed = 0

    def done() -> bool:
        nonlocal killed
        figures = cluster.bus.census.figures()
        seen.lags.append(figures.events_waiting)
        seen.oldest_ms = max(seen.oldest_ms, figures.events_oldest_ms or 0)
        for process in cluster.processes.values():
            with suppress(psutil.Error):
                seen.most_bytes = max(seen.most_bytes, psutil.Process(process.pid).memory_info().rss)
        leading = cluster.name_of(figures.leader)
        if killed < KILLS and leading and figures.events_waiting < published * (KILLS - killed) / (KILLS + 1):
            cluster.kill(leading)
            cluster.start("scheduler", leading)
            killed += 1
        return figures.events_waiting == 0 and not rows(cluster, "SELECT id FROM windows LIMIT 1")

    wait_until(done, timeout=240, what="all events matched and all windows fired")
    assert killed == KILLS
    return seen


def _check_runs(cluster: Cluster, triggers: dict[str, dict[str, Any]], events: dict[str, Event]) -> None:
    assert len(rows(cluster, "SELECT seq FROM events WHERE source = '/flood'")) == EVENTS
    started: dict[str, list[str]] = defaultdict(list)
    for job, event in rows(cluster, "SELECT job, json_extract(cause, '$.event.id') FROM runs"):
        if not job.startswith("window"):
            started[job].append(event)
    gathered = "SELECT job, event_id FROM gathered JOIN runs ON runs.id = run JOIN events ON seq = event"
    for job, event in rows(cluster, gathered):
        started[job].append(event)
    most = rows(cluster, "SELECT max(n) + 1, count(DISTINCT run) FROM gathered")[0]
    assert most[0] <= MOST_EVENTS
    assert most[1] == rows(cluster, "SELECT count(*) FROM runs WHERE job LIKE 'window%'")[0][0]
    for job, trigger in triggers.items():
        expected = {event.id for event in events.values() if heard_by(job, trigger, event)}
        if job.startswith("throttle"):
            by_user = Counter(events[each].data["user"] for each in started[job])
            wanted = Counter(events[each].data["user"] for each in expected)
            assert by_user == {user: min(count, THROTTLED_TO) for user, count in wanted.items()}, job
            assert len(set(started[job])) == len(started[job])
        else:
            assert sorted(started[job]) == sorted(expected), job
    reasons = rows(cluster, "SELECT count(*) FROM events WHERE matched LIKE '%throttled: %'")[0][0]
    assert reasons > 0
