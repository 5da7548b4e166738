"""Secrets in the headers of a request: resolved when it is made, hidden in whatever comes back."""

from __future__ import annotations

import re

from actors.datasources.credentials import is_reference, secret
from rota.errors import PermanentError

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
        if is_reference(value):
            value = secret(value, what=f"header {name!r}")
            if len(value) >= _SHORTEST_HIDDEN:
                self._values.add(value)
        # Checked here: the client's own message would quote the value.
        if not value.isprintable() or not value.isascii():
            raise PermanentError(f"header {name!r}: its value holds a line end or a character that is not ASCII")
        return value

    def hide(self, text: str) -> str:
        """Replace each secret in a text."""
        for value in self._values:
            text = text.replace(value, _HIDDEN)
        return text
