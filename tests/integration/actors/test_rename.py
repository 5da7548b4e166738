"""The actor `rename` on a folder of this machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.datasources.opening import open_storage
from actors.datasources.storage import Capabilities, Datasource
from actors.rename import RenameParams, RenameResult, rename
from actors.testing import RecordingRun
from rota.errors import Cancelled, Paused, PermanentError, TemporaryError
from tests.integration.actors.carried import files
from tests.integration.actors.conftest import Killed
from tests.integration.actors.mirrors import contents
from tests.integration.actors.pair import Faulty
from tests.trees import Link, make_tree


class Renaming:
    """A datasource in which entries are renamed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.datasource = Datasource(name="files", root=str(root))
        self.run = self.new_run()

    def new_run(self) -> RecordingRun:
        return RecordingRun(datasources=[self.datasource])

    def rename(self, *paths: str, run: RecordingRun | None = None, **params: Any) -> RenameResult:
        self.run = run or self.new_run()
        return rename(self.run, RenameParams(datasource="files", paths=paths, **params))

    def said(self, level: str) -> list[str]:
        return [message for each, message in self.run.log.lines if each == level]

    @property
    def plans(self) -> list[str]:
        return os.listdir(self.root / ".rota/renames") if (self.root / ".rota/renames").exists() else []


@pytest.fixture
def renaming(tmp_path: Path) -> Renaming:
    (tmp_path / "files").mkdir()
    return Renaming(tmp_path / "files")


