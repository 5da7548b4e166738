"""The shipped jobs about bins give their actors what these take, with defaults and with what the console gives."""

from __future__ import annotations

from typing import Any

import pytest

from actors.delete import DeleteParams
from actors.purge import PurgeParams
from actors.registry import load_registry
from actors.restore import RestoreParams
from rota.expressions import fill
from rota.params import bind_params
from rota.purging import Wish
from scheduler.definitions import SHIPPED_FOLDER, read_folder

JOBS = {job.name: job for _, job in read_folder(SHIPPED_FOLDER, load_registry()).jobs}


def given_to(name: str, **params: Any) -> dict[str, Any]:
    """Give what the step of a job hands to its actor."""
    job = JOBS[name]
    (step,) = job.steps
    return fill(step.with_, {"params": bind_params(job, params), "item": "files"})


def test_the_nightly_purge_follows_the_rules():
    params = PurgeParams.model_validate(given_to("purge-bins"))

    assert (params.datasource, params.dry_run, params.wish()) == ("files", False, Wish())
    assert [trigger.cron for trigger in JOBS["purge-bins"].triggers] == ["10 3 * * *"]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"older_than": "P7D", "max_size": 10, "max_items": 5, "user": "anna", "folder": "a/b"},
        {"items": ["x"]},
        {"confirmed": 30},
        {"dry_run": True, "items_per_second": 2.5},
    ],
)
def test_a_purge_takes_what_is_given(given):
    params = PurgeParams.model_validate(given_to("purge-bin", datasource="files", **given))

    said = params.model_dump(exclude_defaults=True, exclude={"datasource"})
    assert said == {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}


def test_files_are_deleted_and_restored():
    deleted = DeleteParams.model_validate(given_to("delete-entries", datasource="files", paths=["a", "b"]))
    assert (deleted.paths, deleted.permanently) == (("a", "b"), False)

    restored = RestoreParams.model_validate(given_to("restore-items", datasource="files", items=["x"]))
    assert restored == RestoreParams(datasource="files", items=("x",))
