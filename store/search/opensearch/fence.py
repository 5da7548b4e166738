"""One writer at a time, and commits that are seen whole: both hang on one document in each index.

The document (`control`) holds the number of the last commit, which searches ask for, the number that the present writer
works under, who that is, and until when. It is only ever written if nobody wrote it since it was read (`if_seq_no`), so
a commit is the one step in which everything under its number begins to count.

Whoever takes the fence gets a number that nobody had, and an alias of that number through which alone it writes; the
alias of the one before is taken away in the same step. So what a writer sends that was taken for dead is refused by
OpenSearch itself, and nothing can make an index anew that was dropped meanwhile (`require_alias`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from uuid import uuid4

from rota.clock import Clock
from rota.errors import NotFound, TemporaryError
from store.search.opensearch.wire import Answer, Declined, Wire

LEASE_SECONDS = 60.0
"""How long a writer is believed to live after it last said so; clocks of machines must not differ by so much."""
RENEW_SECONDS = LEASE_SECONDS / 3

CONTROL = "control"
"""The `_id` of the document; it has no `since`, so no search ever sees it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What the document says."""

    committed: int = 0
    number: int = 0
    """The last number that anybody got."""
    holder: str = ""
    """Who writes; empty if nobody does."""
    until_ms: int = 0

    def stored(self) -> dict[str, Any]:
        """Give the document as it is kept."""
        return {
            "control": {
                "committed": self.committed,
                "number": self.number,
                "holder": self.holder,
                "until_ms": self.until_ms,
            }
        }


class _Read(NamedTuple):
    control: Control
    seq_no: int
    primary_term: int


def control_alias(index: str) -> str:
    """Give the alias through which the document itself is written; it is there as long as the index is."""
    return f"{index}-control"


def control_of(answer: Answer) -> Control:
    """Give the document out of an answer."""
    return Control(**answer["_source"]["control"])


class Fence:
    """The right to write an index. Not safe to use from several threads.

    Every method raises TemporaryError if somebody else has taken the right, NotFound if the index is gone.
    """

    def __init__(self, wire: Wire, index: str, clock: Clock) -> None:
        self._wire = wire
        self._index = index
        self._clock = clock
        self._holder = uuid4().hex
        self._read = _Read(Control(), 0, 0)
        self._first = 0
        self._said_at = 0.0

    @property
    def committed(self) -> int:
        """The number of the last commit."""
        return self._read.control.committed

    @property
    def number(self) -> int:
        """The number of the commit that is being prepared."""
        return self._read.control.number

    @property
    def alias(self) -> str:
        """What to write to."""
        return f"{self._index}-w{self._first}"

    def take(self) -> None:
        """Become the writer."""
        self._read = self._fetch() or self._make()
        known, now = self._read.control, self._clock.now_ms()
        if known.holder and known.until_ms > now:
            raise TemporaryError(
                f"{self._wire.place}: another writer is at {self._index}", delay_ms=known.until_ms - now
            )
        self._write(replace(known, number=known.number + 1))
        self._first = self.number
        self._switch()
        # Whoever took the fence between these two steps has lost the alias to us, but not the fence.
        if self._fetch() != self._read:
            raise self._lost()

    def keep(self) -> None:
        """Say that this writer lives, if it did not say so lately; to be called before anything is sent."""
        if self._clock.monotonic() - self._said_at > RENEW_SECONDS:
            self._write(self._read.control)

    def commit(self) -> None:
        """Let everything count that was written under the number, and go on under the next."""
        known = self._read.control
        self._write(replace(known, committed=known.number, number=known.number + 1))

    def release(self) -> None:
        """Let another one write."""
        self._write(self._read.control, holder="")

    def _write(self, wanted: Control, *, holder: str | None = None) -> None:
        holder = self._holder if holder is None else holder
        until = self._clock.now_ms() + int(LEASE_SECONDS * 1000) if holder else 0
        wanted = replace(wanted, holder=holder, until_ms=until)
        self._said_at = self._clock.monotonic()
        try:
            told = self._wire.ask(
                "PUT",
                f"/{control_alias(self._index)}/_doc/{CONTROL}",
                wanted.stored(),
                require_alias="true",
                if_seq_no=str(self._read.seq_no),
                if_primary_term=str(self._read.primary_term),
            )
        except Declined as refused:
            if refused.status == 404:
                raise NotFound(f"{self._index} is gone") from None
            if refused.status != 409:
                raise
            found = self._fetch()
            # An answer that was lost, to a request that was repeated: then it is we who wrote.
            if found is None or found.control != wanted:
                raise self._lost() from None
            self._read = found
            return
        self._read = _Read(wanted, told["_seq_no"], told["_primary_term"])

    def _make(self) -> _Read:
        try:
            self._wire.ask(
                "PUT", f"/{control_alias(self._index)}/_create/{CONTROL}", Control().stored(), require_alias="true"
            )
        except Declined as refused:
            if refused.status == 404:
                raise NotFound(f"{self._index} is gone") from None
            if refused.status != 409:
                raise
        found = self._fetch()
        if found is None:
            raise NotFound(f"{self._index} is gone")
        return found

    def _fetch(self) -> _Read | None:
        try:
            told = self._wire.ask("GET", f"/{self._index}/_doc/{CONTROL}")
        except Declined as refused:
            if refused.status != 404:
                raise
            return None
        return _Read(control_of(told), told["_seq_no"], told["_primary_term"])

    def _switch(self) -> None:
        actions = [
            {"remove": {"index": self._index, "alias": f"{self._index}-w*"}},
            {"add": {"index": self._index, "alias": self.alias}},
        ]
        try:
            self._wire.ask("POST", "/_aliases", {"actions": actions})
        except Declined as refused:
            if refused.status == 404:
                raise NotFound(f"{self._index} is gone") from None
            raise

    def _lost(self) -> TemporaryError:
        return TemporaryError(f"{self._wire.place}: another writer has taken {self._index}")
