"""Asks a person before something that cannot be taken back; a script says `--yes` instead."""

from __future__ import annotations

import argparse
import sys

from console.exits import CommandFailed, ExitCode


def add_yes_option(parser: argparse.ArgumentParser) -> None:
    """Add `--yes`, which answers the question beforehand."""
    parser.add_argument("--yes", action="store_true", help="do not ask; needed where nobody sits at a terminal")


def make_sure(question: str, options: argparse.Namespace) -> None:
    """Return if the person agrees, or has agreed beforehand; CommandFailed otherwise."""
    if options.yes:
        return
    if not sys.stdin.isatty():
        raise CommandFailed(f"{question} Give --yes if so", ExitCode.REFUSED)
    # Not by input's own prompt, which goes to stdout: that is for data.
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if input().strip().lower() not in ("y", "yes"):
        raise CommandFailed("nothing was done", ExitCode.REFUSED)
