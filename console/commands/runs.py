"""`rota runs`: list runs, show one, read its log, stop it or try it again."""

from __future__ import annotations

import argparse
from collections import Counter
from itertools import groupby
from operator import itemgetter
from typing import Any

from console.client import open_client, segment
from console.connection import add_connection_options
from console.exits import ExitCode
from console.output import (
    add_json_option,
    elapsed,
    local_time,
    print_fields,
    print_json,
    print_json_line,
    print_table,
    printable,
    say,
)
from console.verbs import add_verb

_STATES = ("waiting", "queued", "running", "retrying", "paused", "succeeded", "failed", "cancelled", "skipped")
_BRANCHES = 20
"""Branches of a step that `show` lists."""
_DEEDS = {
    "cancel": "cancel runs, wherever they are",
    "pause": "pause runs; they continue from their checkpoint when resumed",
    "resume": "let paused runs continue",
    "retry": "start ended runs once more, with the same parameters",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verbs and their options."""
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    listing = add_verb(verbs, "list", "list runs, newest first", _list, add_connection_options, add_json_option)
    listing.add_argument("--job", metavar="JOB", help="only runs of this job")
    listing.add_argument(
        "--in", dest="states", action="append", choices=_STATES, help="only runs in this state (may be repeated)"
    )
    listing.add_argument("--owner", metavar="NAME", help="only runs of this owner")
    listing.add_argument("--cause", choices=("tick", "event", "person", "parent"), help="only runs started by this")
    listing.add_argument("--since", metavar="TIME", help="only runs admitted at or after this time (RFC 3339)")
    listing.add_argument("--until", metavar="TIME", help="only runs admitted at or before this time (RFC 3339)")
    listing.add_argument("--limit", type=int, default=50, metavar="N", help="how many (default 50)")
    showing = add_verb(
        verbs, "show", "show a run with its steps and attempts", _show, add_connection_options, add_json_option
    )
    showing.add_argument("id", metavar="RUN")
    reading = add_verb(verbs, "log", "print the log of a run", _log, add_connection_options, add_json_option)
    reading.add_argument("id", metavar="RUN")
    reading.add_argument("--level", choices=("debug", "info", "warning", "error"), help="lines of this level and above")
    reading.add_argument("-q", metavar="TEXT", help="only lines with this text")
    reading.add_argument("-f", "--follow", action="store_true", help="go on until the run has ended")
    for word, line in _DEEDS.items():
        deed = add_verb(verbs, word, line, _ask, add_connection_options)
        deed.add_argument("ids", metavar="RUN", nargs="+")
        deed.set_defaults(word=word, failed=False)
        if word == "retry":
            deed.add_argument(
                "--failed", action="store_true", help="only what failed; what succeeded is taken over with its results"
            )


def _list(options: argparse.Namespace) -> int:
    query = {name: getattr(options, name) for name in ("job", "owner", "cause", "since", "until")}
    query["state"] = ",".join(options.states) if options.states else None
    with open_client(options) as client:
        runs = list(client.items("/runs", limit=options.limit, **query))
    if options.json:
        print_json(runs)
        return ExitCode.OK
    print_table(
        ("run", "job", "state", "cause", "queued", "took", "note"),
        [_row(run) for run in runs],
        empty="no run matches" if any(query.values()) else "nothing has run yet",
    )
    return ExitCode.OK


def _row(run: dict[str, Any]) -> tuple[object, ...]:
    error = run["error"] or {}
    note = run["reason"] or (f"{error['type']}: {error['message']}" if error else "")
    return (
        run["id"],
        run["job"],
        run["state"],
        cause_words(run["cause"]),
        local_time(run["queued_at"]),
        elapsed(run["started_at"], run["ended_at"]) if run["started_at"] else "",
        note.partition("\n")[0][:80],
    )


def cause_words(cause: dict[str, Any]) -> str:
    """Return why a run started, in a few words."""
    if cause["kind"] == "tick":
        return f"due {local_time(cause['due'])}"
    if cause["kind"] == "event":
        return f"event {cause['event']['type']}"
    return f"by {cause['person']}" if cause["kind"] == "person" else f"run {cause['parent']}"


def _show(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        run = client.get(f"/runs/{segment(options.id)}")
    if options.json:
        print_json(run)
        return ExitCode.OK
    error = run["error"] or {}
    print_fields(
        [
            ("run", run["id"]),
            ("job", run["job"]),
            ("state", run["state"]),
            ("reason", run["reason"]),
            ("cause", cause_words(run["cause"])),
            ("params", run["params"] or None),
            ("queued", local_time(run["queued_at"])),
            ("started", local_time(run["started_at"]) if run["started_at"] else None),
            ("ended", local_time(run["ended_at"]) if run["ended_at"] else None),
            ("took", elapsed(run["started_at"], run["ended_at"]) if run["started_at"] else None),
            ("error", f"{error['type']}: {error['message']}" if error else None),
            ("result", run["result"]),
        ]
    )
    print()
    print_table(
        ("step", "actor", "state", "attempt", "worker", "started", "took"),
        [row for _, tasks in groupby(run["tasks"], key=itemgetter("step")) for row in _step_rows(list(tasks))],
    )
    return ExitCode.OK


def _step_rows(tasks: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    """Return the rows of a step; of its branches those that did not succeed, below how many there are."""
    first = tasks[0]
    if first["branch"] is None:
        return _attempt_rows(first)
    counts = Counter(task["state"] for task in tasks)
    said = ", ".join(f"{count} {state}" for state, count in counts.items())
    notable = [task for task in tasks if task["state"] not in ("succeeded", "waiting", "queued")]
    shown = [row for task in notable[:_BRANCHES] for row in _attempt_rows(task)]
    if len(notable) > _BRANCHES:
        shown.append(
            (f"{first['step']}[…]", first["actor"], f"{len(notable) - _BRANCHES} more", None, None, None, None)
        )
    return [(first["step"], first["actor"], f"{len(tasks)} branches: {said}", None, None, None, None), *shown]


def _attempt_rows(task: dict[str, Any]) -> list[tuple[object, ...]]:
    step = task["step"] if task["branch"] is None else f"{task['step']}[{task['branch']}]"
    if not task["attempts"]:
        return [(step, task["actor"], task["state"], None, None, None, None)]
    return [
        (
            step,
            task["actor"],
            attempt["state"],
            attempt["n"],
            attempt["worker"],
            local_time(attempt["started_at"]),
            elapsed(attempt["started_at"], attempt["ended_at"]),
        )
        for attempt in task["attempts"]
    ]


def _log(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        query = {"level": options.level, "q": options.q}
        if options.follow:
            from console.following import follow_log

            lines = follow_log(client, options.id, **query)
        else:
            lines = client.log_lines(options.id, **query)
        for line in lines:
            if options.json:
                print_json_line(line)
            else:
                print(local_time(line["at"]), line["level"].ljust(7), printable(line["message"]), flush=options.follow)
        return ExitCode.OK


def _ask(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        for run_id in options.ids:
            body = {"only": "failed"} if options.failed else None
            answer = client.post(f"/runs/{segment(run_id)}/{options.word}", body)
            say(f"{run_id}: {answer['run']} started" if options.word == "retry" else f"{run_id}: {answer['state']}")
        return ExitCode.OK
