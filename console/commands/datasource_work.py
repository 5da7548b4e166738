"""The verbs of `rota datasources` that start work: sync, test, confirm, and the news that something changed."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from console.asking import add_yes_option, make_sure
from console.client import Client, open_client, segment
from console.connection import add_connection_options
from console.difference_words import COUNTED, counts_in_words, found_by
from console.exits import CommandFailed, ExitCode
from console.output import add_json_option, local_time, print_json, printable, printable_line, say
from console.verbs import add_verb

_OUTPUT = (add_connection_options, add_json_option)
_TEST_SECONDS = 120.0


def configure(verbs: Any) -> None:
    """Add the verbs and their options."""
    syncing = add_verb(verbs, "sync", "bring the catalog up to date now", _sync, *_OUTPUT)
    syncing.add_argument("name", metavar="NAME")
    syncing.add_argument(
        "--path", action="append", default=[], metavar="PATH", help="only this, and what is below it (may be repeated)"
    )
    syncing.add_argument("--dry-run", action="store_true", help="tell what would change, and write nothing; waits")
    syncing.add_argument("--hash", action="store_true", help="read every file, to notice what size and time do not")
    add_waiting_options(syncing)
    testing = add_verb(verbs, "test", "try to reach it from a worker; exit 1 if that fails", _test, *_OUTPUT)
    testing.add_argument("name", metavar="NAME")
    testing.add_argument(
        "--mark", action="store_true", help="write a marker into it, so that any other folder in its place is noticed"
    )
    testing.add_argument(
        "--timeout", type=float, default=_TEST_SECONDS, metavar="SECONDS", help="give up after this long (exit 124)"
    )
    confirming = add_verb(
        verbs, "confirm", "show the deletions that wait, and confirm them", _confirm, *_OUTPUT, add_yes_option
    )
    confirming.add_argument("name", metavar="NAME")
    add_waiting_options(confirming)
    telling = add_verb(verbs, "changed", "say that something changed at some paths", _tell_changed, *_OUTPUT)
    telling.add_argument("name", metavar="NAME")
    telling.add_argument("paths", metavar="PATH", nargs="+", help="a file or folder, relative to the datasource")


def add_waiting_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a verb that starts a run and can wait for its end."""
    parser.add_argument(
        "--wait",
        action=argparse.BooleanOptionalAction,
        help="wait for the end; exit 0 only if it succeeded",
    )
    parser.add_argument(
        "--timeout", type=float, metavar="SECONDS", help="with --wait: give up after this long (exit 124)"
    )


def _sync(options: argparse.Namespace) -> int:
    wish: dict[str, Any] = {"dry_run": options.dry_run, "hash": options.hash}
    if len(options.path) == 1:
        wish["path"] = options.path[0]
    elif options.path:
        wish["paths"] = options.path
    wait = options.dry_run if options.wait is None else options.wait
    with open_client(options) as client:
        started = client.post(f"/datasources/{segment(options.name)}/sync", wish)
        return follow(client, started, options) if wait else tell_started(started, options)


def _confirm(options: argparse.Namespace) -> int:
    path = f"/datasources/{segment(options.name)}"
    with open_client(options) as client:
        doubt = client.get(path)["doubt"]
        if doubt is None:
            raise CommandFailed(f"no deletions of {options.name} wait to be confirmed", ExitCode.REFUSED)
        _tell_doubt(doubt)
        make_sure(f"Take {doubt['deleted']:,} entries out of the catalog of {options.name}?", options)
        started = client.post(f"{path}/confirm", {"deleted": doubt["deleted"]})
        return follow(client, started, options) if options.wait else tell_started(started, options)


def _tell_doubt(doubt: dict[str, Any]) -> None:
    where = f" in {doubt['path']}" if doubt.get("path") else ""
    say(f"{local_time(doubt['at'])}: {doubt['reason']}{where} (run {doubt['run']})")
    examples = doubt.get("examples") or []
    for example in examples:
        say(f"  {printable_line(example)}")
    left = doubt["deleted"] - len(examples)
    if examples and left > 0:
        say(f"  and {left:,} more")


def follow(
    client: Client,
    started: dict[str, Any],
    options: argparse.Namespace,
    *,
    words: Sequence[str] = COUNTED,
    tell: Callable[[dict[str, Any]], Iterable[str]] | None = None,
) -> int:
    """Wait for the end of a run, print what it has done, and return the exit code.

    What it counted is printed by these words of its result, or the lines that `tell` makes of it if it succeeded.
    """
    from console.following import wait_for_end

    ended = wait_for_end(client, started["run"], timeout=options.timeout)
    succeeded = ended["state"] == "succeeded"
    if options.json:
        print_json(ended)
        return ExitCode.OK if succeeded else ExitCode.FAILED
    found = found_by(ended["result"])
    counts = counts_in_words(found, words) if tell is None else ""
    print(" ".join(word for word in (ended["id"], ended["state"], counts) if word))
    if tell is None:
        _tell_examples(found)
    elif succeeded:
        for line in tell(found):
            print(line)
    if not succeeded:
        say((ended["error"] or {}).get("message") or ended["reason"] or "it says nothing more")
    return ExitCode.OK if succeeded else ExitCode.FAILED


def _tell_examples(found: dict[str, Any]) -> None:
    examples = found.get("examples") or {}
    for word in COUNTED:
        for entry in examples.get(word) or ():
            came_from = f" (from {entry['came_from']})" if entry.get("came_from") else ""
            print(printable_line(f"  {word} {entry['path']}{came_from}"))


def tell_started(started: dict[str, Any], options: argparse.Namespace) -> int:
    """Print the run that was started, and return the exit code; one that was skipped is refused, with the reason."""
    if options.json:
        print_json(started)
    else:
        print(started["run"])
    if started["state"] == "skipped":
        say(f"skipped: {started['reason']}")
        return ExitCode.REFUSED
    return ExitCode.OK


def _test(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        return try_to_reach(client, options.name, mark=options.mark, timeout=options.timeout, as_json=options.json)


def try_to_reach(
    client: Client, name: str, *, mark: bool = False, timeout: float = _TEST_SECONDS, as_json: bool = False
) -> int:
    """Try to reach a datasource from a worker, print one line about it, and return the exit code."""
    from console.following import wait_for_end

    run = client.post(f"/datasources/{segment(name)}/test", {"mark": mark})["run"]
    ended = wait_for_end(client, run, timeout=timeout)
    found = found_by(ended["result"])
    good = bool(found.get("reachable")) and (not mark or found.get("marker") == "new")
    if as_json:
        print_json(found or ended)
    else:
        failure = (ended["error"] or {}).get("message") or ended["reason"] or ended["state"]
        print(f"{name}: {printable(found.get('message') or failure)}")
    return ExitCode.OK if good else ExitCode.FAILED


def _tell_changed(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        accepted = client.post(f"/datasources/{segment(options.name)}/changed", {"paths": options.paths})
    if options.json:
        print_json(accepted)
    else:
        count = len(options.paths)
        told = "1 path; it is" if count == 1 else f"{count:,} paths; they are"
        say(f"{options.name}: told of {told} synced within seconds")
    return ExitCode.OK
