"""Each script alone: what it does, and that doing it twice is doing it once."""

from __future__ import annotations

import pytest

from bus.lease import Action
from bus.messages import body_of, header_of
from bus.settler import Item, Settler
from rota.errors import BusUnavailable, NotFound, Refused, StaleEpoch
from tests.integration.bus.conftest import LosesReplies, fetch, left_over, make_task, outcome_of, settle, states
from tests.waiting import wait_until


def test_the_same_message_twice_is_one_message(bus):
    task = make_task()

    assert bus.sender.send([task]) == 1
    assert bus.sender.send([task, task]) == 0

    assert [row[0] for row in fetch(bus)] == [task.task]
    assert fetch(bus) == []


def test_a_task_that_is_settled_and_not_yet_recorded_is_not_sent_again(bus):
    task = make_task()
    bus.sender.send([task])
    [(name, fence, *_)] = fetch(bus)
    settle(bus, Item(name, fence, "ack", outcome_of(task, fence)))

    assert bus.sender.known([task.task]) == {task.task}
    assert bus.sender.send([task]) == 0

    [(entry, outcome)] = bus.outcomes.read(block_ms=1)
    bus.outcomes.done([entry], [(outcome.task, outcome.fence)])
    assert bus.sender.known([task.task]) == set()
    assert left_over(bus) == {}


def test_high_comes_before_normal_before_low(bus):
    low, normal, high = (make_task(priority=level) for level in ("low", "normal", "high"))
    bus.sender.send([low, normal, high])

    assert [row[0] for row in fetch(bus)] == [high.task, normal.task, low.task]


def test_fences_grow_also_after_redis_lost_everything(bus):
    bus.sender.send([make_task()])
    [(_, first, *_)] = fetch(bus)
    bus.client.flushall()
    bus.sender.send([make_task(), make_task()])

    fences = [row[1] for row in fetch(bus)]

    assert first < fences[0] < fences[1]


def test_an_outcome_under_an_old_fence_is_refused_and_counted(bus):
    task = make_task()
    bus.sender.send([task])
    [(name, fence, *_)] = fetch(bus, lease_ms=1)
    wait_until(lambda: bus.reaper.reap() == 1)
    [(_, second, *_)] = fetch(bus, worker="w2")

    assert settle(bus, Item(name, fence, "ack", outcome_of(task, fence))) == [name]
    assert settle(bus, Item(name, second, "ack", outcome_of(task, second)), worker="w2") == []

    assert states(bus) == [(task.task, "succeeded", None)]
    assert bus.census.figures().counters["outcomes_refused"] == 1


def test_a_batch_sent_again_under_its_number_changes_nothing_and_refuses_nothing(bus):
    task = make_task()
    bus.sender.send([task])
    [(name, fence, *_)] = fetch(bus)
    item = Item(name, fence, "ack", outcome_of(task, fence))

    assert settle(bus, item, batch=7) == []
    assert settle(bus, item, batch=7) == []

    assert len(states(bus)) == 1


def test_a_retry_waits_in_the_timetable_and_comes_back(bus):
    task = make_task()
    bus.sender.send([task])
    [(name, fence, *_)] = fetch(bus)
    again = make_task(task=task.task, run=task.run, attempt=2)
    item = Item(name, fence, Action.AGAIN, outcome_of(task, fence, "retrying"), header_of(again), body_of(again), 50)

    settle(bus, item)

    assert fetch(bus) == []
    assert task.task in bus.timetable
    wait_until(lambda: bus.reaper.reap() is not None and bus.census.queues()[0].waiting["normal"] == 1)
    [(name, _, _, _, body)] = fetch(bus)
    assert name == task.task
    assert b'"attempt":2' in body


def test_a_near_delay_never_waits_for_a_far_one(bus):
    far = [(f"far{n}", "p normal default - 0", b"{}", 3_600_000) for n in range(300)]
    bus.sender.put([*far, ("near", "p normal default - 0", b"{}", 20)])

    wait_until(lambda: bus.reaper.reap() is not None and [row[0] for row in fetch(bus)] == ["near"])


