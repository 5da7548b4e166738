"""Secrets of a definition: read where they are used, hidden in whatever comes back."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from rota.errors import PermanentError

# Rota's own settings are in such variables, addresses with passwords among them: no definition may send them away.
_OWN_VARIABLE = "ROTA_"
_REFERENCE = re.compile(r"(?:env|file):", re.ASCII)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}", re.ASCII)
# Shorter ones would hide every other digit of an answer.
_SHORTEST_HIDDEN = 6
_HIDDEN = "***"


class Secrets:
    """Resolves references and remembers what they were, to keep them out of logs and results."""

    def __init__(self) -> None:
        self._values: set[str] = set()

    def header(self, name: str, value: str) -> str:
        """Give the value of a header, a reference `env:NAME` or `file:PATH` resolved.

        Raises PermanentError if it cannot be resolved or sent.
        """
        if not _HEADER_NAME.fullmatch(name):
            raise PermanentError(f"header {name!r}: not a header's name")
        if _REFERENCE.match(value):
            value = self._resolve(name, value)
        # Checked here: the client's own message would quote the value.
        if not value.isprintable() or not value.isascii():
            raise PermanentError(f"header {name!r}: its value holds a line end or a character that is not ASCII")
        return value

    def hide(self, text: str) -> str:
        """Replace each secret in a text."""
        for value in self._values:
            text = text.replace(value, _HIDDEN)
        return text

    def _resolve(self, name: str, reference: str) -> str:
        from rota.settings import resolve_secret

        kind, _, place = reference.partition(":")
        if kind == "env" and place.startswith(_OWN_VARIABLE):
            raise PermanentError(f"header {name!r}: variables {_OWN_VARIABLE}… are Rota's own settings")
        if kind == "file":
            _check_file(name, Path(place))
        try:
            value = resolve_secret(reference)
        except ValueError as error:
            raise PermanentError(f"header {name!r} {error}") from error
        if len(value) >= _SHORTEST_HIDDEN:
            self._values.add(value)
        return value


def _check_file(name: str, path: Path) -> None:
    try:
        # A fifo would make the reader wait for ever.
        is_file = path.is_absolute() and stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):
        is_file = False
    if not is_file:
        raise PermanentError(f"header {name!r} refers to {path}, which is no regular file with an absolute path")
