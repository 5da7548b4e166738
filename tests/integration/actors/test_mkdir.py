"""The actor `mkdir` on a folder of this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from actors.datasources.storage import Datasource
from actors.mkdir import MkdirParams, mkdir
from actors.testing import RecordingRun
from rota.errors import Paused, PermanentError
from tests.trees import Link, make_tree


class Made:
    """A datasource in which folders are made."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.datasource = Datasource(name="files", root=str(root))
        self.run = self.new_run()

    def new_run(self, state: Any = None) -> RecordingRun:
        return RecordingRun(state=state, datasources=[self.datasource])

    def mkdir(self, *paths: str, run: RecordingRun | None = None, **params: Any) -> int:
        self.run = run or self.new_run()
        return mkdir(self.run, MkdirParams(datasource="files", paths=paths, **params)).made


@pytest.fixture
def made(tmp_path: Path) -> Made:
    (tmp_path / "files").mkdir()
    return Made(tmp_path / "files")


def test_folders_are_made_with_those_above_them(made):
    make_tree(made.root, {"a": {}})

    assert made.mkdir("a/b/c", "x", "a/b/d", "x") == 4

    assert sorted(str(path.relative_to(made.root)) for path in made.root.rglob("*")) == [
        "a",
        "a/b",
        "a/b/c",
        "a/b/d",
        "x",
    ]
    assert [event.data for event in made.run.events] == [{"datasource": "files", "paths": [""]}]


def test_nothing_happens_to_what_is_there(made):
    make_tree(made.root, {"a": {"b": {"file": b"1"}}})

    assert made.mkdir("a/b", "a") == 0

    assert (made.root / "a/b/file").read_bytes() == b"1"
    assert made.run.events == []


@pytest.mark.parametrize("path", ["file", "file/x", "link", "link/x"])
def test_what_is_in_the_way_is_told(made, path):
    make_tree(made.root, {"file": b"1", "link": Link("/tmp")})

    with pytest.raises(PermanentError, match="'(file|link)' is there already, and is a (file|link)"):
        made.mkdir(path)


@pytest.mark.parametrize("path", ["..", "/a", "a//b", "a/../b", "", "n" * 256, ".rota", "a/.rota-x", "a\0"])
def test_names_that_are_not_allowed_are_refused_before_anything_is_made(made, path):
    with pytest.raises((PermanentError, ValidationError)):
        made.mkdir("fine", path)

    assert os.listdir(made.root) == []


def test_names_must_be_portable_if_asked(made):
    assert made.mkdir("a:b") == 1

    with pytest.raises(PermanentError, match="'NUL' is the name of a device"):
        made.mkdir("x/NUL", portable=True)


def test_an_interrupted_one_goes_on(made):
    run = made.new_run()
    run.on_check = lambda number: run.interrupt(Paused()) if number == 3 else None

    with pytest.raises(Paused):
        made.mkdir("a/b", "c", "d", run=run)
    assert sorted(os.listdir(made.root)) == ["a", "c"]
    assert run.events

    assert made.mkdir("a/b", "c", "d", run=made.new_run(run.checkpoints[-1])) == 4
    assert sorted(os.listdir(made.root)) == ["a", "c", "d"]
