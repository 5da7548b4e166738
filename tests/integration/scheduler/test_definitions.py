"""Files of definitions: followed while they are good, remembered while they are not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scheduler.definitions import SHIPPED_FOLDER, Definitions, read_folder
from scheduler.jobs.shipping import save_shipped
from store.queries import jobs
from tests.factories import make_job
from tests.integration.scheduler.conftest import REGISTRY, World

GOOD = """
name: nap
overlap: skip
steps:
  - {id: sleep, actor: sleep, with: {seconds: %s}}
"""
BAD = """
name: nap
steps:
  - {id: sleep, actor: slep, with: {second: 3}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "jobs"
    folder.mkdir()
    return folder


@pytest.fixture
def definitions(world: World, folder: Path) -> Definitions:
    return Definitions(world.store, folder, world.duties.leader, actors=REGISTRY, clock=world.clock)


def look(definitions: Definitions) -> None:
    """Look until a change has settled and was applied."""
    definitions.step()
    definitions.step()


def seconds(world: World) -> Any:
    return world.job("nap").job().steps[0].with_["seconds"]


def test_files_are_applied_at_start_and_on_change(world: World, folder: Path, definitions: Definitions) -> None:
    (folder / "nap.yaml").write_text(GOOD % 1)
    definitions.step()
    assert (seconds(world), world.job("nap").source) == (1, "nap.yaml")

    (folder / "nap.yaml").write_text(GOOD % 22)
    look(definitions)

    assert (seconds(world), world.job("nap").version) == (22, 2)


def test_file_is_not_read_while_it_still_changes(world: World, folder: Path, definitions: Definitions) -> None:
    definitions.step()
    (folder / "nap.yaml").write_text(GOOD.partition("overlap")[0])
    definitions.step()
    (folder / "nap.yaml").write_text(GOOD % 1)
    definitions.step()
    with world.store.reading() as conn:
        assert jobs.find(conn, "nap") is None

    definitions.step()

    assert seconds(world) == 1


def test_last_good_version_is_kept_and_the_problem_told(
    world: World, folder: Path, definitions: Definitions, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "nap.yaml").write_text(GOOD % 1)
    definitions.step()

    (folder / "nap.yaml").write_text(BAD)
    look(definitions)

    assert (seconds(world), world.job("nap").enabled) == (1, True)
    (problem,) = definitions.problems()
    assert problem.file == "nap.yaml"
    assert "steps[0].actor: there is no actor 'slep'; did you mean sleep?" in problem.problem
    assert "definition.refused" in caplog.messages

    (folder / "nap.yaml").write_text(GOOD % 333)
    look(definitions)
    assert (seconds(world), definitions.problems()) == (333, ())


def test_bad_file_leaves_its_neighbours_alone(world: World, folder: Path, definitions: Definitions) -> None:
    (folder / "a-bad.yaml").write_text("name: [")
    (folder / "nap.yaml").write_text(GOOD % 1)
    os.mkfifo(folder / "pipe.yaml")
    (folder / "loose.yaml").symlink_to("nowhere")
    (folder / ".hidden.yaml").write_text("not: looked at")

    definitions.step()

    assert seconds(world) == 1
    assert [problem.file for problem in definitions.problems()] == ["a-bad.yaml"]


def test_job_whose_file_is_gone_is_disabled_with_that_reason(
    world: World, folder: Path, definitions: Definitions
) -> None:
    (folder / "nap.yaml").write_text(GOOD % 1)
    definitions.step()
    (folder / "nap.yaml").unlink()
    look(definitions)
    assert (world.job("nap").enabled, world.job("nap").enabled_reason) == (
        False,
        "it is no longer in its file nap.yaml",
    )

    (folder / "nap.yaml").write_text(GOOD % 1)
    look(definitions)

    assert world.job("nap").enabled


def test_job_disabled_by_a_person_stays_so_when_its_file_changes(
    world: World, folder: Path, definitions: Definitions
) -> None:
    (folder / "nap.yaml").write_text(GOOD % 1)
    definitions.step()
    with world.store.writing() as conn:
        jobs.set_enabled(conn, ["nap"], False, at=world.clock.now_ms())

    (folder / "nap.yaml").write_text(GOOD % 22)
    look(definitions)

    assert (seconds(world), world.job("nap").enabled) == (22, False)


def test_folder_that_is_away_disables_nothing(world: World, folder: Path, definitions: Definitions) -> None:
    (folder / "nap.yaml").write_text(GOOD % 1)
    definitions.step()

    folder.rename(folder.with_name("elsewhere"))
    look(definitions)

    assert world.job("nap").enabled


def test_edit_elsewhere_stays_until_the_file_changes(world: World, folder: Path, definitions: Definitions) -> None:
    (folder / "nap.yaml").write_text(GOOD % 1)
    definitions.step()
    edited = make_job("nap", steps=[{"id": "sleep", "actor": "sleep", "with": {"seconds": 9}}])
    with world.store.writing() as conn:
        jobs.save(conn, edited, author="alice", source="api", at=world.clock.now_ms())

    restarted = Definitions(world.store, folder, world.duties.leader, actors=REGISTRY, clock=world.clock)
    restarted.step()
    assert seconds(world) == 9
    (folder / "nap.yaml").write_text(GOOD % 22)
    look(restarted)

    assert seconds(world) == 22


def test_job_in_two_files_is_a_problem_of_the_second(world: World, folder: Path, definitions: Definitions) -> None:
    (folder / "a.yaml").write_text(GOOD % 1)
    (folder / "b.yaml").write_text(GOOD % 2)

    definitions.step()

    assert seconds(world) == 1
    assert definitions.problems()[0].problem == "the job nap is defined in a.yaml too"


def test_shipped_jobs_are_saved_unless_edited(world: World, definitions: Definitions) -> None:
    definitions.step()
    record = world.job("sync-datasources")
    assert (record.kind, record.source, record.enabled) == ("system", "shipped", True)

    edited = make_job("sync-datasources", owner="system")
    with world.store.writing() as conn:
        jobs.save(conn, edited, author="alice", source="api", at=world.clock.now_ms())
    definitions._epoch = None
    definitions.step()

    assert world.job("sync-datasources").source == "api"


def _ship(world: World, **changes: Any) -> None:
    job = make_job("tidy", owner="system", **changes)
    with world.store.writing() as conn:
        save_shipped(conn, [job], actors=REGISTRY, at=world.clock.now_ms())


def test_upgrade_is_merged_with_a_local_edit(world: World) -> None:
    _ship(world, label="Tidy", timeout="PT1H")
    edited = make_job("tidy", owner="system", label="Tidy up here", timeout="PT1H")
    with world.store.writing() as conn:
        jobs.save(conn, edited, author="alice", source="api", at=world.clock.now_ms())

    _ship(world, label="Tidy", timeout="PT2H")
    _ship(world, label="Tidy", timeout="PT2H")

    record = world.job("tidy")
    assert (record.definition["label"], record.definition["timeout"], record.source) == (
        "Tidy up here",
        "PT2H",
        "merged",
    )
    with world.store.reading() as conn:
        versions = jobs.versions(conn, "tidy").items
    assert [(each.version, each.source) for each in versions] == [
        (4, "merged"), (3, "shipped"), (2, "api"), (1, "shipped"),
    ]  # fmt: skip

    _ship(world, label="Tidier", timeout="PT3H")
    record = world.job("tidy")
    assert (record.definition["label"], record.definition["timeout"]) == ("Tidy up here", "PT3H")


def test_merge_that_makes_no_job_leaves_the_edited_one(world: World, caplog: pytest.LogCaptureFixture) -> None:
    step = {"actor": "sleep", "with": {"seconds": 1}}
    _ship(world, steps=[{"id": "a", **step}, {"id": "b", **step}])
    mine = make_job("tidy", owner="system", steps=[{"id": "b", **step}])
    with world.store.writing() as conn:
        jobs.save(conn, mine, author="alice", source="api", at=world.clock.now_ms())

    _ship(world, steps=[{"id": "a", **step}, {"id": "b", **step}, {"id": "c", "needs": ["a"], **step}])

    record = world.job("tidy")
    assert (record.definition, record.source, record.author) == (mine.definition(), "api", "alice")
    assert "definition.not_merged" in caplog.messages


def test_job_of_somebody_that_has_the_name_of_a_new_shipped_one_is_left_alone(world: World) -> None:
    mine = make_job("tidy", label="Mine")
    with world.store.writing() as conn:
        jobs.save(conn, mine, author="alice", source="api", at=world.clock.now_ms())

    _ship(world, label="Tidy")

    assert (world.job("tidy").definition["label"], world.job("tidy").version) == ("Mine", 1)


def test_shipped_definitions_are_valid() -> None:
    found = read_folder(SHIPPED_FOLDER, REGISTRY)

    assert found.problems == ()
    assert "sync-datasources" in {job.name for _, job in found.jobs}


def test_standby_touches_nothing(world: World, folder: Path) -> None:
    (folder / "nap.yaml").write_text(GOOD % 1)
    standby = Definitions(world.store, folder, world.other().leader, actors=REGISTRY, clock=world.clock)

    standby.step()

    with world.store.reading() as conn:
        assert jobs.find(conn, "nap") is None


def test_upgrade_leaves_the_switch_as_somebody_set_it(world: World) -> None:
    _ship(world, label="Tidy")
    now = world.clock.now_ms()
    with world.store.writing() as conn:
        jobs.save(conn, make_job("tidy", enabled=False), author="alice", source="api", at=now)
        jobs.set_enabled(conn, ["tidy"], True, at=now, person="alice")
    _ship(world, label="Tidy", timeout="PT2H")
    assert world.job("tidy").enabled

    with world.store.writing() as conn:
        jobs.set_enabled(conn, ["tidy"], False, at=now, person="alice", reason="it is broken")
    _ship(world, label="Tidy", timeout="PT3H")
    assert (world.job("tidy").enabled, world.job("tidy").enabled_reason) == (False, "it is broken")


def test_shipped_job_that_cannot_be_read_any_more_does_not_stop_the_others(world: World) -> None:
    _ship(world, label="Tidy")
    with world.store.writing() as conn:
        jobs.save(conn, make_job("tidy", label="Mine"), author="alice", source="api", at=world.clock.now_ms())
        conn.exec_driver_sql('UPDATE jobs SET definition = \'{"name": "tidy", "steps": 5}\'')

    given = [make_job("tidy", owner="system", label="Tidier"), make_job("other", owner="system")]
    with world.store.writing() as conn:
        save_shipped(conn, given, actors=REGISTRY, at=world.clock.now_ms())

    assert world.job("other").source == "shipped"
    assert world.job("tidy").definition["steps"] == 5


def test_folder_that_goes_away_while_it_is_read_disables_nothing(
    world: World, folder: Path, definitions: Definitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "nap.yaml").write_text(GOOD % 1)
    definitions.step()
    (folder / "nap.yaml").write_text(GOOD % 22)
    definitions.step()
    real = os.scandir
    looks: list[Path] = []

    def away_at_the_second_look(path: Path) -> Any:
        looks.append(path)
        if len(looks) > 1:
            raise OSError("the share is away")
        return real(path)

    monkeypatch.setattr(os, "scandir", away_at_the_second_look)
    definitions.step()

    assert world.job("nap").enabled


def test_reading_what_ships_with_rota_loads_no_library_for_expressions() -> None:
    program = (
        "import sys; from actors.registry import load_registry\n"
        "from scheduler.definitions import SHIPPED_FOLDER, fingerprint, read_files\n"
        "read_files(SHIPPED_FOLDER, fingerprint(SHIPPED_FOLDER), load_registry(), tried=True)\n"
        "print('cel' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert ended.stdout == "False\n"