def test_a_handed_back_message_waits_in_front_with_its_checkpoint(bus):
    first, second = make_task(), make_task()
    bus.sender.send([first, second])
    [(name, fence, *_)] = fetch(bus, n=1)

    settle(bus, Item(name, fence, "report", b"", "checkpoint", b'{"at": 3}'), Item(name, fence, "back"))

    [(again, new_fence, _, checkpoint, _), _] = fetch(bus)
    assert (again, checkpoint) == (first.task, b'{"at": 3}')
    assert new_fence > fence


def test_what_a_heartbeat_names_is_kept_and_what_it_leaves_out_comes_back(bus):
    known, forgotten = make_task(), make_task()
    bus.sender.send([known, forgotten])
    rows = {row[0]: row[1] for row in fetch(bus, lease_ms=300)}
    bus.scripts.run("heartbeat", ["w1", 60_000, "{}", known.task, rows[known.task]])

    wait_until(lambda: bus.reaper.reap() == 1)

    assert [row[0] for row in fetch(bus, worker="w2")] == [forgotten.task]
    assert bus.client.hexists(bus.keys.held, known.task)
    assert bus.client.hlen(bus.keys.crashes) == 0, "the worker lives: the message is no suspect"


def test_a_heartbeat_says_which_leases_are_gone_and_what_is_asked(bus):
    gone, asked = make_task(), make_task()
    bus.sender.send([gone, asked])
    rows = {row[0]: row[1] for row in fetch(bus)}
    bus.scripts.run("release", ["w1", 1])
    lost = next(name for name in rows if bus.client.hexists(bus.keys.held, name) == 0)
    kept = next(name for name in rows if name != lost)
    bus.control.request("cancel", [kept])

    pairs = [value for name, fence in rows.items() for value in (name, fence)]
    answer = [word.decode() for word in bus.scripts.run("heartbeat", ["w1", 1000, "", *pairs])]

    assert answer == [lost, "", kept, "cancel"]


def test_a_message_that_killed_three_workers_is_set_aside_with_its_reason(bus):
    task, neighbour = make_task(), make_task()
    bus.sender.send([task, neighbour])

    # The first time nobody knows which one it was; from then on the suspect reports before it runs.
    fetch(bus, worker="w0")
    bus.reaper.release_worker("w0")
    deaths = 1
    while bus.dead.count() == 0:
        worker = f"w{deaths}"
        for name, fence, crashes, *_ in fetch(bus, worker=worker, n=1):
            assert crashes > 0
            if name == task.task:
                settle(bus, Item(name, fence, "report", b"", "started"), worker=worker)
                bus.reaper.release_worker(worker)
                deaths += 1
            else:
                settle(bus, Item(name, fence, "ack", outcome_of(neighbour, fence)), worker=worker)

    for name, fence, *_ in fetch(bus):
        settle(bus, Item(name, fence, "ack", outcome_of(neighbour, fence)))
    assert deaths == 3
    [letter] = bus.dead.list()
    assert (letter.id, letter.crashes, letter.run) == (task.task, 3, task.run)
    assert "died 3 times" in letter.reason
    ends = {name: (state, reason) for name, state, reason in states(bus)}
    assert ends[task.task][0] == "failed"
    assert ends[neighbour.task][0] == "succeeded"


def test_a_task_that_was_paused_and_sent_again_is_handed_out_once(bus):
    task = make_task()
    bus.sender.send([task])
    bus.control.request("pause", [task.task])
    [(entry, outcome)] = bus.outcomes.read(block_ms=1)
    bus.outcomes.done([entry], paused=[(outcome.task, outcome.fence)])
    bus.sender.send([task])

    assert [row[0] for row in fetch(bus)] == [task.task]


def test_a_task_that_has_ended_and_is_recorded_is_not_taken_again(bus):
    task = make_task()
    bus.sender.send([task])
    [(name, fence, *_)] = fetch(bus)
    settle(bus, Item(name, fence, "ack", outcome_of(task, fence)))
    bus.outcomes.done([entry for entry, _ in bus.outcomes.read(block_ms=1)], [(name, fence)])

    assert bus.sender.send([task]) == 0
    assert bus.timetable.emit(bus.leadership.campaign("a").epoch, [], [task]) == 0
    assert fetch(bus) == []


