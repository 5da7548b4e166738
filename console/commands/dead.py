"""`rota dead`: look at messages that were set aside, send them again or drop them."""

from __future__ import annotations

import argparse

from console.client import open_client, segment
from console.connection import add_connection_options
from console.exits import ExitCode
from console.output import add_json_option, local_time, print_fields, print_json, print_table, say
from console.verbs import add_verb


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verbs and their options; without a verb the letters are listed."""
    parser.set_defaults(run=_list)
    add_connection_options(parser)
    add_json_option(parser)
    verbs = parser.add_subparsers(title="verbs", metavar="VERB")
    add_verb(verbs, "list", "list what was set aside, newest first", _list, add_connection_options, add_json_option)
    showing = add_verb(verbs, "show", "show one with its bytes", _show, add_connection_options, add_json_option)
    showing.add_argument("id", metavar="ID")
    redriving = add_verb(verbs, "redrive", "put messages back on their queues", _redrive, add_connection_options)
    redriving.add_argument("ids", metavar="ID", nargs="+")
    discarding = add_verb(verbs, "discard", "drop messages for good", _discard, add_connection_options)
    discarding.add_argument("ids", metavar="ID", nargs="+")


def _list(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        letters = list(client.items("/dead"))
    if options.json:
        print_json(letters)
        return ExitCode.OK
    print_table(
        ("id", "at", "queue", "crashes", "run", "reason"),
        [
            (
                letter["id"],
                local_time(letter["at"]),
                letter["queue"],
                letter["crashes"],
                letter["run"],
                letter["reason"],
            )
            for letter in letters
        ],
        empty="nothing was set aside",
    )
    return ExitCode.OK


def _show(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        letter = client.get(f"/dead/{segment(options.id)}")
    if options.json:
        print_json(letter)
    else:
        print_fields(letter.items())
    return ExitCode.OK


def _redrive(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        for letter in options.ids:
            client.post(f"/dead/{segment(letter)}/redrive")
            say(f"{letter}: back on its queue")
        return ExitCode.OK


def _discard(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        for letter in options.ids:
            client.ask("DELETE", f"/dead/{segment(letter)}")
            say(f"{letter}: dropped")
        return ExitCode.OK
