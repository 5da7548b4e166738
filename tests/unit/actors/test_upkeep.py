"""What upkeep decides before it removes anything."""

from __future__ import annotations

import pytest

from actors.datasources.drafts import DraftKind
from actors.datasources.rows import Row
from actors.history import Bound, Kept, Records
from actors.upkeep.empties import Empties
from actors.upkeep.homes import home_of
from actors.upkeep.keeping import DELETED, RECORD_DAYS, bound_of, kept_of
from actors.upkeep.leftovers import Ages, draft_at, is_entered
from rota.jobs import Keep
from rota.times import DAY_MS


def test_a_job_keeps_what_it_says_and_no_more_than_is_asked_for() -> None:
    own = Kept(runs=50, days=20)

    assert kept_of(own, runs=None, days=None) == own
    assert kept_of(own, runs=10, days=30) == Kept(10, 20)
    assert kept_of(own, runs=60, days=5) == Kept(50, 5)


def test_of_deleted_jobs_is_kept_what_is_asked_for() -> None:
    assert kept_of(None, runs=1000, days=400) == Kept(1000, 400)
    assert kept_of(None, runs=None, days=None) == DELETED


def test_of_deleted_jobs_is_kept_as_much_as_of_one_that_says_nothing() -> None:
    assert (DELETED.runs, DELETED.days) == (Keep().runs, Keep().days)


def test_a_run_goes_the_day_after_its_days() -> None:
    assert bound_of(Kept(5, 3), 10 * DAY_MS) == Bound(5, 7 * DAY_MS)


def test_every_kind_of_record_has_its_days() -> None:
    assert set(RECORD_DAYS) == set(Records)


AGES = Ages(now_ms=10 * DAY_MS, clock_ms=12 * DAY_MS, older_than_ms=DAY_MS)
ID = "01900000-0000-7000-8000-000000000001"


@pytest.mark.parametrize(
    ("made", "modified", "old"),
    [
        (9 * DAY_MS - 1, 9 * DAY_MS - 1, True),
        (9 * DAY_MS, 1, False),
        (1, 9 * DAY_MS, False),
        (1, 0, True),  # the storage knows no time
        (0, 0, False),
        (1, 13 * DAY_MS, False),
        (1, 13 * DAY_MS + 1, True),  # a day ahead of the clock: somebody's mistake
        (13 * DAY_MS + 1, 13 * DAY_MS + 1, False),
    ],
)
def test_the_younger_time_counts_unless_it_is_a_mistake(made: int, modified: int, old: bool) -> None:
    assert AGES.is_old(made, modified * 1_000_000) is old


@pytest.mark.parametrize(
    "tail", ["", f"-{'0' * 32}", "-", "--", "-A-", "-?-", "-;-", "-#-", "-%41-", "-\\-", "-\t-", "-\r-", "-\n-"]
)
def test_drafts_are_known_by_their_names(tail: str) -> None:
    name = f".rota-draft-{ID}{tail}".encode()

    draft = draft_at(Row(name, "file", 1, 1))
    assert draft is not None
    assert (draft.id, draft.started_ms) == (ID, 0x019000000000)
    for kind in ("folder", "link"):
        assert draft_at(Row(name, kind, 0, 1)) is None


@pytest.mark.parametrize("name", ["", "x", "-B-", "-??-", "-?", "---", "-%42-", f"-{'0' * 31}", "-old"])
def test_other_names_are_no_drafts(name: str) -> None:
    assert draft_at(Row(f".rota-draft-{ID[:-1]}{name}".encode(), "file", 1, 1)) is None
    if name:
        assert draft_at(Row(f".rota-draft-{ID}{name}".encode(), "file", 1, 1)) is None


def test_what_is_set_aside_lies_in_a_folder() -> None:
    name = f".rota-draft-{ID}-old".encode()

    assert draft_at(Row(name, "file", 1, 1)) is None
    draft = draft_at(Row(name, "folder", 0, 1))
    assert draft is not None
    assert draft.kind is DraftKind.ASIDE


def test_of_private_folders_only_our_own_is_entered() -> None:
    entered = [b"a", b"a/b", b".rota", b".rota/mirror", b".rota/drafts", b".rotated", b"rota"]
    left = [b".rota/bin", b".rota/tomb", b"a/.rota", b".rota-x", b"a/.rota-draft-1", b".rota/.rota"]

    assert [path for path in entered + left if is_entered(path)] == entered


class TestEmpties:
    """Folders of a walk, each told before those in it."""

    def test_folder_is_empty_once_all_in_it_are_gone(self) -> None:
        found = Empties(b"")
        assert found.tell(b"", folders=1, stays=False, modified_ns=0) is None
        assert found.tell(b"a", folders=2, stays=False, modified_ns=1) is None
        assert found.tell(b"a/b", folders=0, stays=False, modified_ns=2) == (b"a/b", 2)
        assert found.settle(b"a/b", gone=True) is None
        assert found.tell(b"a/c", folders=0, stays=False, modified_ns=3) == (b"a/c", 3)
        assert found.settle(b"a/c", gone=True) == (b"a", 1)
        assert found.settle(b"a", gone=True) is None

    def test_folder_that_stays_keeps_all_above_it(self) -> None:
        found = Empties(b"")
        found.tell(b"", folders=1, stays=False, modified_ns=0)
        found.tell(b"a", folders=1, stays=False, modified_ns=1)
        found.tell(b"a/b", folders=2, stays=False, modified_ns=2)
        assert found.tell(b"a/b/file", folders=0, stays=True, modified_ns=3) is None
        assert found.tell(b"a/b/c", folders=0, stays=False, modified_ns=4) == (b"a/b/c", 4)
        assert found.settle(b"a/b/c", gone=True) is None

    def test_folder_that_could_not_be_removed_keeps_those_above(self) -> None:
        found = Empties(b"top")
        found.tell(b"top", folders=1, stays=False, modified_ns=0)
        found.tell(b"top/a", folders=1, stays=False, modified_ns=1)
        assert found.tell(b"top/a/b", folders=0, stays=False, modified_ns=2) == (b"top/a/b", 2)
        assert found.settle(b"top/a/b", gone=False) is None

    def test_top_itself_is_never_found(self) -> None:
        assert Empties(b"").tell(b"", folders=0, stays=False, modified_ns=1) is None
        assert Empties(b"a/b").tell(b"a/b", folders=0, stays=False, modified_ns=1) is None


def test_a_users_home_is_the_folder_of_their_name() -> None:
    assert home_of("people/homes", "ada") == b"people/homes/ada"
    assert home_of("people", "...") == b"people/..."
    assert home_of(None, "ada") is None