def test_a_pause_that_was_taken_back_does_not_reach_the_next_worker(bus):
    task = make_task()
    bus.sender.send([task])
    fetch(bus)
    bus.control.request("pause", [task.task])
    bus.reaper.release_worker("w1")
    bus.control.request("resume", [task.task])

    [(name, fence, *_)] = fetch(bus, worker="w2")

    answer = bus.scripts.run("heartbeat", ["w2", 1000, "", name, fence])
    assert [word.decode() for word in answer] == [""]


def test_nobody_is_taken_for_dead_when_nobody_could_be_heard(make_bus):
    bus = make_bus(lease_ms=200)
    task = make_task()
    bus.sender.send([task])
    bus.reaper.reap()
    [(name, fence, *_)] = fetch(bus, lease_ms=1)
    # Ten seconds ago somebody looked last: Redis was away meanwhile.
    bus.client.set(bus.keys.reaped, int(bus.client.get(bus.keys.reaped)) - 10_000)

    assert bus.reaper.reap() == 0
    bus.scripts.run("heartbeat", ["w1", 60_000, "", name, fence])
    wait_until(lambda: bus.reaper.reap() > 0 or not bus.client.exists(bus.keys.reprieve))
    assert bus.client.exists(bus.keys.leases)
    assert bus.client.hlen(bus.keys.crashes) == 0


def test_the_next_suspect_follows_as_soon_as_the_last_one_is_settled(bus):
    bus.sender.send([make_task(), make_task()])
    fetch(bus, worker="gone")
    bus.reaper.release_worker("gone")
    [(name, fence, *_)] = fetch(bus)
    bus.client.delete(bus.keys.bell("default"))

    settle(bus, Item(name, fence, "ack"))

    assert bus.client.llen(bus.keys.bell("default")) == 1


def test_a_suspect_runs_alone_among_suspects(bus):
    bus.sender.send([make_task(), make_task(), make_task()])
    fetch(bus, worker="gone")
    bus.reaper.release_worker("gone")

    assert len(fetch(bus, worker="w1")) == 1
    assert fetch(bus, worker="w1") == []
    assert len(fetch(bus, worker="w2")) == 1


def test_cancelling_a_waiting_task_ends_it_at_once(bus):
    task = make_task()
    bus.sender.send([task])

    assert bus.control.request("cancel", [task.task, "nobody"]) == {task.task: "waiting", "nobody": "unknown"}

    assert states(bus) == [(task.task, "cancelled", "cancelled before it started")]
    assert fetch(bus) == []


def test_cancelling_a_delayed_task_ends_it_at_once(bus):
    task = make_task()
    bus.sender.put([(task.task, header_of(task), body_of(task), 60_000)])

    bus.control.request("cancel", [task.task])

    assert states(bus) == [(task.task, "cancelled", "cancelled before it started")]
    assert bus.timetable.count() == 0


def test_a_cancel_survives_the_death_of_the_worker_it_was_meant_for(bus):
    task = make_task()
    bus.sender.send([task])
    fetch(bus)
    assert bus.control.request("cancel", [task.task]) == {task.task: "running"}

    bus.reaper.release_worker("w1")

    assert fetch(bus, worker="w2") == []
    assert states(bus) == [(task.task, "cancelled", "cancelled before it started")]


def test_a_dead_letter_can_be_redriven_or_discarded(bus):
    task, other = make_task(), make_task()
    bus.sender.send([task, other])
    for name, fence, *_ in fetch(bus):
        settle(bus, Item(name, fence, "dead", b"", "it smells", b"Smell"), worker="w1")

    assert {letter.reason for letter in bus.dead.list()} == {"it smells"}
    assert task.task.encode() in bus.dead.get(task.task).body
    bus.dead.redrive(task.task)
    bus.dead.discard(other.task)

    assert [row[0] for row in fetch(bus)] == [task.task]
    assert bus.dead.count() == 0
    with pytest.raises(NotFound):
        bus.dead.redrive(other.task)


