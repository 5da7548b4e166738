"""Indexes of the twin: documents as they were written, and as they were at the last refresh."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.searches.twin.analysis import Analyzer, Token, analyzers_of
from tests.searches.twin.refusing import Refused, argument, only

_TYPES: Mapping[str, tuple[str, ...]] = {
    "keyword": ("index", "doc_values"),
    "long": ("index", "doc_values"),
    "text": ("analyzer", "search_analyzer", "index_options"),
    "object": ("enabled",),
}
_SETTINGS = ("number_of_shards", "auto_expand_replicas", "refresh_interval", "highlight")
LONGEST_TERM = 32_766
LONGEST_ID = 512


@dataclass(frozen=True)
class Stored:
    """A document as it was last written."""

    id: str
    source: Mapping[str, Any]
    version: int
    seq_no: int
    tokens: Mapping[str, list[Token]] = field(repr=False)


class Weights:
    """How often words stand in a field of all documents."""

    def __init__(self, documents: Mapping[str, Stored], name: str) -> None:
        lists = [stored.tokens[name] for stored in documents.values() if stored.tokens.get(name)]
        self.documents = len(lists)
        self.average = sum(map(len, lists)) / len(lists) if lists else 1.0
        self.having = Counter(term for tokens in lists for term in {token.term for token in tokens})


class TwinIndex:
    """One index with one shard."""

    def __init__(self, name: str, body: Mapping[str, Any]) -> None:
        only(body, ("settings", "mappings", "aliases"), "create index")
        only(body["settings"], ("index", "analysis"), "settings")
        only(body["settings"]["index"], _SETTINGS, "settings")
        only(body["mappings"], ("dynamic", "_meta", "properties"), "mappings")
        self.name = name
        self.mappings = body["mappings"]
        self.properties: Mapping[str, Any] = body["mappings"]["properties"]
        self.longest_highlighted = body["settings"]["index"]["highlight"]["max_analyzed_offset"]
        self.analyzers = analyzers_of(body["settings"]["analysis"])
        self.aliases = set(body.get("aliases", {}))
        self.documents: dict[str, Stored] = {}
        self.refreshed: dict[str, Stored] = {}
        self._weights: dict[str, Weights] = {}
        self._seq_no = -1
        for name_of_field, declared in self.properties.items():
            only(declared, ("type", *_TYPES[declared["type"]]), f"mapper of {name_of_field}")

    def put(self, key: str, source: Mapping[str, Any]) -> tuple[Stored, bool]:
        """Write a document; says too whether it is new."""
        if len(key.encode()) > LONGEST_ID:
            raise argument(f"id [{key}] is too long, must be no longer than 512 bytes")
        tokens = {name: self._tokens(name, value) for name, value in source.items()}
        before = self.documents.get(key)
        self._seq_no += 1
        stored = Stored(key, dict(source), before.version + 1 if before else 1, self._seq_no, tokens)
        self.documents[key] = stored
        return stored, before is None

    def delete(self, key: str) -> bool:
        """Remove a document; says whether it was there."""
        self._seq_no += 1
        return self.documents.pop(key, None) is not None

    def refresh(self) -> None:
        """Let searches see what was written."""
        self.refreshed = dict(self.documents)
        self._weights.clear()

    def weights(self, name: str) -> Weights:
        """Give the weights of a field, as of the last refresh."""
        if name not in self._weights:
            self._weights[name] = Weights(self.refreshed, name)
        return self._weights[name]

    def analyzer(self, name: str, asked: str | None = None) -> Analyzer:
        """Give the analyzer for a query on a field."""
        declared = self.properties[name]
        wanted = asked or declared.get("search_analyzer") or declared["analyzer"]
        if wanted not in self.analyzers:
            raise argument(f"[match] analyzer [{wanted}] not found")
        return self.analyzers[wanted]

    def _tokens(self, name: str, value: Any) -> list[Token]:
        declared = self.properties.get(name)
        if declared is None:
            raise Refused(
                400,
                "strict_dynamic_mapping_exception",
                f"mapping set to strict, dynamic introduction of [{name}] within [_doc] is not allowed",
            )
        if value is None or declared["type"] == "object":
            return []
        if declared["type"] == "long":
            if not isinstance(value, int) or not -(2**63) <= value < 2**63:
                raise Refused(400, "mapper_parsing_exception", f"failed to parse field [{name}] of type [long]")
            return []
        if not isinstance(value, str):
            raise Refused(400, "mapper_parsing_exception", f"failed to parse field [{name}]")
        if declared["type"] == "keyword":
            if declared.get("index", True) and len(value.encode()) > LONGEST_TERM:
                raise argument(f'Document contains at least one immense term in field="{name}"')
            return []
        return self.analyzers[declared["analyzer"]](value)
