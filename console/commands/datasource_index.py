"""The verbs of `rota datasources` about the search: index again, what gave no text, and whether the index is right."""

from __future__ import annotations

import argparse
from typing import Any

from console.client import open_client, segment
from console.commands.datasource_work import add_waiting_options, follow, tell_started
from console.connection import add_connection_options
from console.difference_words import CHECKED, INDEXED
from console.exits import ExitCode
from console.output import add_json_option, local_time, print_json, print_table, printable_line
from console.verbs import add_verb

_OUTPUT = (add_connection_options, add_json_option)


def configure(verbs: Any) -> None:
    """Add the verbs and their options."""
    indexing = add_verb(verbs, "index", "bring its search index up to date now", _index, *_OUTPUT)
    indexing.add_argument("name", metavar="NAME")
    indexing.add_argument(
        "--full", action="store_true", help="build a new index beside the one that is searched, then swap them"
    )
    indexing.add_argument("--unread", action="store_true", help="try the files again that gave no text")
    add_waiting_options(indexing)
    listing = add_verb(verbs, "unread", "list the files that gave the search no text, and why", _unread, *_OUTPUT)
    listing.add_argument("name", metavar="NAME")
    checking = add_verb(
        verbs, "check-index", "compare its search index with the catalog, and repair it", _check, *_OUTPUT
    )
    checking.add_argument("name", metavar="NAME")
    add_waiting_options(checking)


def _index(options: argparse.Namespace) -> int:
    wish = {"full": options.full, "unread": options.unread}
    with open_client(options) as client:
        started = client.post(f"/datasources/{segment(options.name)}/index", wish)
        return follow(client, started, options, words=INDEXED) if options.wait else tell_started(started, options)


def _check(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        started = client.post(f"/datasources/{segment(options.name)}/check-index")
        return follow(client, started, options, words=CHECKED) if options.wait else tell_started(started, options)


def _unread(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        found = list(client.items(f"/datasources/{segment(options.name)}/unread"))
    if options.json:
        print_json(found)
        return ExitCode.OK
    rows = [
        (
            each["reason"].replace("_", " "),
            local_time(each["at"]),
            printable_line(each["path"]),
            printable_line(each["message"]),
        )
        for each in found
    ]
    print_table(("reason", "tried", "path", "message"), rows, empty="every file that is read gave its text")
    return ExitCode.OK
