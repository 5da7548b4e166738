"""What an index in OpenSearch is called, how it is made, and what a document in it looks like. Pure.

Every generation is an index of its own. Its documents carry the number of the commit that added them (`since`) and of
the one that removed them (`until`); what a search sees is decided by one further document, see `fence`. Ids are strings
of 19 digits, so that they are sorted as numbers and no JSON reader rounds them. Paths need not be UTF-8: their bytes
are kept as characters of the same numbers (latin-1), so that equal prefixes stay equal prefixes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rota.search.types import extension_of, type_of
from store.search.engine import Document, Shape
from store.search.opensearch.analysis import analysis

FORM = 1
"""Of the mapping and what it means; an index of another form is not written."""

SHOWN = ("id", "folder", "raw_name", "kind", "type", "size", "modified_ns", "meta", "datasource")
"""The fields that a hit is made of."""

_KEYWORD = {"type": "keyword"}
_LONG = {"type": "long"}
_KEPT = {"type": "keyword", "index": False, "doc_values": False}


def index_name(prefix: str, datasource: str, generation: int) -> str:
    """Give the name of a generation's index."""
    return f"{prefix}-{datasource}-{generation}"


def new_index(prefix: str, datasource: str, generation: int, shape: Shape) -> dict[str, Any]:
    """Give the body of the request that makes an index."""
    text = {"type": "text", "analyzer": "stored_text", "search_analyzer": "asked_text"}
    return {
        "settings": {
            "index": {
                "number_of_shards": 1,
                "auto_expand_replicas": "0-1",
                # Nothing is looked at between two commits, and a commit refreshes by itself.
                "refresh_interval": "-1",
                # Counted in UTF-16, where a character takes up to two.
                "highlight": {"max_analyzed_offset": 2_000_001},
            },
            "analysis": analysis(shape.language),
        },
        "mappings": {
            "dynamic": "strict",
            "_meta": marks(prefix, datasource, generation, shape),
            "properties": {
                "id": _KEYWORD,
                "content": _KEYWORD,
                "datasource": _KEYWORD,
                "folder": _KEYWORD,
                "raw_name": _KEPT,
                "name": {"type": "text", "analyzer": "words"},
                "extension": _KEYWORD,
                "kind": _KEYWORD,
                "type": _KEYWORD,
                "size": _LONG,
                "modified_ns": _LONG,
                "text": {**text, "index_options": "offsets"},
                "meta": text,
                "since": _LONG,
                "until": _LONG,
                "control": {"type": "object", "enabled": False},
            },
        },
    }


def marks(prefix: str, datasource: str, generation: int, shape: Shape) -> dict[str, Any]:
    """Give what an index says of itself, which tells ours from others."""
    return {
        "rota": {"form": FORM, "prefix": prefix, "datasource": datasource, "generation": generation, **shape._asdict()}
    }


def marks_in(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give what an index says of itself, out of the answer about its mapping; empty if it is none of ours."""
    found = mapping.get("mappings", {}).get("_meta", {}).get("rota", {})
    return found if isinstance(found, Mapping) else {}


def digits(number: int) -> str:
    """Give an id as it is kept."""
    return f"{number:019d}"


def folder_of(path: bytes) -> str:
    """Give a path as it is kept."""
    return path.decode("latin-1")


def path_of(kept: str) -> bytes:
    """Give the path that was kept."""
    return kept.encode("latin-1")


def document_of(document: Document, datasource: str, commit: int) -> dict[str, Any]:
    """Give a document as it is kept, added by this commit."""
    name = document.name.decode(errors="replace")
    return {
        "id": digits(document.id),
        "content": digits(document.content),
        "datasource": datasource,
        "folder": folder_of(document.folder),
        "raw_name": folder_of(document.name),
        "name": name,
        "extension": extension_of(name),
        "kind": document.kind,
        "type": type_of(name, document.kind),
        "size": document.size,
        "modified_ns": document.modified_ns,
        "text": document.text,
        "meta": document.meta,
        "since": commit,
    }


def key_of(document_id: int, commit: int) -> str:
    """Give the `_id` under which a document is kept that this commit adds."""
    return f"{digits(document_id)}-{commit}"


def visible(commit: int) -> dict[str, Any]:
    """Give the query for what there is after a commit."""
    return {
        "bool": {
            "filter": [{"range": {"since": {"lte": commit}}}],
            "must_not": [{"range": {"until": {"lte": commit}}}],
        }
    }
