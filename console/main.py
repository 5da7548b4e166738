"""The command `rota`: finds the command that was asked for and imports only that one.

`rota --help` imports nothing but the standard library, so it answers at once; each command imports what it needs when
it runs.
"""

from __future__ import annotations

import argparse
import keyword
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

from console.exits import EXIT_CODES_HELP, CommandFailed, ExitCode

#: Every command and its line in the help; `console.commands.NAME` is its file, `NAME_` where Python keeps the word.
COMMANDS = {
    "up": "start everything on this machine, for one or more folders",
    "jobs": "list, show, apply, export, run, switch and delete jobs, and ask when and why they run",
    "import": "turn jobs of another product into definitions",
    "runs": "list runs, show one, read its log, stop it or try it again",
    "pause": "keep everything from starting, for maintenance",
    "resume": "let things start again after a pause",
    "events": "publish an event, or watch those that come in",
    "hooks": "make addresses at which services publish events, and list and delete them",
    "datasources": "add, list, test and sync the storages that are looked after",
    "bin": "list what was deleted, bring it back, keep it, or delete it for good",
    "files": "delete, copy, move, rename and fetch files, make folders, compute and verify checksums",
    "archive": "make archives of files and folders, unpack, list and test them",
    "search": "find files and folders by name, content, type, size and time",
    "workers": "list the workers",
    "queues": "list the queues and what waits in them",
    "dead": "look at messages that were set aside, send them again or drop them",
    "login": "print a link that signs a browser in, once",
    "doctor": "check that everything is in order",
    "scheduler": "run a scheduler (one leads, others stand by)",
    "worker": "run a worker",
    "console": "run the console: web pages and REST API",
    "db": "bring the database to the newest form",
}


class Command(Protocol):
    """What a file in `console.commands` offers."""

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the options, and set `run` to what takes them and returns the exit code."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        options = build_parser(_chosen(arguments)).parse_args(arguments)
        return int(options.run(options))
    except CommandFailed as failed:
        print(f"rota: {failed}", file=sys.stderr)
        return failed.code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has gone. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK


def build_parser(chosen: str | None = None) -> argparse.ArgumentParser:
    """Return the parser; only the chosen command's options are filled in."""
    parser = argparse.ArgumentParser(
        prog="rota",
        description="Rota keeps the files of a content platform in order: schedules, events, workers, history.",
        epilog=EXIT_CODES_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, line in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=line,
            description=line[0].upper() + line[1:] + ".",
            epilog=EXIT_CODES_HELP,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name == chosen:
            module = f"{name}_" if keyword.iskeyword(name) else name
            cast("Command", import_module(f"console.commands.{module}")).configure(command)
    return parser


def _chosen(arguments: Sequence[str]) -> str | None:
    return next((argument for argument in arguments if not argument.startswith("-")), None)


class _Version(argparse.Action):
    """Prints the version; looking it up is slow, so it is done only when asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="print the version and exit")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"rota {version('rota')}")
        parser.exit()


if __name__ == "__main__":
    sys.exit(main())
