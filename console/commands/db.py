"""`rota db`: bring the database to the newest form."""

from __future__ import annotations

import argparse

from console.connection import add_state_option
from console.exits import ExitCode
from console.output import say
from console.verbs import add_verb


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verbs and their options."""
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    add_verb(verbs, "upgrade", "bring the tables to the newest form; safe to repeat", _upgrade, add_state_option)


def _upgrade(options: argparse.Namespace) -> int:
    from console.opening import load_for, open_store, told_errors
    from rota.settings import mask_password

    settings = load_for(options.state)
    with told_errors():
        store = open_store(settings)
        try:
            store.upgrade()
        finally:
            store.close()
    say(f"{mask_password(settings.store_url)} is up to date")
    return ExitCode.OK
