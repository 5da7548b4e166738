"""`rota console`: run the console: web pages and REST API."""

from __future__ import annotations

import argparse

from console.connection import add_state_option


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_state_option(parser)
    parser.add_argument("--host", metavar="ADDRESS", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", metavar="N", type=int, help="port to listen on (default 8420; 0 takes any)")
    parser.add_argument(
        "--announce", action="store_true", help="write console.json into the state folder, for the command line"
    )
    parser.add_argument("--fd", metavar="N", type=int, help="serve on this inherited listening socket instead")
    parser.set_defaults(run=_console)


def _console(options: argparse.Namespace) -> int:
    from console.opening import load_for, require_redis, told_errors

    settings = require_redis(load_for(options.state, host=options.host, port=options.port))
    from console.process import run

    with told_errors():
        return run(settings, handle=options.fd, announce=options.announce)
