"""`rota bin` and `rota files` against a running console."""

from __future__ import annotations

import json
from typing import Any

import pytest

from console.exits import ExitCode
from rota.times import DAY_MS
from store.queries import runs
from tests.integration.console.bins import DOUBT, LAST, bin_item, recycle, remember
from tests.integration.console.conftest import Run
from tests.integration.console.serving import Console
from tests.integration.console.sources import add_source, bring_jobs, worker

PURGED = {
    "removed": 2, "entries": 3, "bytes": 2_000, "kept": {"held": 1, "young": 1_200},
    "items": [{"path": "a\nb", "bytes": 5, "deleted_at": "2026-01-01T00:00:00Z", "why": "age"}], "more": 1,
}  # fmt: skip


@pytest.fixture
def bins(console: Console) -> Console:
    """A console with a datasource whose bin has a few items."""
    now = console.parts.clock.now_ms()
    add_source(console, rules={"bin": {"max_size": 5_000_000, "hold": ["*.pdf"], "parts": [{"user": "bob"}]}})
    add_source(console, "other")
    bring_jobs(console)
    recycle(
        console,
        bin_item("1", "a/x\x1b[31m", at=now - 3_000),
        bin_item("2", "photos", kind="folder", items=3, bytes=8_000, at=now - 2_000, deleted_by="bob"),
        bin_item("3", "b.pdf", at=now - 1_000),
        bin_item("4", "c", at=now - 40 * DAY_MS, hold="case 17"),
    )
    return console


def started(console: Console, out: str) -> tuple[str, dict[str, Any]]:
    """The job that a command has started, and with what."""
    with console.parts.store.reading() as conn:
        run = runs.get_run(conn, out.strip())
    return run.job, run.params


# --- Looking --------------------------------------------------------------------------------------------------------------


def test_list_tells_what_is_there(bins: Console, rota: Run) -> None:
    code, out, err = rota("bin", "list", "docs")

    header, *rows = out.splitlines()
    assert (code, header.split()) == (0, ["ITEM", "DELETED", "BY", "SIZE", "LEAVES", "PATH"])
    assert [row.split()[0] for row in rows] == ["3", "2", "1", "4"]
    assert [row.split()[-1] for row in rows] == ["b.pdf", "photos/", "a/x\ufffd[31m", "c"]
    assert [word in row for word, row in zip(("held", "stays", "anna", "held"), rows, strict=True)] == [True] * 4
    assert err == ""


@pytest.mark.parametrize(
    ("options", "items"),
    [
        (["--q", "PHO"], ["2"]),
        (["--user", "bob"], ["2"]),
        (["--folder", "a"], ["1"]),
        (["--held"], ["3", "4"]),
        (["--no-held"], ["2", "1"]),
        (["--until", "2000-01-01"], []),
        (["--since", "2000-01-01", "--limit", "1"], ["3"]),
        (["--limit", "1", "--all"], ["3", "2", "1", "4"]),
    ],
)
def test_list_is_narrowed(bins: Console, rota: Run, options: list[str], items: list[str]) -> None:
    code, out, err = rota("bin", "list", "docs", *options, "--json")

    assert (code, [item["id"] for item in json.loads(out)]) == (0, items)
    table = rota("bin", "list", "docs", *options)
    assert ("1 item of more" in table[2]) is ("--limit" in options and "--all" not in options)
    assert ("nothing in the bin of docs matches" in table[2]) is (not items)


def test_item_and_datasource_are_shown(bins: Console, rota: Run) -> None:
    remember(bins, last_purge=LAST, doubt=DOUBT)

    item = rota("bin", "show", "docs", "2")[1]
    shown = rota("datasources", "show", "docs")[1]

    assert "folder, 3 entries" in item
    assert "leaves   stays" in item
    assert "by the pattern *.pdf" in rota("bin", "show", "docs", "3")[1]
    assert "case 17" in rota("bin", "show", "docs", "4")[1]
    assert rota("bin", "show", "docs", "9")[0] == ExitCode.NOT_FOUND
    for line in (
        "kept for P30D, at most 5.0 MB", "bob: kept for ever", "4 items, 11.0 KB, 1 held",
        "12 items, 1.0 KB (run r)", "1,200 items, to be confirmed: 1,200 of the",
    ):  # fmt: skip
        assert line in shown


def test_next_purge_is_told(console: Console, rota: Run) -> None:
    now = console.parts.clock.now_ms()
    add_source(console)
    add_source(console, "other")
    recycle(console, bin_item("1", "old", at=now - 31 * DAY_MS, bytes=7), bin_item("2", at=now, hold="why"))

    one = rota("bin", "next", "docs")[1]
    every = rota("bin", "next")[1].splitlines()

    assert "1 item, 7 B: 1 by age" in one
    assert "1 held" in one
    assert [row.split()[0] for row in every] == ["DATASOURCE", "docs", "other"]
    assert "not scheduled" in every[1]
    assert json.loads(rota("bin", "next", "--json")[1])["docs"]["reasons"] == {"age": 1}
    assert json.loads(rota("bin", "next", "docs", "--json")[1])["items"] == 1