@pytest.fixture
def make_faulty(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Gives the storage faults."""
    faults: dict[str, Any] = {}
    monkeypatch.setattr(
        "actors.rename.open_storage",
        lambda datasource, **options: Faulty(open_storage(datasource, **options), **faults),
    )

    def make(**given: Any) -> None:
        faults.clear()
        faults.update(given)

    return make


TREE = {"IMG_1.jpg": b"1", "x": b"x", "IMG_sub": {"IMG_2.jpg": b"2", "IMG_deep": {"IMG_3.jpg": b"3"}}}


def test_the_selected_entries_are_renamed(renaming):
    make_tree(renaming.root, TREE)

    done = renaming.rename("IMG_1.jpg", "x", "IMG_sub", pattern=r"IMG_(\d)", replacement=r"photo \1")

    assert done.renamed == 1
    assert [item.model_dump() for item in done.items] == [{"path": "IMG_1.jpg", "name": "photo 1.jpg"}]
    assert files(renaming.root) == {
        "photo 1.jpg": b"1",
        "x": b"x",
        "IMG_sub/IMG_2.jpg": b"2",
        "IMG_sub/IMG_deep/IMG_3.jpg": b"3",
    }
    assert [event.data for event in renaming.run.events] == [{"datasource": "files", "paths": [""]}]
    assert renaming.plans == []


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("files", {"1.jpg", "x", "IMG_sub/2.jpg", "IMG_sub/IMG_deep/3.jpg"}),
        ("folders", {"IMG_1.jpg", "x", "sub/IMG_2.jpg", "sub/deep/IMG_3.jpg"}),
        ("both", {"1.jpg", "x", "sub/2.jpg", "sub/deep/3.jpg"}),
    ],
)
def test_a_tree_is_renamed_from_below(renaming, scope, expected):
    make_tree(renaming.root, TREE)

    planned = renaming.rename("", pattern="IMG_", scope=scope, recursive=True, dry_run=True)
    assert files(renaming.root).keys() >= {"IMG_1.jpg"}
    assert renaming.run.events == []
    done = renaming.rename("", pattern="IMG_", scope=scope, recursive=True)

    assert set(files(renaming.root)) == expected
    assert done == planned
    assert renaming.rename("", pattern="IMG_", scope=scope, recursive=True).renamed == 0


def test_a_pattern_that_is_none_is_told_although_no_name_is_looked_at(renaming):
    make_tree(renaming.root, {"a": {}})

    with pytest.raises(PermanentError, match="the pattern cannot be used: missing"):
        renaming.rename("a", pattern="(")


def test_a_selected_folder_is_renamed_last(renaming):
    make_tree(renaming.root, {"a": {"a": {"a": b"1"}}, "other": {"a": b"2"}})

    assert renaming.rename("a", "a/a", pattern="a", replacement="b", scope="both", recursive=True).renamed == 3

    assert files(renaming.root) == {"b/b/b": b"1", "other/a": b"2"}


def test_text_is_no_pattern(renaming):
    make_tree(renaming.root, {"a.b (1)": b"1", "axb 1": b"2"})

    renaming.rename("a.b (1)", "axb 1", pattern="a.b (1)", replacement=r"\1 \g<0>", syntax="text")

    assert files(renaming.root) == {r"\1 \g<0>": b"1", "axb 1": b"2"}


def test_case_may_be_ignored(renaming):
    make_tree(renaming.root, {"A.JPG": b"1"})

    assert renaming.rename("A.JPG", pattern="jpg$", replacement="jpeg").renamed == 0
    assert renaming.rename("A.JPG", pattern="jpg$", replacement="jpeg", ignore_case=True).renamed == 1
    assert files(renaming.root) == {"A.jpeg": b"1"}


def test_taken_names_are_skipped_or_numbered(renaming):
    make_tree(renaming.root, {"f": {"a1": b"1", "a2": b"2", "a": b"0", "l3": Link("a")}})

    done = renaming.rename("f", pattern=r"\d", recursive=True)
    assert (done.renamed, done.skipped) == (1, 2)
    assert "'f/a1' is left out: the name 'a' is taken" in renaming.said("warning")
    done = renaming.rename("f", pattern=r"\d", recursive=True, conflict="number")

    assert done.renamed == 2
    assert files(renaming.root) == {"f/a": b"0", "f/a (2)": b"1", "f/a (3)": b"2"}
    assert os.readlink(renaming.root / "f/l") == "a"


def test_names_that_are_not_allowed_are_skipped(renaming):
    make_tree(renaming.root, {"a": b"1", "b-c": b"2"})

    assert renaming.rename("a", "b-c", pattern="a|-", replacement="/").skipped == 2
    assert renaming.rename("a", pattern="a", replacement=".rota-draft").skipped == 1
    assert renaming.rename("a", pattern="a", replacement="a:", portable=True).skipped == 1

    assert files(renaming.root) == {"a": b"1", "b-c": b"2"}


def test_what_is_private_is_never_touched(renaming):
    make_tree(renaming.root, {".rota": {"bin": {"x": b"1"}}, ".rota-marker": b"2", "rota": b"3"})

    assert renaming.rename("", pattern="rota|x|bin", replacement="y", recursive=True, scope="both").renamed == 1

    assert (renaming.root / ".rota/bin/x").exists()
    assert (renaming.root / ".rota-marker").exists()


def test_a_trap_of_a_pattern_ends_the_run_and_not_the_worker(renaming, monkeypatch):
    monkeypatch.setattr("actors.renaming.matching.Matcher.seconds", 0.3)
    make_tree(renaming.root, {"a" * 100: b"1"})

    with pytest.raises(PermanentError, match="took longer"):
        renaming.rename("a" * 100, pattern="(a+)+!")
    assert files(renaming.root) == {"a" * 100: b"1"}


def test_what_is_not_there_is_told(renaming):
    make_tree(renaming.root, {"a": b"1"})

    with pytest.raises(PermanentError, match="'gone': it is not there"):
        renaming.rename("gone", "a", pattern="a", replacement="b")

    assert files(renaming.root) == {"b": b"1"}


@pytest.mark.parametrize("committed", [True, False])
def test_killed_at_any_step_a_pattern_is_applied_once(renaming, make_faulty, committed):
    total = 9
    params = {"pattern": "^", "replacement": "new ", "scope": "both", "recursive": True}

    for step in range(1, total + 1):
        steps: list[bytes] = []

        def renamed(real, path, target, step=step, steps=steps):
            steps.append(path)
            if len(steps) == step and not committed:
                raise Killed
            real.rename(path, target)
            if len(steps) == step:
                raise Killed

        make_tree(renaming.root, {f"round{step}": {"a": {"x": b"1", "b": {"z": b"3", "w": b"4"}}, "c": {"v": b"5"}}})
        make_faulty(rename=renamed)
        try:
            renaming.rename(f"round{step}", **params)
        except Killed:
            make_faulty()
            again = renaming.rename(f"round{step}", **params)
            assert again.renamed == 8
            assert len(again.items) == 8
        else:
            assert step == total

    for step in range(1, total + 1):
        assert files(renaming.root / f"new round{step}") == {
            "new a/new x": b"1",
            "new a/new b/new z": b"3",
            "new a/new b/new w": b"4",
            "new c/new v": b"5",
        }
    assert renaming.plans == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no plan",
        msgspec.msgpack.encode([0, b"f", [["a", "b", False]], 0, 0]),
        msgspec.msgpack.encode([0, b"../elsewhere", [[b"a", b"b", False]], 0, 0, []]),
        msgspec.msgpack.encode([0, b"f", [[b"../../x", b"b", False]], 0, 0, []]),
        msgspec.msgpack.encode([0, b"f", [[b"a", b".rota", False]], 0, 0, []]),
    ],
)
def test_a_plan_that_somebody_else_wrote_is_not_followed(renaming, content):
    make_tree(renaming.root, {"f": {"a": b"1"}, ".rota": {"renames": {renaming.run.task: content}}})

    with pytest.raises(PermanentError, match="the plan of the renaming"):
        renaming.rename("f", pattern="a", replacement="b", recursive=True)

    assert files(renaming.root) == {"f/a": b"1"}


def test_a_paused_one_keeps_its_plan_and_a_cancelled_one_does_not(renaming):
    make_tree(renaming.root, {"f": {str(n): b"" for n in range(50)}})

    for reason, plans in ((Paused(), 1), (Cancelled(), 0)):
        run = renaming.new_run()
        run.on_check = lambda number, run=run, reason=reason: (
            run.interrupt(reason)
            if len([name for name in os.listdir(renaming.root / "f") if "n" in name]) > 9
            else None
        )
        with pytest.raises(type(reason)):
            renaming.rename("f", run=run, pattern="^", replacement="n", recursive=True)
        assert len(renaming.plans) == plans
        assert bool(run.events) == isinstance(reason, Paused)


def test_what_may_get_better_stops_it_and_is_done_next(renaming, make_faulty):
    make_tree(renaming.root, {"f": {"a": b"1", "b": b"2"}, "g": {"a": b"3"}})

    def busy(real, path, target):
        if path == b"f/b":
            raise TemporaryError("the server is busy")
        real.rename(path, target)

    make_faulty(rename=busy)
    with pytest.raises(TemporaryError, match="busy"):
        renaming.rename("", pattern="^", replacement="n", recursive=True)
    make_faulty()

    assert renaming.rename("", pattern="^", replacement="n", recursive=True).renamed == 3
    assert files(renaming.root) == {"f/na": b"1", "f/nb": b"2", "g/na": b"3"}


def test_one_that_cannot_be_renamed_is_told_and_the_rest_done(renaming, make_faulty):
    make_tree(renaming.root, {"f": {"a": b"1", "b": b"2"}})

    def denied(real, path, target):
        if path == b"f/a":
            raise PermissionError(13, "Permission denied")
        real.rename(path, target)

    make_faulty(rename=denied)
    with pytest.raises(PermanentError, match="'f/a': Permission denied"):
        renaming.rename("f", pattern="^", replacement="n", recursive=True)

    assert files(renaming.root) == {"f/a": b"1", "f/nb": b"2"}
    assert renaming.plans == []


def test_where_folders_cannot_be_renamed_that_is_told(renaming, make_faulty):
    make_tree(renaming.root, {"a": {"a": b"1"}})
    make_faulty(capabilities=Capabilities(moves=False))

    done = renaming.rename("a", pattern="a", replacement="b", scope="both", recursive=True)

    assert (done.renamed, done.skipped) == (1, 1)
    assert contents(renaming.root) == {b"a": None, b"a/b": b"1"}
