"""Passwords of archives: typed at a terminal or read from a file, never on the command line, which others can see."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from console.exits import CommandFailed, ExitCode

_MOST_CHARS = 1024


def add_password_options(parser: argparse.ArgumentParser, *, twice: bool = False) -> None:
    """Add the two ways to give a password; `twice` asks for it a second time, where a slip would lock something."""
    given = parser.add_mutually_exclusive_group()
    given.add_argument("--password-prompt", action="store_true", help="ask for the password")
    given.add_argument(
        "--password-file", metavar="FILE", help="take the first line of a file as the password; - is standard input"
    )
    parser.set_defaults(password_twice=twice)


def password_of(options: argparse.Namespace) -> str | None:
    """Return the password that was typed or is in the file, None if there is to be none."""
    if options.password_file is not None:
        return _checked(_first_line(options.password_file), f"--password-file {options.password_file}")
    if not options.password_prompt:
        return None
    from getpass import getpass

    if not sys.stdin.isatty():
        raise CommandFailed("nobody sits at a terminal: give --password-file", ExitCode.USAGE)
    try:
        password = _checked(getpass("Password: "), "the password")
        again = getpass("Once more: ") if options.password_twice else password
    except EOFError as error:
        raise CommandFailed("no password was typed; nothing was done", ExitCode.USAGE) from error
    if again != password:
        raise CommandFailed("these were two different passwords; nothing was done", ExitCode.USAGE)
    return password


def _first_line(name: str) -> str:
    try:
        if name == "-":
            return sys.stdin.readline(_MOST_CHARS + 2)
        with Path(name).open(encoding="utf-8") as file:
            return file.readline(_MOST_CHARS + 2)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise CommandFailed(f"--password-file {name}: {reason}", ExitCode.USAGE) from error


def _checked(line: str, what: str) -> str:
    password = line.rstrip("\r\n")
    if not password:
        raise CommandFailed(f"{what}: there is nothing in it", ExitCode.USAGE)
    if any("\ud800" <= sign <= "\udfff" for sign in password):
        # Bytes of a standard input that is no UTF-8; said here, because who sends it would quote them.
        raise CommandFailed(f"{what}: it is no text", ExitCode.USAGE)
    if len(password) > _MOST_CHARS:
        raise CommandFailed(f"{what}: a password has {_MOST_CHARS:,} characters at most", ExitCode.USAGE)
    return password