# --- Bringing back, deleting for good -------------------------------------------------------------------------------------


def test_items_are_restored(bins: Console, rota: Run) -> None:
    code, out, _ = rota("bin", "restore", "docs", "1", "2", "--to", "back", "--conflict", "number")

    assert code == 0
    wish = {"items": ["1", "2"], "target": "back", "conflict": "number"}
    assert wish.items() <= started(bins, out)[1].items()
    assert rota("bin", "restore", "docs")[0] == ExitCode.USAGE
    assert rota("bin", "restore", "docs", "9")[0] == ExitCode.NOT_FOUND
    by_path = rota("bin", "restore", "docs", "--path", "photos")[1]
    assert started(bins, by_path)[1]["paths"] == ["photos"]


def test_restore_tells_what_stays(bins: Console, rota: Run) -> None:
    result = {"restored": 1, "bytes": 5, "kept": [{"path": "a", "why": "there is something"}]}

    with worker(bins, result):
        code, out, _ = rota("bin", "restore", "docs", "1", "--wait", "--timeout", "60")

    assert (code, out.splitlines()[1:]) == (
        0, ["Restored 1 item, 5 B. 1 item stays in the bin.", "  stays: a: there is something"],
    )  # fmt: skip


def test_deleting_for_good_has_to_be_meant(bins: Console, rota: Run) -> None:
    assert rota("bin", "delete", "docs", "1")[0] == ExitCode.USAGE
    refused = rota("bin", "delete", "docs", "1", "2", "--for-good")
    assert (refused[0], "Delete 2 items, 9.0 KB, of docs for good?" in refused[2]) == (ExitCode.REFUSED, True)
    assert "is held (case 17)" in rota("bin", "delete", "docs", "4", "--for-good", "--yes")[2]

    code, out, _ = rota("bin", "delete", "docs", "1", "2", "--for-good", "--yes")

    assert code == 0
    assert started(bins, out)[1]["items"] == ["1", "2"]


def test_purge_is_tried_first(bins: Console, rota: Run) -> None:
    assert rota("bin", "purge", "docs")[0] == ExitCode.REFUSED
    with worker(bins, PURGED):
        code, out, _ = rota("bin", "purge", "docs", "--dry-run", "--older-than", "P7D")
    assert code == 0
    assert "Would delete 2 items, 2.0 KB. Stays: 1,200 not old enough, 1 held." in out
    assert "a\ufffdb" in out
    assert out.endswith("  and 1 more\n")

    wish = ["--max-size", "5", "--max-items", "6", "--user", "anna", "--folder", "a", "--items-per-second", "7"]
    code, out, _ = rota("bin", "purge", "docs", "--yes", *wish)

    job, params = started(bins, out)
    assert (code, job) == (0, "purge-bin")
    told = {"max_size": 5, "max_items": 6, "user": "anna", "folder": "a", "items_per_second": 7, "dry_run": False}
    assert told.items() <= params.items()


def test_what_was_held_back_is_shown_before_it_is_confirmed(bins: Console, rota: Run) -> None:
    assert rota("bin", "confirm", "docs", "--yes")[0] == ExitCode.REFUSED
    remember(bins, doubt=DOUBT)

    refused = rota("bin", "confirm", "docs")
    assert refused[0] == ExitCode.REFUSED
    for words in ("  a/one.txt", "and 1,198 more", "Delete 1,200 items, 5.0 MB, for good?", "more than 50%"):
        assert words in refused[2]
    assert "\x1b" not in refused[2]

    with worker(bins, PURGED):
        code, out, _ = rota("bin", "confirm", "docs", "--yes", "--wait", "--timeout", "60")
    assert (code, "Deleted 2 items, 2.0 KB for good." in out) == (0, True)


def test_items_are_held_and_released(bins: Console, rota: Run) -> None:
    assert rota("bin", "hold", "docs", "1", "2", "--reason", "case 18")[:2] == (0, "")
    assert json.loads(rota("bin", "show", "docs", "1", "--json")[1])["hold"] == "case 18"
    assert rota("bin", "release", "docs", "1", "4")[2] == "2 items released\n"
    assert json.loads(rota("bin", "release", "docs", "2", "--json")[1]) == ["2"]
    with pytest.raises(SystemExit, match="2"):
        rota("bin", "hold", "docs", "1")


# --- Rules, files, the doctor ---------------------------------------------------------------------------------------------


