"""`rota login`: print a link that signs a browser in, once."""

from __future__ import annotations

import argparse

from console.client import open_client
from console.connection import add_connection_options
from console.exits import ExitCode


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_connection_options(parser)
    parser.set_defaults(run=_login)


def _login(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        print(client.post("/sign-ins")["url"])
    return ExitCode.OK
