"""The requests of one search, which all have to end within its time; errors are told as searches tell them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import monotonic

from rota.errors import NotFound, TooBroad
from store.search.opensearch.fence import CONTROL, control_of
from store.search.opensearch.searching import check
from store.search.opensearch.wire import Answer, Declined, NoAnswer, Wire

GRACE_SECONDS = 0.5
"""How much longer than the search the answer may take."""


class Asking:
    """Asks for one search, or whatever else has so many seconds. Nothing is asked twice."""

    def __init__(self, wire: Wire, seconds: float) -> None:
        self._wire = wire
        self._seconds = seconds
        self._deadline = monotonic() + seconds

    @property
    def left(self) -> float:
        """The seconds that are left; raises TooBroad if there are none."""
        left = self._deadline - monotonic()
        if left <= 0:
            raise self._too_broad()
        return left

    def commits(self, indexes: Sequence[str]) -> Mapping[str, int]:
        """Give the number of the last commit of each index; raises NotFound if one is gone."""
        asked = {"docs": [{"_index": index, "_id": CONTROL} for index in indexes]}
        told = self._ask("/_mget", asked)["docs"]
        if any("error" in found for found in told):
            raise NotFound("an index is gone")
        return {
            index: control_of(found).committed if found["found"] else 0
            for index, found in zip(indexes, told, strict=True)
        }

    def search(self, indexes: Sequence[str], body: Mapping[str, object], preference: str) -> Answer:
        """Search indexes and give an answer that is whole."""
        answer = self._ask(f"/{','.join(indexes)}/_search", body, preference=preference)
        check(answer, self._wire.place, self._seconds)
        return answer

    def _ask(self, path: str, body: Mapping[str, object], **parameters: str) -> Answer:
        seconds = self.left + GRACE_SECONDS
        try:
            return self._wire.ask("POST", path, body, seconds=seconds, tries=1, **parameters)
        except NoAnswer:
            raise self._too_broad() from None
        except Declined as refused:
            if refused.status == 404:
                raise NotFound("an index is gone") from None
            if refused.kind.startswith("too_many"):
                raise TooBroad("the search has too many parts for OpenSearch") from None
            raise

    def _too_broad(self) -> TooBroad:
        return TooBroad(f"the search takes longer than {self._seconds:g} s")
