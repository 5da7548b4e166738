"""`rota queues`: list the queues and what waits in them."""

from __future__ import annotations

import argparse

from console.client import open_client
from console.connection import add_connection_options
from console.exits import ExitCode
from console.output import add_json_option, duration, print_json, print_table


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_connection_options(parser)
    add_json_option(parser)
    parser.set_defaults(run=_list)


def _list(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        queues = list(client.items("/queues"))
    if options.json:
        print_json(queues)
        return ExitCode.OK
    print_table(
        ("queue", "waiting", "high", "normal", "low", "oldest"),
        [
            (
                queue["name"],
                queue["waiting"],
                *(queue["levels"][level] for level in ("high", "normal", "low")),
                "" if queue["oldest_seconds"] is None else duration(queue["oldest_seconds"]),
            )
            for queue in queues
        ],
        empty="no queue has been used yet",
    )
    return ExitCode.OK