def test_rules_of_a_bin_are_set_one_by_one(console: Console, rota: Run) -> None:
    add_source(console)

    def rules() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(rota("datasources", "show", "docs", "--json")[1])
        return {**found["bin"], "homes": found["homes"]}

    assert rota("datasources", "set", "docs", "--bin", "keep=null", "--bin", "max_items=9", "--homes", "users")[0] == 0
    assert (rules()["keep"], rules()["max_items"], rules()["homes"]) == (None, 9, "users")
    assert rota("datasources", "set", "docs", "--bin", "keep=", "--bin", 'hold=["*.pdf"]', "--homes", "")[0] == 0
    assert (rules()["keep"], rules()["hold"], rules()["homes"]) == ("P30D", ["*.pdf"], None)
    assert "bin.keep: 'soon' is not" in rota("datasources", "set", "docs", "--bin", "keep=soon")[2]
    assert rota("datasources", "set", "docs", "--bin", "keep")[0] == ExitCode.USAGE


def test_files_are_deleted_into_the_bin_or_past_it(bins: Console, rota: Run) -> None:
    into = rota("files", "delete", "docs", "a", "b/c")[1]
    refused = rota("files", "delete", "docs", "a", "--for-good")
    past = rota("files", "delete", "docs", "a", "--for-good", "--yes")[1]

    assert started(bins, into) == (
        "delete-entries",
        {"datasource": "docs", "paths": ["a", "b/c"], "permanently": False},
    )
    assert refused[0] == ExitCode.REFUSED
    assert started(bins, past)[1]["permanently"] is True


def test_name_that_is_no_utf8_is_refused_before_it_is_sent(bins: Console, rota: Run) -> None:
    code, _, said = rota("files", "delete", "docs", "bad\udcff.txt")

    assert code == ExitCode.USAGE
    assert "'\\udcff' in it, which is no UTF-8" in said


def test_deletion_tells_what_it_has_done(bins: Console, rota: Run) -> None:
    with worker(bins, {"removed": 2, "items": 5, "bytes": 7, "skipped": 1, "for_good": 0}):
        told = rota("files", "delete", "docs", "x", "--wait", "--timeout", "60")[1]

    assert told.splitlines()[1:] == ["Moved to the bin: 5 entries, 7 B. Not there any more: 1 path."]


@pytest.mark.parametrize(
    ("words", "job", "params"),
    [
        (
            ["copy", "docs", "a", "b", "--to", "c", "--conflict", "newer", "--no-verify"],
            "copy-entries",
            {"paths": ["a", "b"], "target": "c", "conflict": "newer", "verify": False},
        ),
        (
            ["move", "docs", "a", "--to", "c", "--target-datasource", "other"],
            "move-entries",
            {"paths": ["a"], "target": "c", "target_datasource": "other", "conflict": "skip"},
        ),
        (["mkdir", "docs", "a/b"], "make-folder", {"paths": ["a/b"]}),
        (
            ["rename", "docs", "--pattern", "x", "--replacement", "y", "--recursive"],
            "rename-entries",
            {"paths": [""], "pattern": "x", "replacement": "y", "recursive": True, "dry_run": False},
        ),
        (["hash", "docs", "--algorithm", "blake3"], "hash-entries", {"paths": [], "algorithm": "blake3"}),
        (["verify", "docs", "a", "--catalog"], "verify-entries", {"paths": ["a"], "catalog": True}),
    ],
)
def test_work_on_files_starts_its_job(
    bins: Console, rota: Run, *, words: list[str], job: str, params: dict[str, Any]
) -> None:
    code, out, err = rota("files", *words)

    assert code == 0, err
    found = started(bins, out)
    assert found[0] == job
    assert params.items() <= found[1].items()


def test_dry_run_of_renaming_lists_the_names(bins: Console, rota: Run) -> None:
    result = {"renamed": 1, "skipped": 0, "items": [{"path": "a/x.txt", "name": "y.txt"}]}

    with worker(bins, result):
        code, out, _ = rota("files", "rename", "docs", "--pattern", "x", "--replacement", "y", "--dry-run")

    assert (code, out.splitlines()[1:]) == (0, ["renamed 1, skipped 0", "  a/x.txt -> y.txt"])


def test_doctor_tells_of_a_purge_that_is_held_back(bins: Console, rota: Run) -> None:
    from console.doctor_bins import bin_check

    settings = bins.parts.settings
    assert (bin_check(bins.parts.store, settings).level, bin_check(bins.parts.store, settings).advice) == ("ok", "")
    remember(bins, doubt=DOUBT)

    found = bin_check(bins.parts.store, settings)

    assert found.level == "warn"
    assert "docs: 1,200 items, 1,200 of the 1,300" in found.words()
    assert "rota bin confirm NAME" in found.words()
