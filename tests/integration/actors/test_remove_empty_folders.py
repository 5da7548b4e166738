"""Empty folders go, the deepest first, and nothing that only seems to be empty."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actors.datasources.local.storage import LocalStorage
from actors.datasources.storage import Datasource, Unlisted, Why
from actors.remove_empty_folders import RemoveEmptyFoldersParams, remove_empty_folders
from rota.datasources import Rules
from rota.errors import Cancelled, PermanentError
from rota.times import DAY_MS
from store.engine import Store
from tests.integration.actors.pair import Faulty
from tests.integration.actors.upkeep import NOW, Upkept, inodes, set_age, set_clock
from tests.trees import Fifo, Link, Tree, make_tree


@pytest.fixture
def upkept(tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Upkept]:
    """A folder as a datasource, at a time that stands still."""
    set_clock(monkeypatch, NOW)
    (tmp_path / "files").mkdir()
    store = Store(sqlite_url)
    yield Upkept(Datasource(name="files", root=str(tmp_path / "files")), store)
    store.close()


def fill(upkept: Upkept, tree: Tree, *, age: int = 8 * DAY_MS) -> None:
    """Make a tree in which nothing has happened for so long."""
    make_tree(upkept.root, tree)
    for path in (upkept.root, *upkept.root.rglob("*")):
        set_age(path, age)


def left(upkept: Upkept) -> set[str]:
    return {str(path.relative_to(upkept.root)) for path in upkept.root.rglob("*")}


def under(upkept: Upkept, **rules: Any) -> Upkept:
    upkept.datasource = replace(upkept.datasource, rules=Rules(**rules))
    return upkept


def wrap(monkeypatch: pytest.MonkeyPatch, **faults: Any) -> None:
    monkeypatch.setattr(
        "actors.remove_empty_folders.open_storage", lambda datasource, **_: Faulty(LocalStorage(datasource), **faults)
    )


def test_folders_in_which_only_such_folders_are_go_with_them(upkept: Upkept) -> None:
    fill(upkept, {"a": {"b": {"c": {}, "d": {"e": {}}}}, "full": {"empty": {}, "file": b"x"}, "\udcff": {}})

    result = upkept.remove_folders()

    assert (result.removed, result.kept, result.failed, result.folders) == (7, 0, 0, [])
    assert left(upkept) == {"full", "full/file"}
    (event,) = upkept.run.events
    assert (event.type, event.data) == ("storage.changed", {"datasource": "files", "paths": [""]})
    assert upkept.remove_folders().removed == 0
    assert upkept.run.events == []


@pytest.mark.parametrize("content", [b"", Link("nowhere"), Link("."), Fifo()], ids=["file", "broken", "link", "pipe"])
def test_folder_in_which_anything_is_stays(upkept: Upkept, content: Any) -> None:
    fill(upkept, {"a": {"b": {"it": content}}})

    assert upkept.remove_folders().removed == 0
    assert left(upkept) == {"a", "a/b", "a/b/it"}


def test_what_the_patterns_leave_out_is_not_nothing(upkept: Upkept) -> None:
    under(upkept, exclude=("*.tmp", "cache/"))
    fill(upkept, {"a": {"x.tmp": b""}, "b": {"cache": {}}, "cache": {"empty": {}}, "c": {".rota-draft-1": b""}})
    before = left(upkept)

    assert upkept.remove_folders().removed == 0
    assert left(upkept) == before


def test_private_folders_stay(upkept: Upkept) -> None:
    fill(upkept, {".rota": {"bin": {"x": {}}, "tomb": {}}, "a": {".rota": {}, ".rota-x": {}}, "b": {".rotated": {}}})

    assert upkept.remove_folders().removed == 2
    assert left(upkept) == {".rota", ".rota/bin", ".rota/bin/x", ".rota/tomb", "a", "a/.rota", "a/.rota-x"}


def test_age_is_the_folders_own_before_anything_in_it_was_removed(upkept: Upkept) -> None:
    fill(upkept, {"old": {"old": {}}, "young": {"old": {}}, "parent": {"young": {}}}, age=7 * DAY_MS + 1)
    for young in ("young", "parent/young"):
        set_age(upkept.root / young, 7 * DAY_MS)

    result = upkept.remove_folders()

    assert (result.removed, result.kept) == (3, 2)
    assert left(upkept) == {"young", "parent", "parent/young"}
    set_age(upkept.root / "young", 7 * DAY_MS)
    assert upkept.remove_folders(older_than="P6D").removed == 3


def test_folders_that_are_to_be_kept_stay_with_everything_in_them(upkept: Upkept) -> None:
    fill(upkept, {"inbox": {"a": {}}, "team": {"inbox": {}, "x": {}}, "projects": {"2026": {"y": {}}, "z": {}}})

    assert upkept.remove_folders(keep=("inbox", "projects/20*")).removed == 2
    assert left(upkept) == {"inbox", "inbox/a", "team", "team/inbox", "projects", "projects/2026", "projects/2026/y"}


def test_homes_of_users_stay(upkept: Upkept) -> None:
    under(upkept, homes="people/homes")
    fill(upkept, {"people": {"homes": {"ada": {"empty": {}}, "bob": {}}, "homes2": {}}, "peop": {}})

    result = upkept.remove_folders()

    assert (result.removed, result.kept) == (3, 2)
    assert left(upkept) == {"people", "people/homes", "people/homes/ada", "people/homes/bob"}


def test_homes_stay_where_nobody_has_one(upkept: Upkept) -> None:
    under(upkept, homes="people/homes")
    fill(upkept, {"people": {"homes": {}}})

    assert upkept.remove_folders().removed == 0
    assert left(upkept) == {"people", "people/homes"}


def test_only_what_is_below_a_path_goes(upkept: Upkept) -> None:
    fill(upkept, {"a": {"b": {"c": {}}}, "d": {}})

    assert upkept.remove_folders(path="a/").removed == 2
    assert left(upkept) == {"a", "d"}


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (".rota/bin", "private"),
        ("a/.rota-x/b", "private"),
        ("cache/x", "left out"),
        ("kept/x", "kept"),
        ("../x", "must not have"),
        ("/a", "absolute"),
        ("gone", "no folder"),
        ("file", "no folder"),
        ("link", "no folder"),
    ],
)
def test_path_that_may_not_be_looked_at_is_refused(upkept: Upkept, path: str, why: str) -> None:
    under(upkept, exclude=("cache/",))
    tree = {".rota": {"bin": {"x": {}}}, "cache": {"x": {}}, "kept": {"x": {}}, "file": b"", "link": Link("kept")}
    fill(upkept, tree)
    before = left(upkept)

    with pytest.raises(PermanentError, match=why):
        upkept.remove_folders(path=path, keep=("kept",))
    assert left(upkept) == before


def test_file_that_comes_meanwhile_saves_its_folder(upkept: Upkept, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(upkept, {"a": {"b": {}}, "c": {}})

    def delete(real: Any, path: bytes) -> None:
        if path == b"a/b":
            (upkept.root / "a/b/file").write_bytes(b"just in time")
        real.delete(path)

    wrap(monkeypatch, delete=delete)
    result = upkept.remove_folders()

    assert (result.removed, result.kept, result.failed) == (1, 1, 0)
    assert left(upkept) == {"a", "a/b", "a/b/file"}


def test_folder_that_cannot_be_removed_is_told_and_the_rest_goes_on(
    upkept: Upkept, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(upkept, {"a": {"b": {}}, "c": {}})

    def delete(real: Any, path: bytes) -> None:
        if path == b"a/b":
            raise PermissionError(13, "Permission denied", path)
        real.delete(path)

    wrap(monkeypatch, delete=delete)
    result = upkept.remove_folders()

    assert (result.removed, result.kept, result.failed) == (1, 0, 1)
    assert left(upkept) == {"a", "a/b"}
    assert upkept.said("warning") == ["'a/b' stays: Permission denied"]


def test_folder_that_cannot_be_listed_is_not_taken_for_an_empty_one(
    upkept: Upkept, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(upkept, {"a": {"failed": {}, "foreign": {}, "vanished": {}}, "b": {}})

    def list_folder(real: Any, path: bytes) -> Any:
        name = path.rpartition(b"/")[2].decode()
        return Unlisted(path=path, why=Why(name), reason="gone") if name in set(Why) else real.list_folder(path)

    wrap(monkeypatch, list_folder=list_folder)
    result = upkept.remove_folders()

    assert (result.removed, result.failed) == (1, 1)
    assert left(upkept) == {"a", "a/failed", "a/foreign", "a/vanished"}


def test_storage_that_does_not_say_how_old_a_folder_is_keeps_it(
    upkept: Upkept, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(upkept, {"a": {}})

    def list_folder(real: Any, path: bytes) -> Any:
        found = real.list_folder(path)
        return replace(found, rows=[row._replace(modified_ns=0) for row in found.rows])

    wrap(monkeypatch, list_folder=list_folder)

    assert (upkept.remove_folders().removed, left(upkept)) == (0, {"a"})


def test_dry_run_names_what_would_go_and_changes_nothing(upkept: Upkept) -> None:
    fill(upkept, {"a": {"b": {}}, "c": {"file": b"", "d": {}}})
    before = inodes(upkept.root)

    told = upkept.remove_folders(dry_run=True)

    assert inodes(upkept.root) == before
    assert upkept.run.events == []
    assert sorted(told.folders) == ["a", "a/b", "c/d"]
    assert upkept.remove_folders().removed == told.removed == 3


def test_dry_run_that_would_remove_very_many_names_the_first(upkept: Upkept) -> None:
    fill(upkept, {f"{number:05}" + "é" * 100: {} for number in range(400)})

    result = upkept.remove_folders(dry_run=True)

    assert result.removed == 400
    assert 100 < len(result.folders) < 200
    assert len(result.model_dump_json()) < 64 * 1024


def test_run_that_is_cancelled_tells_what_it_removed(upkept: Upkept) -> None:
    fill(upkept, {f"{number}": {"x": {}} for number in range(20)})
    run = upkept.new_run()

    def cancel(_: int) -> None:
        if len(left(upkept)) < 30:
            raise Cancelled

    run.on_check = cancel
    with pytest.raises(Cancelled):
        upkept.remove_folders(run)

    assert 0 < len(left(upkept)) < 30
    assert [event.type for event in run.events] == ["storage.changed"]
    assert upkept.remove_folders().removed > 0
    assert left(upkept) == set()


def test_unknown_datasource_is_said_so(upkept: Upkept) -> None:
    with pytest.raises(PermanentError, match="there is no datasource 'gone'"):
        remove_empty_folders(upkept.run, RemoveEmptyFoldersParams(datasource="gone"))


@pytest.mark.parametrize("seed", range(5))
def test_what_goes_is_what_has_no_file_below_it(upkept: Upkept, seed: int) -> None:
    chance = random.Random(seed)

    def grown(depth: int) -> Mapping[str, Any]:
        names = [str(number) for number in range(chance.randrange(4))]
        return {name: b"" if chance.random() < 0.2 else grown(depth - 1) if depth else {} for name in names}

    fill(upkept, {"root": grown(6), "file": b""})
    files = [path for path in upkept.root.rglob("*") if path.is_file()]
    above = {
        str(parent.relative_to(upkept.root))
        for path in files
        for parent in path.parents[: len(path.parents)]
        if upkept.root in parent.parents
    }

    upkept.remove_folders()

    assert left(upkept) == above | {str(path.relative_to(upkept.root)) for path in files}
