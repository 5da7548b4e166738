"""Leftovers go when they are old and nobody comes back for them, and nothing else is touched."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actors.clean_leftovers import CleanLeftoversParams, clean_leftovers
from actors.datasources.bins import Bin
from actors.datasources.drafts import draft_of
from actors.datasources.local.storage import LocalStorage
from actors.datasources.storage import Datasource, Unlisted, Why
from rota.datasources import Rules
from rota.errors import Cancelled, PermanentError
from rota.times import DAY_MS, MINUTE_MS
from store.engine import Store
from store.queries import outcomes, runs
from tests.factories import make_outcome, make_run, make_task
from tests.integration.actors.pair import Faulty
from tests.integration.actors.upkeep import NOW, OLD, Upkept, id_at, inodes, set_age, set_clock
from tests.trees import Fifo, Link, make_tree

DRAFT = f".rota-draft-{id_at(NOW - OLD)}"
BIN = Path(".rota/bin")


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    """A store."""
    opened = Store(sqlite_url)
    yield opened
    opened.close()


@pytest.fixture
def upkept(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> Upkept:
    """A folder as a datasource, at a time that stands still."""
    set_clock(monkeypatch, NOW)
    (tmp_path / "files").mkdir()
    return Upkept(Datasource(name="files", root=str(tmp_path / "files")), store)


def leave(upkept: Upkept, path: str, *, made: int = OLD, modified: int = OLD, content: bytes = b"half") -> Path:
    """Leave a draft in a folder that was begun and last written so long ago; `{id}` stands for its id."""
    place = upkept.root / path.format(id=id_at(NOW - made))
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    set_age(place, modified)
    return place


def wrap(monkeypatch: pytest.MonkeyPatch, **faults: Any) -> None:
    """Let the storage do what a test says."""
    monkeypatch.setattr(
        "actors.clean_leftovers.open_storage", lambda datasource, **_: Faulty(LocalStorage(datasource), **faults)
    )


def names(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


def test_old_drafts_go_wherever_they_are(upkept: Upkept) -> None:
    upkept.datasource = replace(upkept.datasource, rules=Rules(exclude=("left-out/",)))
    make_tree(upkept.root, {"a": {"deep": {"file": b"x"}}, "left-out": {"file": b"y"}})
    for place in ("{id}", "a/deep/{id}", "left-out/{id}", ".rota/{id}", ".rota/bin/{id}", ".rota/mirror/{id}"):
        leave(upkept, place.replace("{id}", ".rota-draft-{id}"))

    assert upkept.counts() == {"drafts": 6, "bytes": 24}

    assert {name for name in names(upkept.root) if "draft" in name} == set()
    assert (upkept.root / "a/deep/file").read_bytes() == b"x"
    assert upkept.run.events == []
    assert upkept.counts() == {}


@pytest.mark.parametrize(
    ("made", "modified", "goes"),
    [
        (DAY_MS, DAY_MS, False),
        (DAY_MS + 1, DAY_MS + 1, True),
        (DAY_MS + 1, DAY_MS, False),  # it was begun long ago, and is still written
        (DAY_MS, DAY_MS + 1, False),  # its file has got the time of what is copied
        (DAY_MS + 1, 1000 * DAY_MS, True),
        (DAY_MS + 1, -2 * DAY_MS, True),  # a time in the future says nothing
        (-2 * DAY_MS, DAY_MS, False),
        (-2 * DAY_MS, DAY_MS + 1, True),
        (-2 * DAY_MS, -2 * DAY_MS, False),
        (DAY_MS + 1, -1, False),  # some clock is a little ahead
    ],
)
def test_the_younger_of_both_times_counts(upkept: Upkept, made: int, modified: int, goes: bool) -> None:
    place = leave(upkept, ".rota-draft-{id}", made=made, modified=modified)

    assert upkept.clean().drafts == goes
    assert place.exists() != goes


def test_how_old_is_said_by_whoever_asks(upkept: Upkept) -> None:
    leave(upkept, ".rota-draft-{id}")

    assert upkept.counts(older_than="P3D") == {"kept": 1}
    assert upkept.counts(older_than="PT47H") == {"drafts": 1, "bytes": 4}


def test_worker_whose_clock_runs_ahead_takes_nothing_for_old(upkept: Upkept, monkeypatch: pytest.MonkeyPatch) -> None:
    leave(upkept, ".rota-draft-{id}", made=0, modified=0)
    set_clock(monkeypatch, NOW + 400 * DAY_MS)

    assert upkept.counts() == {"kept": 1}


def test_run_that_waited_for_days_spares_what_is_being_written(upkept: Upkept, monkeypatch: pytest.MonkeyPatch) -> None:
    leave(upkept, ".rota-draft-{id}", made=-5 * DAY_MS, modified=1000 * DAY_MS)
    set_clock(monkeypatch, NOW + 5 * DAY_MS)

    assert upkept.counts() == {"kept": 1}


def test_nothing_but_leftovers_is_touched(upkept: Upkept) -> None:
    uuid4 = "01900000-0000-4000-8000-000000000001"
    alike = {
        ".rota-draft": b"1",
        ".rota-draftx": b"2",
        ".rota-draft-": b"3",
        ".rota-draft-notauuid": b"4",
        f".rota-draft-{uuid4}": b"5",
        f"x{DRAFT}": b"6",
        f"{DRAFT}x": b"7",
        f"{DRAFT}\n": b"8",
        f"{DRAFT}-older": b"9",
        f"{DRAFT}-old": b"a file, which nobody sets aside as one",
        DRAFT.upper(): b"10",
        f".rota-other-{id_at(NOW - OLD)}": b"11",
        f"rota-draft-{id_at(NOW - OLD)}": b"12",
        f".rota-draft-{id_at(NOW - OLD, 1)}": Link("/etc/hostname"),
        f".rota-draft-{id_at(NOW - OLD, 2)}": Fifo(),
        f".rota-draft-{id_at(NOW - OLD, 3)}": {},
        f".rota-draft-{id_at(NOW - OLD, 4)}": {"file": b"13", DRAFT: b"14"},
        ".rota-else": {DRAFT: b"15"},
        "link": Link("."),
    }
    item = id_at(NOW - OLD, 9)
    make_tree(
        upkept.root,
        {
            **alike,
            "below": {**alike, ".rota": {DRAFT: b"another's"}},
            ".rota": {
                "tomb": {DRAFT: b"16", "x": {DRAFT: b"17"}},
                "bin": {
                    item: {"folder": {DRAFT: b"18"}},
                    f"{item}.trashinfo": b"19",
                    "readme": b"20",
                    "readme.trashinfo": b"21",
                    "empty": {},
                    f"{uuid4}.trashinfo": b"22",
                    uuid4: {},
                },
            },
        },
    )
    for folder, folders, files in os.walk(upkept.root):
        for name in folders + files:
            set_age(os.path.join(folder, name), 1000 * DAY_MS)
    before = inodes(upkept.root)

    assert upkept.counts() == {}

    assert inodes(upkept.root) == before


def test_drafts_of_open_tasks_stay(upkept: Upkept, store: Store) -> None:
    run = make_run()
    tasks = [make_task(run, id=id_at(NOW - OLD, number), step=f"s{number}") for number in (1, 2)]
    with store.writing() as conn:
        runs.insert_admitted(conn, [run], tasks)
    kept = [leave(upkept, draft_of(b"a/file", task.id).decode()) for task in tasks]
    nobodys = leave(upkept, draft_of(b"a/file", id_at(NOW - OLD, 3)).decode())

    assert upkept.counts() == {"drafts": 1, "bytes": 4, "kept": 2}
    assert not nobodys.exists()

    with store.writing() as conn:
        outcomes.apply(conn, [make_outcome("finished", task) for task in tasks])
    set_age(kept[0], DAY_MS)
    assert upkept.counts() == {"drafts": 1, "bytes": 4, "kept": 1}
    assert [place.exists() for place in kept] == [True, False]


def test_very_many_drafts_of_tasks_are_asked_for_some_at_a_time(upkept: Upkept) -> None:
    for number in range(450):
        leave(upkept, draft_of(b"a/%d" % number, id_at(NOW - OLD, number)).decode(), content=b"")

    assert upkept.counts() == {"drafts": 450}


def test_plans_of_renamings_go_once_their_task_has_ended(upkept: Upkept, store: Store) -> None:
    run = make_run()
    task = make_task(run, id=id_at(NOW - OLD, 1))
    with store.writing() as conn:
        runs.insert_admitted(conn, [run], [task])
    kept = leave(upkept, f".rota/renames/{task.id}")
    nobodys = leave(upkept, f".rota/renames/{id_at(NOW - OLD, 2)}")
    anothers = leave(upkept, ".rota/renames/notes")

    assert upkept.counts() == {"drafts": 1, "bytes": 4, "kept": 1}
    assert [place.exists() for place in (kept, nobodys, anothers)] == [True, False, True]


def test_file_of_a_killed_probe_goes(upkept: Upkept) -> None:
    place = leave(upkept, ".rota-trial", modified=DAY_MS)
    leave(upkept, "a/.rota-trial")
    assert upkept.counts() == {}

    set_age(place, DAY_MS + 1)
    assert upkept.counts() == {"drafts": 1, "bytes": 4}
    assert names(upkept.root) == {"a", "a/.rota-trial"}


class TestSetAside:
    """What a storage leaves that replaces a file in two steps, killed between them."""

    def test_file_is_put_back_where_none_is(self, upkept: Upkept) -> None:
        old = leave(upkept, "a/" + ".rota-draft-{id}-old/file", made=11 * MINUTE_MS, content=b"old")
        set_age(old.parent, 11 * MINUTE_MS)

        assert upkept.counts(dry_run=True) == {"restored": 1}
        assert upkept.counts() == {"restored": 1}

        assert names(upkept.root) == {"a", "a/file"}
        assert (upkept.root / "a/file").read_bytes() == b"old"
        assert [event.data for event in upkept.run.events] == [{"datasource": "files", "paths": ["a"]}]

    def test_old_content_goes_where_the_new_one_came(self, upkept: Upkept) -> None:
        (upkept.root / "file").write_bytes(b"new")
        old = leave(upkept, ".rota-draft-{id}-old/file", content=b"old")
        set_age(old.parent, DAY_MS)
        assert upkept.counts() == {"kept": 1}

        set_age(old.parent, DAY_MS + 1)
        assert upkept.counts() == {"drafts": 1, "bytes": 3}

        assert names(upkept.root) == {"file"}
        assert (upkept.root / "file").read_bytes() == b"new"
        assert upkept.run.events == []

    def test_writer_that_is_just_between_the_steps_is_let_alone(self, upkept: Upkept) -> None:
        old = leave(upkept, ".rota-draft-{id}-old/file", content=b"old")
        set_age(old.parent, 10 * MINUTE_MS)

        assert upkept.counts() == {"kept": 1}
        assert old.exists()

    def test_empty_folder_of_it_goes(self, upkept: Upkept) -> None:
        folder = upkept.root / f"{DRAFT}-old"
        folder.mkdir()
        set_age(folder, OLD)

        upkept.clean()

        assert names(upkept.root) == set()

    def test_what_nobody_sets_aside_stays(self, upkept: Upkept) -> None:
        make_tree(upkept.root, {f"{DRAFT}-old": {"folder": {"file": b"x"}, "pipe": Fifo()}})
        set_age(upkept.root / f"{DRAFT}-old", OLD)

        assert upkept.counts() == {"kept": 1}
        assert len(names(upkept.root)) == 4


class TestBin:
    """What a deletion leaves in the bin that was killed."""

    def test_information_without_an_item_and_empty_items_go(self, upkept: Upkept) -> None:
        ids = [id_at(NOW - OLD, number) for number in range(4)]
        items = {
            f"{ids[0]}.trashinfo": b"info",
            ids[1]: {},
            f"{ids[1]}.trashinfo": b"info",
            ids[2]: {"file": b"deleted"},
            f"{ids[2]}.trashinfo": b"info",
            ids[3]: {},
        }
        make_tree(upkept.root, {".rota": {"bin": items}})
        for name in items:
            set_age(upkept.root / BIN / name, OLD)

        assert upkept.counts(dry_run=True)["infos"] == 4
        assert upkept.counts() == {"infos": 4, "bytes": 8}

        assert names(upkept.root / BIN) == {ids[2], f"{ids[2]}/file", f"{ids[2]}.trashinfo"}
        assert upkept.counts() == {}

    def test_what_is_young_stays(self, upkept: Upkept) -> None:
        items = {f"{id_at(NOW - DAY_MS)}.trashinfo": b"info", id_at(NOW - DAY_MS, 1): {}}
        make_tree(upkept.root, {".rota": {"bin": items}})
        for name in items:
            set_age(upkept.root / BIN / name, OLD)
        before = inodes(upkept.root)

        upkept.clean()

        assert inodes(upkept.root) == before

    def test_what_has_a_record_is_left_to_the_purge(self, upkept: Upkept) -> None:
        (upkept.root / "file").write_bytes(b"x")
        run = upkept.new_run()
        storage = LocalStorage(upkept.datasource)
        row = storage.stat(b"file")
        assert row is not None
        item = Bin(storage, run=run.id, deleted_by=None, now_ms=lambda: NOW).put(b"file", row)
        storage.close()
        run.bin("files").add([item])
        place = upkept.root / BIN / item.bin_path.decode()
        place.unlink()
        upkept.now_ms += 10 * DAY_MS
        before = inodes(upkept.root)

        upkept.clean(run)

        assert inodes(upkept.root) == before


def test_dry_run_counts_the_same_and_changes_nothing(upkept: Upkept) -> None:
    leave(upkept, "a/.rota-draft-{id}")
    aside = leave(upkept, ".rota-draft-{id}-old/file").parent
    set_age(aside, OLD)
    before = inodes(upkept.root)

    told = upkept.counts(dry_run=True)

    assert inodes(upkept.root) == before
    assert upkept.run.events == []
    assert told == upkept.counts() == {"drafts": 1, "bytes": 4, "restored": 1}


def test_draft_that_is_written_to_again_stays(upkept: Upkept, monkeypatch: pytest.MonkeyPatch) -> None:
    place = leave(upkept, ".rota-draft-{id}")

    def stat(real: Any, path: bytes) -> Any:
        place.write_bytes(b"more than half")
        return real.stat(path)

    wrap(monkeypatch, stat=stat)

    assert upkept.counts() == {"kept": 1}
    assert place.read_bytes() == b"more than half"


def test_what_cannot_be_read_or_removed_is_told_and_the_rest_goes_on(
    upkept: Upkept, monkeypatch: pytest.MonkeyPatch
) -> None:
    stays, goes = leave(upkept, "a/.rota-draft-{id}"), leave(upkept, "b/.rota-draft-{id}")
    leave(upkept, "c/.rota-draft-{id}")

    def delete(real: Any, path: bytes) -> None:
        if path.startswith(b"a/"):
            raise PermissionError(13, "Permission denied", path)
        real.delete(path)

    def list_folder(real: Any, path: bytes) -> Any:
        if path == b"c":
            return Unlisted(path=path, why=Why.FAILED, reason="Input/output error")
        return real.list_folder(path)

    wrap(monkeypatch, delete=delete, list_folder=list_folder)

    assert upkept.counts() == {"drafts": 1, "bytes": 4, "failed": 2}
    assert (stays.exists(), goes.exists()) == (True, False)
    assert sorted(upkept.said("error")) == [
        f"'a/{stays.name}' stays: Permission denied",
        "'c' stays: Input/output error",
    ]


def test_run_that_is_cancelled_stops_and_the_next_one_finishes(upkept: Upkept) -> None:
    for number in range(20):
        leave(upkept, f"{number}/.rota-draft-{{id}}")
    run = upkept.new_run()

    def cancel(_: int) -> None:
        if len([name for name in names(upkept.root) if "draft" in name]) < 15:
            raise Cancelled

    run.on_check = cancel
    with pytest.raises(Cancelled):
        upkept.clean(run)
    left = len([name for name in names(upkept.root) if "draft" in name])
    assert 10 < left < 20

    assert upkept.clean().drafts == left


def test_absent_storage_is_not_taken_for_a_clean_one(upkept: Upkept) -> None:
    upkept.datasource = replace(upkept.datasource, marker="mine")

    with pytest.raises(PermanentError, match="marker"):
        upkept.clean()
    with pytest.raises(PermanentError, match="there is no datasource"):
        clean_leftovers(upkept.run, CleanLeftoversParams(datasource="gone"))
