"""`rota worker`: run a worker."""

from __future__ import annotations

import argparse

from console.connection import add_state_option


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_state_option(parser)
    parser.add_argument("--queues", metavar="A,B", help="serve only these queues (default: those of all known actors)")
    parser.add_argument("--processes", metavar="N", type=int, help="child processes (default: one per core, at most 4)")
    parser.add_argument("--threads", metavar="N", type=int, help="threads of each child process (default 8)")
    parser.add_argument("--metrics-port", metavar="N", type=int, help="serve metrics on this port (0 takes any)")
    parser.set_defaults(run=_worker)


def _worker(options: argparse.Namespace) -> int:
    from console.opening import load_for, require_redis, told_errors

    given = {name: getattr(options, name) for name in ("queues", "processes", "threads", "metrics_port")}
    settings = require_redis(load_for(options.state, **given))
    from workers.supervisor import run

    with told_errors():
        return int(run(settings) or 0)
