"""`rota scheduler`: run a scheduler (one leads, others stand by)."""

from __future__ import annotations

import argparse

from console.connection import add_state_option


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_state_option(parser)
    parser.add_argument("--metrics-port", metavar="N", type=int, help="serve metrics on this port (0 takes any)")
    # Only `rota up` knows that whatever is still believed to be there is not.
    parser.add_argument("--start", metavar="ID", help=argparse.SUPPRESS)
    parser.set_defaults(run=_scheduler)


def _scheduler(options: argparse.Namespace) -> int:
    from console.opening import load_for, require_redis, told_errors

    settings = require_redis(load_for(options.state, metrics_port=options.metrics_port))
    from rota.logs import configure_logs
    from scheduler.process import run

    configure_logs(settings.log_format, settings.log_level)
    with told_errors():
        return int(run(settings, start=options.start) or 0)
