"""How the command line finds the console: by the file `console.json` that `rota up` keeps in its state folder."""

from __future__ import annotations

import argparse
import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from console.exits import CommandFailed, ExitCode

FILE_NAME = "console.json"
#: Beside it: where `rota up` says how its embedded Redis is reached; a secret, readable by its owner only.
REDIS_ADDRESS = "redis.url"
DEFAULT_STATE = Path(".rota")


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Where the console is, and the token that opens it: a secret."""

    url: str
    token: str | None = field(default=None, repr=False)


def add_state_option(parser: argparse.ArgumentParser) -> None:
    """Add `--state`, which every command that works on an installation has."""
    parser.add_argument(
        "--state",
        metavar="DIR",
        type=Path,
        help="state folder of the installation (default: ROTA_STATE_DIR, else ./.rota)",
    )


def add_connection_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of commands that talk to the console."""
    add_state_option(parser)
    parser.add_argument("--url", metavar="URL", help="address of the console, instead of the one in the state folder")
    parser.add_argument(
        "--token", metavar="TOKEN", help="token to use there, or env:NAME or file:PATH, which no process list shows"
    )


def known_states(given: Path | None = None) -> list[Path]:
    """Return the folders that may be the state folder, the likeliest first; only the given one if one is given."""
    chosen = given or os.environ.get("ROTA_STATE_DIR")
    if chosen:
        return [Path(chosen).expanduser()]
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    # `make run` keeps its state beside its sample folder, one level down.
    return [DEFAULT_STATE, DEFAULT_STATE / "state", Path(base).expanduser() / "rota"]


def find_state(given: Path | None = None) -> Path | None:
    """Return the state folder of an installation that is or was here, None if there is none."""
    marks = (FILE_NAME, "rota.db", "up.lock")
    found = (folder for folder in known_states(given) if any((folder / mark).exists() for mark in marks))
    return next(found, None)


def find_connection(options: argparse.Namespace) -> Connection:
    """Return where to connect to, from the options or a state folder."""
    token = _resolved(options.token) if options.token else None
    if options.url:
        return Connection(url=_checked(options.url), token=token or os.environ.get("ROTA_TOKEN"))
    folders = known_states(options.state)
    for folder in folders:
        with suppress(FileNotFoundError):
            connection = read_connection(folder / FILE_NAME)
            return Connection(url=connection.url, token=token or connection.token)
    looked = ", ".join(str(folder) for folder in folders)
    raise CommandFailed(
        f"no running console found (looked in {looked}): start `rota up FOLDER`, or give --state or --url and --token",
        ExitCode.UNREACHABLE,
    )


def read_connection(path: Path) -> Connection:
    """Read a connection file. Raises FileNotFoundError when there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Connection(url=_checked(str(content["url"])), token=str(content["token"]))
    except (ValueError, KeyError, TypeError) as error:
        raise CommandFailed(f"{path} is damaged; restart `rota up`, which writes it anew") from error
    except PermissionError as error:
        raise CommandFailed(f"{path} belongs to another user; only they may use it", ExitCode.REFUSED) from error


def write_connection(path: Path, connection: Connection) -> None:
    """Write a connection file that only its owner can read, whole or not at all."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"url": connection.url, "token": connection.token}, file)
        file.write("\n")
    draft.replace(path)


def _checked(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise CommandFailed(f"{url!r} is not an address like http://127.0.0.1:8420", ExitCode.USAGE)
    return url.rstrip("/")


def _resolved(token: str) -> str:
    kind, _, name = token.partition(":")
    if kind == "env":
        value = os.environ.get(name, "")
    elif kind == "file":
        try:
            value = Path(name).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise CommandFailed(f"--token file:{name}: {error.strerror}", ExitCode.USAGE) from error
    else:
        return token
    if not value:
        raise CommandFailed(f"--token {token}: there is nothing in it", ExitCode.USAGE)
    return value