def test_a_dead_letter_whose_bytes_name_no_queue_can_only_be_discarded(bus):
    bus.client.zadd(bus.keys.dead, {"odd": 1})
    bus.client.hset(bus.keys.dead_letters, "odd", b"0\nbroken\n\xff\xfe")

    with pytest.raises(Refused):
        bus.dead.redrive("odd")
    bus.dead.discard("odd")


def test_one_leads_and_the_epoch_grows_with_each_election(bus):
    first = bus.leadership.campaign("a")
    assert first.leads
    assert first.new
    assert not bus.leadership.campaign("b").leads
    assert bus.leadership.campaign("a").epoch == first.epoch

    assert not bus.leadership.resign("b")
    assert bus.leadership.resign("a")
    second = bus.leadership.campaign("b")

    assert second.leads
    assert second.epoch > first.epoch


def test_nothing_is_claimed_or_emitted_under_a_stale_epoch(bus):
    from bus.timetable import Advance, Tick

    old = bus.leadership.campaign("a").epoch
    bus.timetable.put_ticks([Tick(job="j", trigger="t", due=1)])
    [tick] = bus.timetable.claim(old).ticks
    bus.leadership.resign("a")
    new = bus.leadership.campaign("b").epoch

    with pytest.raises(StaleEpoch):
        bus.timetable.claim(old)
    with pytest.raises(StaleEpoch):
        bus.timetable.emit(old, [Advance(tick=tick, next_due=None)], [make_task()])

    assert fetch(bus) == []
    assert bus.timetable.claim(new).ticks == (tick,)
    assert bus.census.figures().counters["stale_emissions"] == 2


def test_a_tick_moves_on_once_however_often_it_is_emitted(bus):
    from bus.timetable import Advance, Tick

    epoch = bus.leadership.campaign("a").epoch
    bus.timetable.put_ticks([Tick(job="j", trigger="t", due=1000)])
    [tick] = bus.timetable.claim(epoch).ticks
    task = make_task()

    assert bus.timetable.emit(epoch, [Advance(tick=tick, next_due=9_999_999_999_999)], [task]) == 1
    assert bus.timetable.emit(epoch, [Advance(tick=tick, next_due=2000)], [task]) == 0

    claimed = bus.timetable.claim(epoch)
    assert claimed.ticks == ()
    assert claimed.next_due == 9_999_999_999_999
    assert [row[0] for row in fetch(bus)] == [task.task]


def test_more_due_entries_than_one_claim_may_take_are_claimed_at_once_again(bus):
    from bus.timetable import Tick

    epoch = bus.leadership.campaign("a").epoch
    bus.timetable.put_ticks([Tick(job=f"j{n}", trigger="t", due=n + 1) for n in range(7)])

    claimed = bus.timetable.claim(epoch, limit=5)

    assert len(claimed.ticks) == 5
    assert claimed.next_due == claimed.now


def test_what_a_recorder_left_unfinished_the_next_one_reads_first(make_bus):
    bus, other = make_bus(), make_bus()
    tasks = [make_task(), make_task()]
    bus.sender.send(tasks)
    for name, fence, *_ in fetch(bus):
        settle(bus, Item(name, fence, "ack", outcome_of(make_task(task=name), fence)), worker="w1")
    read = bus.outcomes.read(count=1, block_ms=1)
    assert len(read) == 1

    seen = [entry for entry, _ in other.outcomes.read(count=10, block_ms=1)]
    seen += [entry for entry, _ in other.outcomes.read(count=10, block_ms=1)]

    assert len(seen) == 2
    assert seen[0] == read[0][0]


