"""One call that changes something fails, or the process dies there: nothing is lost, nothing is half, the next run ends it.

Every call in turn, each with EIO, ENOSPC and SIGKILL: of a deletion, a restore, a move within a datasource, one to
another, and a purge; and death before every statement and every commit of the store. In between those and the calls
nothing happens that outlives a process, so these are all the states that a death can leave.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.forking import Forking
from tests.faults.memory import memory_folder
from tests.faults.scenes import DEEDS, Deed, Scene
from tests.faults.syscalls import Plan, build

FULL = os.environ.get("ROTA_CAMPAIGN") == "full"
#: In short, every other call fails with the one error and the rest with the other; deaths come at every one.
STEP = {"kill": 1, "EIO": 1 if FULL else 2, "ENOSPC": 1 if FULL else 2}
FIRST = {"kill": 1, "EIO": 1, "ENOSPC": 1 if FULL else 2}
MOST = 2_000

pytestmark = pytest.mark.timeout(300)
deeds = pytest.mark.parametrize("deed", DEEDS, ids=[deed.name for deed in DEEDS])


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plan]:
    made = Plan(build(Path(tmp_path_factory.mktemp("shim"))))
    yield made
    made.close()


@pytest.fixture(scope="module")
def forking(plan: Plan) -> Iterator[Forking]:
    started = Forking("tests.integration.actors.bin_process", environment=plan.environment)
    yield started
    started.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    with memory_folder() as made:
        yield made


@deeds
@pytest.mark.parametrize("fault", list(STEP))
def test_every_call_may_fail_once(
    deed: Deed, fault: str, plan: Plan, forking: Forking, sqlite_template: Path, folder: Path
) -> None:
    calls: list[str] = []
    left: set[str] = set()
    for number in range(FIRST[fault], MOST, STEP[fault]):
        scene = Scene(folder / str(number), sqlite_template, deed, forking)
        plan.arm(scene.folder, number, fault)
        ending = scene.act()
        hit = plan.disarm()
        if not hit.hit:
            assert ending.error == ""
            scene.judge_done()
            break
        where = f"{fault} at {number}: {hit}"
        assert ending.killed == (fault == "kill"), where
        scene.judge_broken(where)
        scene.finish(where, anew=number % 2 == 0)
        scene.judge_done(where)
        scene.close()
        calls.append(hit.call)
        left.update(scene.leftovers)
    else:
        raise AssertionError(f"it still makes calls after {MOST:,}")
    print(
        f"{deed.name}, {fault}: {len(calls)} faults in {hit.calls} calls: {sorted(set(calls))}; cleaned up: {sorted(left)}"
    )
    assert hit.calls >= deed.fewest


@pytest.mark.parametrize("deed", [deed for deed in DEEDS if deed.actor != "move"], ids=lambda deed: deed.name)
def test_the_process_may_die_before_every_statement_and_commit_of_the_store(
    deed: Deed, forking: Forking, sqlite_template: Path, folder: Path
) -> None:
    for number in range(1, MOST):
        scene = Scene(folder / str(number), sqlite_template, deed, forking)
        ending = scene.act(die_at=number)
        if not ending.killed:
            assert ending.error == ""
            scene.judge_done()
            break
        where = f"killed at statement {number}"
        scene.judge_broken(where)
        scene.finish(where, anew=number % 2 == 0)
        scene.judge_done(where)
        scene.close()
    print(f"{deed.name}: {number - 1} deaths")
    assert number > 3
