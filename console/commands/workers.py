"""`rota workers`: list the workers."""

from __future__ import annotations

import argparse

from console.client import open_client
from console.connection import add_connection_options
from console.exits import ExitCode
from console.output import add_json_option, local_time, print_json, print_table


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_connection_options(parser)
    add_json_option(parser)
    parser.set_defaults(run=_list)


def _list(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        workers = list(client.items("/workers"))
    if options.json:
        print_json(workers)
        return ExitCode.OK
    print_table(
        ("worker", "host", "pid", "queues", "busy", "threads", "memory", "seen"),
        [
            (
                worker["id"],
                worker["host"],
                worker["pid"],
                ", ".join(worker["queues"]),
                worker["busy"],
                worker["threads"],
                f"{(worker['resident_bytes'] or 0) // 1_048_576} MB",
                local_time(worker["seen_at"]),
            )
            for worker in workers
        ],
        empty="no worker is alive: start one with `rota worker`",
    )
    return ExitCode.OK
