"""`rota bin`: what was deleted into the bins of datasources; bring it back, keep it, delete it for good."""

from __future__ import annotations

import argparse
from typing import Any

from console.client import Client, open_client, segment
from console.commands import bin_work
from console.connection import add_connection_options
from console.exits import CommandFailed, ExitCode
from console.output import (
    add_json_option,
    instant,
    local_time,
    print_fields,
    print_json,
    print_table,
    printable_line,
    say,
    size,
)
from console.verbs import add_verb
from console.work_words import GOES, STAYS, counted, why_in_words

_OUTPUT = (add_connection_options, add_json_option)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verbs and their options."""
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    listing = add_verb(verbs, "list", "list what is in a bin, the newest deletion first", _list, *_OUTPUT)
    listing.add_argument("datasource", metavar="DATASOURCE")
    listing.add_argument("--q", metavar="TEXT", help="only what has this in the path that it had, in any case")
    listing.add_argument("--user", metavar="USER", help="only what this user deleted")
    listing.add_argument("--folder", metavar="FOLDER", help="only what was in this folder or below it")
    listing.add_argument("--since", metavar="TIME", help="only what was deleted then or later")
    listing.add_argument("--until", metavar="TIME", help="only what was deleted before")
    listing.add_argument("--held", action=argparse.BooleanOptionalAction, help="only what is held, or only the rest")
    listing.add_argument(
        "--bin", metavar="BIN", help="only of this bin: user:NAME, folder:NAME, or '' for the common one"
    )
    listing.add_argument("--limit", type=int, default=100, metavar="N", help="how many (default 100)")
    listing.add_argument("--all", action="store_true", help="everything, whatever --limit says")
    showing = add_verb(verbs, "show", "show one item", _show, *_OUTPUT)
    showing.add_argument("datasource", metavar="DATASOURCE")
    showing.add_argument("item", metavar="ITEM")
    upcoming = add_verb(verbs, "next", "tell when bins are purged next, and what that would take", _next, *_OUTPUT)
    upcoming.add_argument("datasource", metavar="DATASOURCE", nargs="?", help="only of this one (default: all)")
    bin_work.configure(verbs)


def _list(options: argparse.Namespace) -> int:
    if options.limit < 1:
        raise CommandFailed("--limit must be at least 1; --all gives everything", ExitCode.USAGE)
    query = {
        "q": options.q,
        "user": options.user,
        "folder": options.folder,
        "since": None if options.since is None else instant(options.since)[0].isoformat(),
        "until": None if options.until is None else instant(options.until)[0].isoformat(),
        "held": options.held,
        "bin": options.bin,
    }
    most = None if options.all else options.limit
    with open_client(options) as client:
        # One more than is shown, to know whether there is one.
        asked = None if most is None else most + 1
        found = list(client.items(_bin(options.datasource), limit=asked, **query))
    shown = found[:most]
    if options.json:
        print_json(shown)
        return ExitCode.OK
    print_table(
        ("item", "deleted", "by", "size", "leaves", "path"),
        [_row(item) for item in shown],
        empty=f"nothing in the bin of {options.datasource}{' matches' if any(query.values()) else ''}",
    )
    if len(found) > len(shown):
        say(f"{counted(len(shown), 'item')} of more; --limit N or --all shows the others")
    return ExitCode.OK


def _row(item: dict[str, Any]) -> tuple[object, ...]:
    path = printable_line(f"{item['path']}/" if item["kind"] == "folder" else item["path"])
    return item["id"], local_time(item["deleted_at"]), item["deleted_by"], size(item["size"]), _leaves(item), path


def _leaves(item: dict[str, Any]) -> str:
    if item["leaving"]:
        return "being restored" if item["leaving"] == "restore" else "being deleted"
    if item["hold"] is not None or item["hold_pattern"]:
        return "held"
    return local_time(item["due_at"]) if item["due_at"] else "stays"


def _show(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        item = client.get(f"{_bin(options.datasource)}/{segment(options.item)}")
    if options.json:
        print_json(item)
        return ExitCode.OK
    inside = f", {counted(item['items'], 'entry', 'entries')}" if item["kind"] == "folder" else ""
    pattern = f"by the pattern {item['hold_pattern']}" if item["hold_pattern"] else None
    print_fields([
        ("item", item["id"]),
        ("path", printable_line(item["path"])),
        ("kind", item["kind"] + inside),
        ("size", size(item["size"])),
        ("deleted", local_time(item["deleted_at"]) + ("" if item["origin"] == "deleted" else f" ({item['origin']})")),
        ("by", item["deleted_by"]),
        ("bin", item["bin"] or None),
        ("held", pattern if item["hold"] is None else item["hold"]),
        ("kept until", None if item["keep_until"] is None else local_time(item["keep_until"])),
        ("leaves", _leaves(item)),
        ("run", item["run"]),
    ])  # fmt: skip
    return ExitCode.OK


def _next(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        if options.datasource:
            return _next_of(client, options)
        found = {each["name"]: _asked(client, each["name"]) for each in client.items("/datasources")}
    if options.json:
        print_json(found)
        return ExitCode.OK
    print_table(
        ("datasource", "next purge", "items", "size", "why"),
        [_next_row(name, each) for name, each in found.items()],
        empty="no datasources yet",
    )
    return ExitCode.OK


def _asked(client: Client, name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = client.get(f"{_bin(name)}/next")
    except CommandFailed as failed:
        # A bin that is too large to look through must not hide the others.
        if failed.code != ExitCode.REFUSED:
            raise
        say(str(failed))
        return None
    return found


def _next_row(name: str, found: dict[str, Any] | None) -> tuple[object, ...]:
    if found is None:
        return name, None, None, None, None
    return name, _at(found), found["items"], size(found["bytes"]), why_in_words(found["reasons"], GOES)


def _at(found: dict[str, Any]) -> str:
    return local_time(found["at"]) if found["at"] else "not scheduled"


def _next_of(client: Client, options: argparse.Namespace) -> int:
    found = client.get(f"{_bin(options.datasource)}/next")
    if options.json:
        print_json(found)
        return ExitCode.OK
    goes = why_in_words(found["reasons"], GOES)
    print_fields([
        ("next purge", _at(found)),
        ("takes", f"{counted(found['items'], 'item')}, {size(found['bytes'])}" + (f": {goes}" if goes else "")),
        ("stays", why_in_words(found["kept"], STAYS) or None),
        ("asks", "\n".join(each["reason"] for each in found["held_back"]) or None),
        ("first", "\n".join(printable_line(item["path"]) for item in found["first"]) or None),
    ])  # fmt: skip
    return ExitCode.OK


def _bin(name: str) -> str:
    return f"/datasources/{segment(name)}/bin"
