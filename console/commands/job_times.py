"""The verbs of `rota jobs` about times: when jobs are due, why one ran or did not, and making up for ticks."""

from __future__ import annotations

import argparse
from typing import Any

from console.client import open_client, segment
from console.connection import add_connection_options
from console.exits import ExitCode
from console.output import add_json_option, instant, local_time, print_json, print_table, say
from console.verbs import add_verb

OVERLAPS = ("skip", "buffer_one", "buffer_all", "cancel_other", "terminate_other", "allow_all")


def configure(verbs: Any) -> None:
    """Add the verbs and their options."""
    coming = add_verb(verbs, "upcoming", "tell when jobs are due", _upcoming, add_connection_options, add_json_option)
    coming.add_argument("name", metavar="JOB", nargs="?", help="name of the job (default: all)")
    coming.add_argument("--count", type=int, metavar="N", help="how many ticks (default 10; in a range 1000)")
    _add_range(coming, required=False)
    why = add_verb(
        verbs, "explain", "tell why a job ran at a time or did not", _explain, add_connection_options, add_json_option
    )
    why.add_argument("name", metavar="JOB", help="name of the job")
    why.add_argument("--at", metavar="TIME", required=True, help="a minute or a second, such as 2026-05-04T08:30")
    making_up = add_verb(
        verbs,
        "backfill",
        "run the ticks of a past range that became no run",
        _backfill,
        add_connection_options,
        add_json_option,
    )
    making_up.add_argument("name", metavar="JOB", help="name of the job")
    _add_range(making_up, required=True)
    making_up.add_argument("--overlap", choices=OVERLAPS, help="instead of the job's own (default buffer_all)")
    making_up.add_argument("--dry-run", action="store_true", help="list the ticks, and run nothing")


def _add_range(parser: argparse.ArgumentParser, *, required: bool) -> None:
    parser.add_argument("--from", dest="start", metavar="TIME", required=required, help="begin of a range, included")
    parser.add_argument("--until", metavar="TIME", required=required, help="end of the range, not included")


def _upcoming(options: argparse.Namespace) -> int:
    ranged = options.start is not None or options.until is not None
    query = {
        "count": options.count or (1000 if ranged else 10),
        "from": _time(options.start),
        "until": _time(options.until),
    }
    path = "/upcoming" if options.name is None else f"/jobs/{segment(options.name)}/upcoming"
    with open_client(options) as client:
        ticks = client.get(path, **query)["items"]
    if options.json:
        print_json(ticks)
        return ExitCode.OK
    if options.name is None:
        rows = [(local_time(tick["due"]), tick["job"], tick["trigger"]) for tick in ticks]
        print_table(("due", "job", "trigger"), rows, empty="no job is due then")
        return ExitCode.OK
    print_table(
        ("due", "trigger"),
        [(local_time(tick["due"]), tick["trigger"]) for tick in ticks],
        empty=f"{options.name} is not due then" if ranged else f"{options.name} starts by event or by hand only",
    )
    return ExitCode.OK


def _explain(options: argparse.Namespace) -> int:
    start, length = instant(options.at)
    with open_client(options) as client:
        found = client.get(
            f"/jobs/{segment(options.name)}/explain", at=start.isoformat(), until=(start + length).isoformat()
        )
    if options.json:
        print_json(found)
        return ExitCode.OK
    for finding in found["findings"]:
        print(f"{local_time(finding['due'])}  {finding['trigger']}: {finding['said']}")
        if finding["run"]:
            print(f"    run {finding['run']}")
    if found["said"]:
        around = [
            f"{word} {local_time(found[name])}" for word, name in (("last", "before"), ("next", "after")) if found[name]
        ]
        print(found["said"] + (f" ({', '.join(around)})" if around else ""))
    return ExitCode.OK


def _backfill(options: argparse.Namespace) -> int:
    body = {"from": _time(options.start), "until": _time(options.until), "dry_run": options.dry_run}
    if options.overlap is not None:
        body["overlap"] = options.overlap
    with open_client(options) as client:
        found = client.post(f"/jobs/{segment(options.name)}/backfill", body)
    if options.json:
        print_json(found)
        return ExitCode.OK
    if options.dry_run:
        for due in found["ticks"]:
            print(local_time(due))
    else:
        for run in found["runs"]:
            print(run)
    word = "would be made up for" if options.dry_run else "made up for"
    say(f"{found['due']} ticks in the range, {found['done']} have their run, {len(found['ticks'])} {word}")
    return ExitCode.OK


def _time(text: str | None) -> str | None:
    return None if text is None else instant(text)[0].isoformat()
