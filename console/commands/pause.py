"""`rota pause`: nothing new is started until `rota resume`."""

from __future__ import annotations

import argparse

from console.client import open_client
from console.connection import add_connection_options
from console.exits import ExitCode
from console.output import local_time, say


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_connection_options(parser)
    parser.add_argument("--reason", metavar="TEXT", help="why, for whoever asks")
    parser.add_argument("--status", action="store_true", help="only tell whether everything is paused")
    parser.set_defaults(run=_pause)


def _pause(options: argparse.Namespace) -> int:
    body = {} if options.reason is None else {"reason": options.reason}
    with open_client(options) as client:
        found = client.get("/pause") if options.status else client.ask("PUT", "/pause", body=body).data
    if not found["paused"]:
        say("not paused")
        return ExitCode.OK
    reason = f": {found['reason']}" if found["reason"] else ""
    say(f"everything is paused since {local_time(found['since'])} by {found['person']}{reason}")
    return ExitCode.OK
