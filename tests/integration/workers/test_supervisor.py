"""A supervisor and its children: killed, poisoned, recycled, stopped, scraped."""

from __future__ import annotations

import os
import signal
import urllib.request

import psutil
from prometheus_client.parser import text_string_to_metric_families

from rota.messages import RetryPolicy
from tests.integration.workers.conftest import make_task
from tests.processes import is_running
from tests.waiting import wait_until


def scrape(address: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    with urllib.request.urlopen(address, timeout=30) as answer:
        text = answer.read().decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_killed_child_is_replaced_and_its_task_runs_again_at_once(bus, hearing, start_worker, tmp_path):
    worker = start_worker(lease_seconds=300, heartbeat_seconds=1)
    worker.wait_ready()
    trace = tmp_path / "trace"
    task = make_task("test.count", params={"steps": 1000, "seconds": 0.05, "trace": str(trace)})
    bus.sender.send([task])
    begun = hearing.start(task)
    [child] = worker.children().values()

    os.kill(child, signal.SIGKILL)
    wait_until(lambda: len(trace.read_text().splitlines()) == 2, timeout=60, what="another attempt before the lease")

    assert worker.process.poll() is None
    wait_until(lambda: any(one.kind == "started" and one.fence > begun.fence for one in hearing.of(task)), timeout=60)
    assert hearing.states(task) == ["queued"], "the attempt that was lost is told"


def test_a_task_that_kills_its_worker_is_set_aside_and_its_neighbours_run(bus, hearing, start_worker, tmp_path):
    start_worker(processes=2).wait_ready(2)
    trace = tmp_path / "trace"
    poison = make_task("test.poison", params={"trace": str(trace)}, retries=RetryPolicy(max=5))
    neighbours = [make_task("test.count", params={"steps": 20, "seconds": 0.02}) for _ in range(20)]

    bus.sender.send([*neighbours[:10], poison, *neighbours[10:]])

    end = hearing.end(poison, "failed", timeout=60)
    for neighbour in neighbours:
        hearing.end(neighbour, "succeeded", timeout=60)
    assert end.error.type == "WorkerLost"
    # The first death is only a suspicion: the body may not have been reported as started.
    assert 3 <= len(trace.read_text().splitlines()) <= 4
    assert [letter.id for letter in bus.dead.list()] == [poison.task]


def test_a_stopping_worker_hands_its_task_back_and_another_continues(bus, hearing, start_worker, tmp_path):
    first = start_worker()
    first.wait_ready()
    task = make_task("test.count", params={"steps": 2000, "seconds": 0.05, "until": str(tmp_path / "gate")})
    bus.sender.send([task])
    wait_until(lambda: any(outcome.checkpoint for outcome in hearing.of(task)), timeout=60)
    second = start_worker()
    second.wait_ready()

    assert first.stop() == 0
    (tmp_path / "gate").touch()
    end = hearing.end(task, "succeeded")

    assert hearing.states(task) == ["queued", "succeeded"]
    assert end.attempt == 1, "handing back is no failed attempt"
    assert end.result["started_from"] > 0
    assert bus.census.figures().counters.get("leases_expired", 0) == 0
    assert second.stop() == 0


def test_a_stopping_worker_lets_short_tasks_finish(bus, hearing, start_worker):
    worker = start_worker(grace_seconds=4)
    worker.wait_ready()
    task = make_task("test.count", params={"steps": 3, "seconds": 0.1})
    bus.sender.send([task])
    hearing.start(task)

    assert worker.stop() == 0

    hearing.end(task, "succeeded")
    assert hearing.states(task) == ["succeeded"]


def test_a_stopping_worker_interrupts_who_does_not_listen(bus, hearing, start_worker):
    worker = start_worker(grace_seconds=1)
    worker.wait_ready()
    deaf, stuck = make_task("test.deaf"), make_task("test.stuck", "isolated")
    bus.sender.send([deaf, stuck])
    hearing.start(deaf)
    hearing.start(stuck)

    assert worker.stop() == 0

    hearing.end(deaf, "queued")
    hearing.end(stuck, "queued")
    assert bus.census.figures().leased == 0
    assert {one.name: one.waiting["normal"] for one in bus.census.queues()} == {"test": 1, "isolated": 1}


def test_a_stop_that_is_sent_to_every_process_leaves_the_grace(bus, hearing, start_worker, tmp_path):
    """As systemd does it: each process of the unit gets the signal, isolated bodies too."""
    worker = start_worker(grace_seconds=6)
    worker.wait_ready()
    tasks = [
        make_task(*actor, params={"steps": 3, "seconds": 0.15})
        for actor in (("test.count",), ("test.isolated", "isolated"))
    ]
    bus.sender.send(tasks)
    for task in tasks:
        # Told to have started is not yet begun: the process of the isolated one comes first.
        wait_until(lambda task=task: hearing.progress(task), timeout=60)

    supervisor = psutil.Process(worker.process.pid)
    for process in [*supervisor.children(recursive=True), supervisor]:
        process.terminate()

    assert worker.process.wait(60) == 0
    for task in tasks:
        hearing.end(task, "succeeded")
        assert hearing.states(task) == ["succeeded"]


def test_a_second_signal_ends_the_patience(bus, hearing, start_worker):
    worker = start_worker(grace_seconds=60)
    worker.wait_ready()
    task = make_task("test.deaf")
    bus.sender.send([task])
    hearing.start(task)

    worker.process.terminate()
    wait_until(lambda: worker.events("child.stopping"), timeout=60)
    assert worker.stop() == 0

    hearing.end(task, "queued")


def test_a_frozen_child_is_killed_when_its_time_is_over(start_worker):
    worker = start_worker(grace_seconds=0)
    worker.wait_ready()
    [child] = worker.children().values()
    os.kill(child, signal.SIGSTOP)

    assert worker.stop() == 1

    assert not psutil.pid_exists(child)


def test_a_stopping_worker_gives_back_what_is_stuck(bus, hearing, start_worker):
    worker = start_worker(grace_seconds=1)
    worker.wait_ready()
    task = make_task("test.asleep")
    bus.sender.send([task])
    hearing.start(task)

    assert worker.stop() == 0

    hearing.end(task, "queued")
    assert bus.client.hlen(bus.keys.crashes) == 0, "it is no suspect"


def test_what_was_fetched_and_not_started_goes_back(bus, hearing, start_worker):
    worker = start_worker(threads=1)
    worker.wait_ready()
    tasks = [make_task("test.nothing") for _ in range(200)]
    bus.sender.send(tasks)
    for task in tasks:
        hearing.end(task, "succeeded")
    # By now it takes hold of many short tasks at once.
    later = [make_task("test.count", params={"steps": 40, "seconds": 0.05}) for _ in range(30)]
    bus.sender.send(later)
    hearing.start(later[0])

    assert worker.stop() == 0

    assert bus.census.figures().leased == 0
    # What ended in the last moment may not have been heard yet.
    wait_until(
        lambda: (
            bus.client.hlen(bus.keys.messages)
            == sum(not hearing.states(task) or hearing.states(task) == ["queued"] for task in later)
        ),
        timeout=30,
    )


def test_children_die_with_their_supervisor(start_worker):
    worker = start_worker(processes=2)
    worker.wait_ready(2)
    children = [psutil.Process(pid) for pid in worker.children().values()]

    worker.process.kill()
    worker.process.wait()

    wait_until(lambda: not any(map(is_running, children)), timeout=30)


def test_a_child_is_recycled_after_its_tasks(bus, hearing, start_worker):
    worker = start_worker(child_max_tasks=20)
    worker.wait_ready()
    tasks = [make_task("test.nothing") for _ in range(50)]

    bus.sender.send(tasks)

    for task in tasks:
        assert hearing.end(task, "succeeded")
    wait_until(lambda: len(worker.events("child.ended")) >= 1, timeout=60)
    assert {line["reason"] for line in worker.events("child.ended")} == {"tasks"}
    assert all(hearing.states(task) == ["succeeded"] for task in tasks)


def test_a_child_is_recycled_when_it_has_grown(bus, hearing, start_worker):
    worker = start_worker(child_max_bytes=1_000_000)
    worker.wait_ready()
    task = make_task("test.nothing")

    bus.sender.send([task])

    hearing.end(task, "succeeded")
    wait_until(lambda: worker.events("child.ended"), timeout=60)
    assert worker.events("child.ended")[0]["reason"] == "memory"
    worker.wait_ready(2)


def test_the_supervisor_stays_small(start_worker):
    worker = start_worker()
    worker.wait_ready()

    assert psutil.Process(worker.process.pid).memory_info().rss < 25_000_000


def test_metrics_survive_a_killed_child(bus, hearing, start_worker):
    worker = start_worker(metrics_port=0)
    worker.wait_ready()
    tasks = [make_task("test.nothing") for _ in range(30)]
    bus.sender.send(tasks)
    for task in tasks:
        hearing.end(task, "succeeded")
    [served] = worker.events("metrics.served")
    address = served["address"]
    done = ("rota_tasks_total", (("actor", "test.nothing"), ("state", "succeeded")))
    wait_until(lambda: scrape(address).get(done) == 30, timeout=30)
    [child] = worker.children().values()

    os.kill(child, signal.SIGKILL)
    worker.wait_ready(2)

    after = scrape(address)
    assert after[done] == 30
    assert after["rota_child_exits_total", (("reason", "crashed"),)] == 1
    wait_until(lambda: scrape(address)["rota_threads", ()] == 4, timeout=30, what="one child's threads")
    assert after["rota_task_seconds_count", (("actor", "test.nothing"),)] == 30
    assert after["rota_queue_wait_seconds_bucket", (("le", "+Inf"), ("queue", "test"))] == 30
    assert scrape(address)["rota_resident_memory_bytes", ()] > 20_000_000
    [about] = [one.about for one in bus.census.workers() if one.about.get("pid") in worker.children().values()]
    assert about["metrics"] == address


def test_two_workers_with_one_metrics_port_serve_on_two(start_worker):
    first = start_worker(metrics_port=0)
    first.wait_ready()
    port = first.events("metrics.served")[0]["address"].rsplit(":", 1)[1].split("/")[0]

    second = start_worker(metrics_port=port)
    second.wait_ready()

    assert second.events("metrics.port_taken")
    assert ("rota_threads", ()) in scrape(second.events("metrics.served")[0]["address"])
