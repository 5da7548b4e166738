"""A terminated task is nobody's any more: its worker loses it at once, and it never comes again."""

from __future__ import annotations

import threading

import dramatiq
import pytest

from bus.broker import LeaseBroker
from bus.messages import body_of, header_of
from bus.settler import Item
from rota.errors import BusUnavailable
from tests.integration.bus.conftest import LosesReplies, fetch, left_over, make_task, outcome_of, settle
from tests.waiting import wait_until


def terminate(bus, *names):
    return bus.control.request("terminate", names)


def test_its_worker_loses_the_lease_at_once(bus):
    task = make_task()
    bus.sender.send([task])
    [(name, fence, *_)] = fetch(bus)

    assert terminate(bus, name) == {name: "running"}

    assert bus.scripts.run("confirm", [name, fence]) == 0
    assert bus.scripts.run("heartbeat", ["w1", 60_000, "", name, fence]) == [name.encode(), b""]
    assert settle(bus, Item(name, fence, "ack", outcome_of(task, fence))) == [name]
    assert bus.outcomes.waiting() == 0
    assert left_over(bus) == {}


@pytest.mark.parametrize("action", ["report", "again", "back", "dead"])
def test_nothing_that_its_worker_says_brings_it_back(bus, action):
    task = make_task()
    bus.sender.send([task])
    [(name, fence, *_)] = fetch(bus)
    terminate(bus, name)

    refused = settle(bus, Item(name, fence, action, outcome_of(task, fence), header_of(task), body_of(task), 0))

    assert refused == [name]
    assert fetch(bus) == []
    assert bus.dead.count() == 0
    assert left_over(bus) == {}


@pytest.mark.parametrize("state", ["waiting", "delayed", "handed back", "suspect"])
def test_it_is_dropped_wherever_it_waits_and_nothing_is_reported(bus, state):
    task, neighbour = make_task(), make_task()
    bus.sender.send([task], delays={task.task: 3_600_000 if state == "delayed" else 0})
    if state == "handed back":
        settle(bus, *(Item(name, fence, "back") for name, fence, *_ in fetch(bus)))
    elif state == "suspect":
        fetch(bus, worker="gone")
        bus.reaper.release_worker("gone")
    bus.sender.send([neighbour])

    assert terminate(bus, task.task) == {task.task: "waiting"}

    assert task.task not in bus.timetable
    taken = [row[0] for _ in range(2) for row in fetch(bus)]
    assert taken == [neighbour.task]
    assert bus.outcomes.waiting() == 0


def test_it_cannot_be_sent_again(bus):
    held, waiting, unknown = make_task(), make_task(), make_task()
    bus.sender.send([held])
    fetch(bus)
    bus.sender.send([waiting])

    answer = terminate(bus, held.task, waiting.task, unknown.task)

    assert answer == {held.task: "running", waiting.task: "waiting", unknown.task: "unknown"}
    assert bus.sender.send([held, waiting, unknown]) == 0
    assert bus.timetable.emit(bus.leadership.campaign("a").epoch, [], [held, waiting, unknown]) == 0
    assert bus.sender.known([held.task, waiting.task]) == set()
    assert fetch(bus) == []


def test_a_pause_or_cancel_that_was_asked_before_is_forgotten_with_it(bus):
    task = make_task()
    bus.sender.send([task])
    fetch(bus)
    bus.control.request("cancel", [task.task])

    terminate(bus, task.task)

    assert left_over(bus) == {}


def test_terminating_one_suspect_lets_the_next_one_run(bus):
    bus.sender.send([make_task(), make_task()])
    fetch(bus, worker="gone")
    bus.reaper.release_worker("gone")
    [(name, *_)] = fetch(bus)
    bus.client.delete(bus.keys.bell("default"))

    terminate(bus, name)

    assert bus.client.llen(bus.keys.bell("default")) == 1
    assert len(fetch(bus)) == 1


def test_terminating_twice_because_the_reply_was_lost_is_terminating_once(bus):
    held, waiting = make_task(), make_task()
    bus.sender.send([held])
    fetch(bus)
    bus.sender.send([waiting])
    LosesReplies(bus, {"control"})
    with pytest.raises(BusUnavailable):
        terminate(bus, held.task, waiting.task)

    assert terminate(bus, held.task, waiting.task) == {held.task: "unknown", waiting.task: "unknown"}

    assert fetch(bus) == []
    assert bus.outcomes.waiting() == 0


def listening(bus):
    """Whether a worker's control channel is open; what was published before is told by heartbeats only."""
    return bus.client.pubsub_numsub(bus.keys.control_channel)[0][1] == 1


def test_a_listener_that_is_closed_does_not_wait_for_a_message(bus, monkeypatch):
    monkeypatch.setattr("bus.control.LISTEN_SECONDS", 3_600.0)
    listener = bus.control.listen(lambda *_: None)
    wait_until(lambda: listening(bus))

    listener.close()
    listener.close()

    assert not listener._thread.is_alive()
    wait_until(lambda: not listening(bus))


class Bodies:
    """Ends a body as Rota's own middleware does: when it is asked to, or when its lease is gone."""

    def __init__(self, broker):
        self.stop = threading.Event()
        self.heard = []
        broker.listeners.asked.append(lambda kind, name: self._hear(kind, name))
        broker.listeners.lost.append(lambda name: self._hear("lost", name))
        broker.listeners.refused.append(lambda name: self.heard.append(("refused", name)))

    def _hear(self, kind, name):
        self.heard.append((kind, name))
        self.stop.set()


def test_the_body_hears_of_it_long_before_a_heartbeat_and_the_thread_takes_other_work(make_bus, run_worker):
    bus = make_bus(heartbeat_ms=60_000, lease_ms=180_000)
    broker = LeaseBroker(bus)
    bodies = Bodies(broker)
    began, seen = threading.Event(), []

    def hold():
        began.set()
        bodies.stop.wait(60)

    def note():
        seen.append(1)

    hold_actor = dramatiq.actor(hold, broker=broker, actor_name="hold")
    note_actor = dramatiq.actor(note, broker=broker, actor_name="note")
    message = hold_actor.send()
    run_worker(broker, threads=1)
    wait_until(lambda: began.is_set() and listening(bus))
    name = message.message_id
    assert broker.session().confirm(name)

    terminate(bus, name)

    assert not broker.session().confirm(name)
    wait_until(lambda: ("cancel", name) in bodies.heard, timeout=20)
    note_actor.send()
    wait_until(lambda: seen == [1])
    wait_until(lambda: ("refused", name) in bodies.heard)
    broker.enqueue(message)
    broker.join("default", timeout=60_000)
    assert left_over(bus) == {}


def test_a_task_that_was_fetched_ahead_is_not_held_any_more(make_bus):
    bus = make_bus(heartbeat_ms=60_000, lease_ms=180_000)
    broker = LeaseBroker(bus)
    task = make_task()
    session = broker.session(threads=1)
    bus.sender.send([task])
    session.reserve("default", 0.0)
    [(lease, _)] = session.fetch("default", 1)
    assert session.holds(task.task, lease.fence)

    wait_until(lambda: listening(bus))

    terminate(bus, task.task)

    wait_until(lambda: not session.holds(task.task, lease.fence), timeout=20)
    broker.close()
