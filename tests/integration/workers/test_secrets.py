"""What a person typed reaches the body of its run, and nobody else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import pytest

from bus.connection import Bus
from rota.messages import TaskMessage
from rota.sealing import KEPT_SECONDS, Sealed, keyless, seal
from store.engine import Store
from store.queries import runs
from tests.factories import make_run
from tests.integration.workers.conftest import Hearing, WorkerProcess, make_task

SECRET = "correct horse battery staple"
DIGEST = hashlib.sha256(SECRET.encode()).hexdigest()
ACTORS = {"test.secret": "test", "test.isolated-secret": "isolated"}


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    store = Store(sqlite_url)
    yield store
    store.close()


def typed(store: Store, bus: Bus, actor: str, *, sealed: Sealed | None = None, kept: bool = True) -> TaskMessage:
    """The message of a run for which a secret was typed, as it is admitted and sent."""
    sealed = sealed or seal(SECRET)
    run = make_run(params={"password": sealed.reference})
    with store.writing() as conn:
        runs.insert_admitted(conn, [run], [])
    if kept:
        bus.seals.keep(sealed.id, sealed.ciphertext, seconds=KEPT_SECONDS)
    return make_task(actor, ACTORS[actor], run=run.id, params=dict(keyless(run.params)))


def test_what_was_typed_reaches_the_body_and_no_message_tells_it(
    store: Store,
    bus: Bus,
    hearing: Hearing,
    start_worker: Callable[..., WorkerProcess],
    sqlite_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ZIP_PASSWORD", SECRET)
    worker = start_worker(database_url=sqlite_url)
    worker.wait_ready()
    tasks = [typed(store, bus, actor) for actor in ACTORS]
    tasks.append(make_task("test.isolated-secret", "isolated", params={"password": "env:ZIP_PASSWORD"}))
    gone = typed(store, bus, "test.isolated-secret", kept=False)
    foreign = make_task("test.secret", params={"password": tasks[0].params["password"]}, run=tasks[1].run)
    plain = make_task("test.isolated-secret", "isolated", params={"password": SECRET})

    bus.sender.send([*tasks, gone, foreign, plain])

    assert [hearing.end(task, "succeeded", timeout=60).result for task in tasks] == [{"digest": DIGEST}] * 3
    for task, said in (
        (gone, "7 days is all it is kept"),
        (foreign, "not typed for this run"),
        (plain, "must refer to a secret"),
    ):
        error = hearing.end(task, "failed", timeout=60).error
        assert error is not None
        assert said in error.message
    told = worker.log.read_text() + "".join(map(str, hearing.outcomes))
    assert SECRET not in told
    assert all(len(str(task.params["password"])) == len(f"sealed:{'x' * 36}") for task in tasks[:2])
