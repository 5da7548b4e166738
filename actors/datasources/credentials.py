"""Resolves references to secrets where they are used: definitions, messages and logs only ever hold the reference."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote, quote_plus

from rota.errors import PermanentError

# Rota's own settings are in such variables, addresses with passwords among them: no definition may send them away.
_OWN_VARIABLE = "ROTA_"
# And so they are in the files in which the kernel shows the variables of processes.
_OWN_FILES = ("/proc", "/sys", "/dev")
_REFERENCE = re.compile(r"(?:env|file):", re.ASCII)


def is_reference(text: str) -> bool:
    """Say whether a text refers to a secret, `env:NAME` or `file:PATH`, and is not one itself."""
    return _REFERENCE.match(text) is not None


def secret(reference: str, *, what: str) -> str:
    """Give what `env:NAME` or `file:PATH` refers to: a variable of the worker, or the start of a file, at most 16 KiB.

    `what` names the field in messages, which never quote the secret. Raises PermanentError for what is no reference,
    for one that leads nowhere or to nothing, and for Rota's own variables.
    """
    from rota.settings import resolve_secret

    if not is_reference(reference):
        # Not quoted: somebody may have put the secret itself there.
        raise PermanentError(f"{what}: must refer to a secret, env:NAME or file:/absolute/path")
    kind, _, place = reference.partition(":")
    if kind == "env" and place.startswith(_OWN_VARIABLE):
        raise PermanentError(f"{what}: variables {_OWN_VARIABLE}… are Rota's own settings")
    if kind == "file":
        _check_file(Path(place), what=what)
    try:
        value = resolve_secret(reference)
    except ValueError as error:
        raise PermanentError(f"{what} {error}") from error
    if not value:
        raise PermanentError(f"{what} refers to {place}, which is empty")
    return value


def hidden(text: str, secrets: Iterable[str]) -> str:
    """Give a text of somebody else's with `***` for each of these secrets, in the forms in which it may be quoted."""
    for value in filter(None, secrets):
        for form in (value, quote(value, safe=""), quote_plus(value), repr(value)[1:-1]):
            text = text.replace(form, "***")
    return text


def _check_file(path: Path, *, what: str) -> None:
    try:
        # A fifo would make the reader wait for ever.
        is_file = path.is_absolute() and stat.S_ISREG(path.stat().st_mode)
        is_own = any(map(path.resolve().is_relative_to, _OWN_FILES))
    except (OSError, ValueError, RuntimeError):
        is_file = is_own = False
    if is_own:
        raise PermanentError(f"{what} refers to {path}: files of the system in {', '.join(_OWN_FILES)} hold no secrets")
    if not is_file:
        raise PermanentError(f"{what} refers to {path}, which is no regular file with an absolute path")
