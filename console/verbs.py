"""How a command with several verbs is put together, the same everywhere."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from console.exits import EXIT_CODES_HELP

if TYPE_CHECKING:
    # argparse has no public name for what add_subparsers returns.
    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001


def add_verb(
    verbs: Verbs,
    name: str,
    line: str,
    run: Callable[[argparse.Namespace], int],
    *options: Callable[[argparse.ArgumentParser], None],
) -> argparse.ArgumentParser:
    """Add a verb that `run` carries out, with its line in the help and its shared options."""
    parser = verbs.add_parser(
        name,
        help=line,
        description=line[0].upper() + line[1:] + ".",
        epilog=EXIT_CODES_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for add in options:
        add(parser)
    parser.set_defaults(run=run)
    return parser