@pytest.mark.parametrize("script", ["enqueue", "fetch", "settle", "heartbeat", "elect", "claim", "emit", "recorded"])
def test_a_lost_reply_neither_doubles_nor_strands(bus, script):
    """The whole way of a task, with the answer to one script lost on it."""
    from bus.timetable import Advance, Tick

    losing = LosesReplies(bus, {script})
    tick = Tick(job="j", trigger="t", due=1)

    def insist(call):
        try:
            return call()
        except BusUnavailable:
            return call()

    epoch = insist(lambda: bus.leadership.campaign("a")).epoch
    bus.timetable.put_ticks([tick])
    insist(lambda: bus.timetable.claim(epoch))
    task, other = make_task(), make_task()
    insist(lambda: bus.timetable.emit(epoch, [Advance(tick=tick, next_due=None)], [task]))
    bus.sender.send([other])

    rows = []
    insist(lambda: bus.scripts.run("heartbeat", ["w1", 60_000, "{}"]))
    try:
        rows = fetch(bus, lease_ms=300)
    except BusUnavailable:
        # The worker never learnt what it holds: it does not extend it, and it comes back.
        wait_until(lambda: bus.reaper.reap() is not None and rows.extend(fetch(bus)) is None and len(rows) == 2)
    settler = Settler(bus.scripts, "w1", refused=lambda name: pytest.fail(f"{name} was refused"))
    settler.start()
    for name, fence, *_ in rows:
        settler.put(Item(name, fence, "ack", outcome_of(make_task(task=name), fence)))
    assert settler.stop(timeout=5)

    read = bus.outcomes.read(block_ms=1)
    assert sorted(o.task for _, o in read) == sorted([task.task, other.task])
    insist(lambda: bus.outcomes.done([e for e, _ in read], [(o.task, o.fence) for _, o in read]))
    assert losing.lost == 1
    assert left_over(bus) == {}
    assert bus.timetable.count() == 0


#: The scripts whose lost reply the whole way of a task does not meet; each is asked twice here.
ASKED_TWICE = {
    "confirm": lambda bus, name, fence: bus.scripts.run("confirm", [name, fence]) == 1,
    "known": lambda bus, name, fence: bus.sender.known([name]) == {name},
    "control": lambda bus, name, fence: bus.control.request("cancel", [name]) == {name: "running"},
    "release": lambda bus, name, fence: bus.reaper.release_worker("w1") in {0, 1},
    "redrive": lambda bus, name, fence: settle(bus, Item(name, fence, "dead", b"", "bad", b"Bad")) == [],
    "resign": lambda bus, name, fence: bus.leadership.resign("a") in {True, False},
    "reap": lambda bus, name, fence: bus.reaper.reap() == 0,
    "presence": lambda bus, name, fence: bus.presence.join(name, 60_000),
}


@pytest.mark.parametrize("script", ASKED_TWICE)
def test_asking_twice_because_the_reply_was_lost_is_asking_once(bus, script):
    bus.leadership.campaign("a")
    task = make_task()
    bus.sender.send([task])
    [(name, fence, *_)] = fetch(bus)
    ask = ASKED_TWICE[script]
    if script == "redrive":
        assert ask(bus, name, fence)
        bus.outcomes.done([entry for entry, _ in bus.outcomes.read(block_ms=1)], [(name, fence)])
        losing = LosesReplies(bus, {script})
        with pytest.raises(BusUnavailable):
            bus.dead.redrive(name)
        with pytest.raises(NotFound):
            bus.dead.redrive(name)
        assert [row[0] for row in fetch(bus)] == [name]
        assert fetch(bus) == []
    else:
        losing = LosesReplies(bus, {script})
        with pytest.raises(BusUnavailable):
            ask(bus, name, fence)
        assert ask(bus, name, fence)
    assert losing.lost == 1
    if script == "release":
        assert [row[0] for row in fetch(bus, worker="w2")] == [name]
        assert fetch(bus, worker="w2") == []
    if script == "resign":
        assert bus.leadership.campaign("b").leads


def test_cancelling_a_waiting_task_twice_because_the_reply_was_lost_ends_it_once(bus):
    task = make_task()
    bus.sender.send([task])
    LosesReplies(bus, {"control"})
    with pytest.raises(BusUnavailable):
        bus.control.request("cancel", [task.task])

    assert bus.control.request("cancel", [task.task]) == {task.task: "unknown"}

    assert states(bus) == [(task.task, "cancelled", "cancelled before it started")]
    assert fetch(bus) == []


def test_no_script_is_without_a_test_that_loses_its_reply(bus):
    whole_way = {"enqueue", "fetch", "settle", "heartbeat", "elect", "claim", "emit", "recorded"}

    assert set(bus.scripts.names) == whole_way | set(ASKED_TWICE)
