"""The folder of a removed user goes into the bin, whole, once, and nobody else's does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actors.clean_user import CleanUserParams, clean_user
from actors.datasources.bins import Recycled, read_info
from actors.datasources.local.storage import LocalStorage
from actors.datasources.storage import Datasource
from actors.purge import PurgeParams, purge
from rota.bins import BinRules
from rota.datasources import Rules
from rota.errors import PermanentError, TemporaryError
from rota.times import DAY_MS
from store.engine import Store
from tests.integration.actors.pair import Faulty
from tests.integration.actors.upkeep import NOW, Upkept, id_at, inodes, set_clock
from tests.trees import Link, make_tree

HOMES = {
    "people": {
        "alice": {"docs": {"a": b"12345", ".rota-draft-x": b""}, "b.tmp": b"123", "link": Link("/etc"), "empty": {}},
        "alice2": {"file": b"1"},
        "ALICE": {"file": b"2"},
        "bob": {},
    },
    "alice": {"file": b"3"},
}


class Killed(BaseException):
    """Stands for a process that is gone."""


@pytest.fixture
def upkept(tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Upkept]:
    """A folder with homes of users as a datasource, at a time that stands still."""
    set_clock(monkeypatch, NOW)
    make_tree(tmp_path / "files", HOMES)
    store = Store(sqlite_url)
    rules = Rules(homes="people", exclude=("*.tmp", "docs/"), bin=BinRules(per="folder"))
    yield Upkept(Datasource(name="files", root=str(tmp_path / "files"), rules=rules), store)
    store.close()


def recycled(upkept: Upkept) -> Recycled:
    ((_, item),) = upkept.run.recycled
    return item


def others(upkept: Upkept) -> dict[bytes, Any]:
    """Everything but what is in the bin."""
    return {path: seen for path, seen in inodes(upkept.root).items() if not path.startswith(b".rota")}


def wrap(monkeypatch: pytest.MonkeyPatch, **faults: Any) -> None:
    monkeypatch.setattr(
        "actors.clean_user.open_storage", lambda datasource, **_: Faulty(LocalStorage(datasource), **faults)
    )


def test_the_folder_goes_into_the_bin_as_it_is_and_nothing_else_does(upkept: Upkept) -> None:
    before = others(upkept)

    result = upkept.clean_user("alice")

    assert (result.moved, result.entries, result.bytes) == (1, 7, 8)
    item = recycled(upkept)
    place = os.fsencode(upkept.root) + b"/.rota/bin/" + item.bin_path
    moved = {path: seen for path, seen in before.items() if path.startswith(b"people/alice/")}
    assert {b"people/alice/" + path: seen for path, seen in inodes(Path(os.fsdecode(place))).items()} == moved
    assert others(upkept) == {path: seen for path, seen in before.items() if path not in {*moved, b"people/alice"}}
    assert [event.data for event in upkept.run.events] == [{"datasource": "files", "paths": ["people"]}]


def test_it_is_recorded_with_the_time_until_which_it_is_kept(upkept: Upkept) -> None:
    run = upkept.new_run()
    run.person = "ada"

    upkept.clean_user("alice", run, keep="P10D")

    item = recycled(upkept)
    assert (item.original_path, item.kind, item.items, item.bytes) == (b"people/alice", "folder", 7, 8)
    assert (item.deleted_at, item.deleted_by, item.keep_until) == (NOW, "ada", NOW + 10 * DAY_MS)
    assert item.bin == "folder:people"
    storage = LocalStorage(upkept.datasource)
    info = read_info(storage, item.bin_path.partition(b"/")[0])
    storage.close()
    assert info is not None
    assert (info.path, info.deleted_by, info.keep_until) == (b"people/alice", "ada", NOW + 10 * DAY_MS)


def test_it_goes_into_the_bin_even_where_deletions_do_not(upkept: Upkept) -> None:
    upkept.datasource = replace(upkept.datasource, rules=Rules(homes="people", bin=BinRules(enabled=False)))

    assert upkept.clean_user("alice").moved == 1
    assert (upkept.root / ".rota/bin" / os.fsdecode(recycled(upkept).bin_path) / "docs/a").read_bytes() == b"12345"


def test_again_there_is_nothing_to_do(upkept: Upkept) -> None:
    upkept.clean_user("alice")
    before = inodes(upkept.root)
    upkept.now_ms += 1

    assert upkept.clean_user("alice").moved == 0

    assert inodes(upkept.root) == before
    assert (upkept.run.recycled, upkept.run.events) == ([], [])


@pytest.mark.parametrize("rules", [Rules(), Rules(homes="elsewhere"), Rules(homes="people/alice/docs")])
def test_nothing_happens_where_there_is_no_such_folder(upkept: Upkept, rules: Rules) -> None:
    upkept.datasource = replace(upkept.datasource, rules=rules)
    before = inodes(upkept.root)

    assert upkept.clean_user("alice").moved == 0

    assert inodes(upkept.root) == before


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_no_folder_is_left_alone_and_told(upkept: Upkept, kind: str) -> None:
    make_tree(upkept.root / "people", {"carol": Link("bob") if kind == "link" else b"x"})
    before = inodes(upkept.root)

    assert upkept.clean_user("carol").moved == 0

    assert inodes(upkept.root) == before
    assert upkept.said("warning") == [f"files: 'people/carol' is a {kind}, no folder, and is left alone"]


@pytest.mark.parametrize("user", [".", "..", "a/b", "/", "alice/", "alice/..", ".rota", ".rota-x", "a\0b", "./alice"])
@pytest.mark.parametrize("rules", [Rules(homes="people"), Rules()])
def test_names_that_lead_elsewhere_are_refused(upkept: Upkept, user: str, rules: Rules) -> None:
    upkept.datasource = replace(upkept.datasource, rules=rules)
    before = inodes(upkept.root)

    with pytest.raises(PermanentError, match="is no name of a user"):
        upkept.clean_user(user)

    assert inodes(upkept.root) == before


def test_private_folder_is_no_place_for_homes(upkept: Upkept) -> None:
    upkept.datasource = replace(upkept.datasource, rules=Rules.model_construct(homes=".rota/bin"))

    with pytest.raises(PermanentError, match="Rota's own folder"):
        upkept.clean_user("alice")


def test_crash_before_the_record_is_mended_by_the_next_attempt(upkept: Upkept, monkeypatch: pytest.MonkeyPatch) -> None:
    run = upkept.new_run()

    def die(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(run.bin("files").__class__, "add", die)
        with pytest.raises(Killed):
            upkept.clean_user("alice", run)
    assert not (upkept.root / "people/alice").exists()
    set_clock(monkeypatch, NOW + DAY_MS)

    result = upkept.clean_user("alice", upkept.new_run(attempt=2))

    assert (result.moved, result.entries, result.bytes) == (1, 7, 8)
    assert recycled(upkept).keep_until == NOW + 30 * DAY_MS
    assert len(list((upkept.root / ".rota/bin").iterdir())) == 2


def test_a_clock_that_is_behind_does_not_shorten_how_long_it_is_kept(
    upkept: Upkept, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock(monkeypatch, NOW - 400 * DAY_MS)

    upkept.clean_user("alice")

    item = recycled(upkept)
    assert (item.deleted_at, item.keep_until) == (NOW, NOW + 30 * DAY_MS)


def test_crash_before_the_move_is_mended_by_the_next_attempt(upkept: Upkept, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        wrap(patched, rename=die)
        with pytest.raises(Killed):
            upkept.clean_user("alice")
    assert (upkept.root / "people/alice/docs/a").exists()

    assert upkept.clean_user("alice", upkept.new_run(attempt=2)).moved == 1
    assert len(list((upkept.root / ".rota/bin").iterdir())) == 2


def test_folder_that_cannot_be_moved_is_told(upkept: Upkept, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_real: Any, path: bytes, _target: bytes) -> None:
        raise PermissionError(13, "Permission denied", path)

    before = others(upkept)
    wrap(monkeypatch, rename=refuse)

    with pytest.raises(PermanentError, match="not everything was deleted: 'people/alice': Permission denied"):
        upkept.clean_user("alice")

    assert others(upkept) == before
    assert (upkept.run.recycled, upkept.run.events) == ([], [])


def test_storage_that_is_away_is_tried_again(upkept: Upkept, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_real: Any, _path: bytes) -> None:
        raise TemporaryError("the server does not answer")

    wrap(monkeypatch, stat=fail)

    with pytest.raises(TemporaryError):
        upkept.clean_user("alice")


def test_unknown_datasource_is_said_so(upkept: Upkept) -> None:
    with pytest.raises(PermanentError, match="there is no datasource 'gone'"):
        clean_user(upkept.run, CleanUserParams(datasource="gone", user="alice"))


def test_purge_takes_it_when_its_time_has_come_and_not_before(upkept: Upkept, monkeypatch: pytest.MonkeyPatch) -> None:
    upkept.clean_user("alice")
    run = upkept.run

    def purged(at: int) -> int:
        set_clock(monkeypatch, at)
        run.id = id_at(at)
        return purge(run, PurgeParams(datasource="files", older_than="P1D")).removed

    assert purged(NOW + 30 * DAY_MS - 1) == 0
    assert (upkept.root / ".rota/bin" / os.fsdecode(recycled(upkept).bin_path) / "docs/a").exists()
    assert purged(NOW + 30 * DAY_MS) == 1
    assert list((upkept.root / ".rota/bin").iterdir()) == []
