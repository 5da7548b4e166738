"""`rota resume`: ends what `rota pause` began."""

from __future__ import annotations

import argparse

from console.client import open_client
from console.connection import add_connection_options
from console.exits import ExitCode
from console.output import say


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_connection_options(parser)
    parser.set_defaults(run=_resume)


def _resume(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        client.ask("DELETE", "/pause")
    say("not paused")
    return ExitCode.OK
