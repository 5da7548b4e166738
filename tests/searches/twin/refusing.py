"""How the twin refuses: with the status and the type of error that OpenSearch has for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class Refused(Exception):
    """An error as OpenSearch tells it."""

    def __init__(self, status: int, kind: str, reason: str) -> None:
        self.status = status
        self.kind = kind
        self.reason = reason
        super().__init__(f"{status} {kind}: {reason}")

    @property
    def told(self) -> dict[str, Any]:
        """Its form within an answer."""
        cause = {"type": self.kind, "reason": self.reason}
        return {"root_cause": [cause], **cause}


def parsing(reason: str) -> Refused:
    """Give the error for a body that is not understood."""
    return Refused(400, "parsing_exception", reason)


def argument(reason: str) -> Refused:
    """Give the error for a value that cannot be."""
    return Refused(400, "illegal_argument_exception", reason)


def no_index(name: str) -> Refused:
    """Give the error for an index that is not there."""
    return Refused(404, "index_not_found_exception", f"no such index [{name}]")


def only(given: Mapping[str, Any], allowed: Iterable[str], what: str) -> None:
    """Refuse what is not known."""
    if unknown := set(given) - set(allowed):
        raise parsing(f"[{what}] unknown field [{min(unknown)}]")


def single(given: Any, what: str) -> tuple[str, Any]:
    """Take an object apart that must have one field."""
    if not isinstance(given, dict) or len(given) != 1:
        raise parsing(f"[{what}] query malformed, no start_object after query name")
    return next(iter(given.items()))
