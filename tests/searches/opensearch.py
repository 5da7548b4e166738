"""A twin of OpenSearch, as much as the engine needs: indexes in memory, a rule for a `Proxy`.

The shared suite runs on the twin, or on a real OpenSearch where ROTA_TEST_OPENSEARCH is its address.
"""

from __future__ import annotations

import json
import os
import re
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import pytest

from store.search.engine import Engine
from store.search.opensearch.engine import OpenSearchEngine
from tests.searches.twin.bulk import carried_out, changes_in
from tests.searches.twin.indexes import Stored, TwinIndex
from tests.searches.twin.queries import matcher
from tests.searches.twin.refusing import Refused, argument, no_index, only
from tests.searches.twin.searching import search
from tests.storages.http_proxy import Reply, Seen, proxied

USER, PASSWORD = "rota", "se/cret"  # noqa: S105 - the twin's own
VARIABLE = "ROTA_TEST_OPENSEARCH"

Answer = tuple[int, dict[str, Any]]
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")


class OpenSearchTwin:
    """Indexes by name; each request is answered under one lock."""

    def __init__(self) -> None:
        self.indexes: dict[str, TwinIndex] = {}
        self._lock = threading.Lock()

    def __call__(self, request: Seen) -> Reply:
        """Answer a request."""
        expected = "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if request.headers.get("authorization") != expected:
            return Reply(401, b"Unauthorized", {"content-type": "text/plain"})
        try:
            with self._lock:
                status, told = self._answer(request)
        except Refused as refused:
            status, told = refused.status, {"error": refused.told, "status": refused.status}
        return Reply(status, json.dumps(told).encode(), {"content-type": "application/json; charset=UTF-8"})

    def _answer(self, request: Seen) -> Answer:
        path = urlsplit(request.target).path
        for method, pattern, parameters, action in _ROUTES:
            match = re.fullmatch(pattern, path)
            if match is None or method != request.method:
                continue
            if unknown := set(request.query) - set(parameters):
                raise argument(f"request [{path}] contains unrecognized parameter: [{min(unknown)}]")
            if request.body and request.headers.get("content-type") not in ("application/json", "application/x-ndjson"):
                raise Refused(406, "media_type_header_exception", "Content-Type header is not supported")
            return action(self, request, *(unquote(part) for part in match.groups()))
        raise Refused(405, "method_not_allowed", f"Incorrect HTTP method for uri [{path}]")

    def root(self, _request: Seen) -> Answer:
        """Say what it is."""
        return 200, {"name": "twin", "version": {"distribution": "opensearch", "number": "3.1.0"}}

    def create(self, request: Seen, name: str) -> Answer:
        """Make an index."""
        if not _NAME.fullmatch(name) or len(name.encode()) > 255:
            raise Refused(400, "invalid_index_name_exception", f"Invalid index name [{name}]")
        if name in self.indexes:
            raise Refused(400, "resource_already_exists_exception", f"index [{name}] already exists")
        self.indexes[name] = TwinIndex(name, _json(request))
        return 200, {"acknowledged": True, "shards_acknowledged": True, "index": name}

    def drop(self, _request: Seen, name: str) -> Answer:
        """Remove an index, and its aliases with it."""
        self.index(name)
        del self.indexes[name]
        return 200, {"acknowledged": True}

    def mapping(self, _request: Seen, pattern: str) -> Answer:
        """Tell the mappings of indexes; a pattern that fits none is no error."""
        names = [name for name in self.indexes if fnmatchcase(name, pattern)]
        if not names and "*" not in pattern:
            raise no_index(pattern)
        return 200, {name: {"mappings": self.indexes[name].mappings} for name in names}

    def aliases(self, request: Seen) -> Answer:
        """Change aliases, all of them at once."""
        for action in _json(request)["actions"]:
            [(kind, details)] = action.items()
            only(details, ("index", "alias"), kind)
            index = self.index(details["index"])
            if kind == "remove":
                index.aliases = {alias for alias in index.aliases if not fnmatchcase(alias, details["alias"])}
            elif kind == "add" and "*" not in details["alias"]:
                index.aliases.add(details["alias"])
            else:
                raise argument(f"unknown action [{kind}]")
        return 200, {"acknowledged": True}

    def get(self, _request: Seen, name: str, key: str) -> Answer:
        """Give a document as it is now."""
        told = self._told(self.index(name), key)
        return (200 if told["found"] else 404), told

    def multi_get(self, request: Seen) -> Answer:
        """Give documents of several indexes, an error for each that cannot be asked."""
        docs = []
        for asked in _json(request)["docs"]:
            only(asked, ("_index", "_id"), "mget")
            if asked["_index"] in self.indexes:
                docs.append(self._told(self.indexes[asked["_index"]], asked["_id"]))
            else:
                docs.append({**asked, "error": no_index(asked["_index"]).told})
        return 200, {"docs": docs}

    def put(self, request: Seen, name: str, key: str) -> Answer:
        """Write a document, if nobody wrote it since it was read."""
        index = self._written(request, name)
        before = index.documents.get(key)
        if "if_seq_no" in request.query and (
            before is None
            or request.query["if_seq_no"] != str(before.seq_no)
            or request.query["if_primary_term"] != "1"
        ):
            raise Refused(409, "version_conflict_engine_exception", f"[{key}]: version conflict, required seqNo")
        stored, is_new = index.put(key, _json(request))
        return 201 if is_new else 200, {**_named(index, stored), "result": "created" if is_new else "updated"}

    def put_new(self, request: Seen, name: str, key: str) -> Answer:
        """Write a document that is not there."""
        if key in self._written(request, name).documents:
            raise Refused(
                409, "version_conflict_engine_exception", f"[{key}]: version conflict, document already exists"
            )
        return self.put(request, name, key)

    def bulk(self, request: Seen, name: str) -> Answer:
        """Make changes, each by itself."""
        changes = changes_in(request.body)
        index = self._aliased(name) if request.query.get("require_alias") == "true" else self.index(name)
        items = [carried_out(index, name, change) for change in changes]
        return 200, {
            "took": 1,
            "errors": any("error" in told for item in items for told in item.values()),
            "items": items,
        }

    def refresh(self, _request: Seen, name: str) -> Answer:
        """Let searches see what was written."""
        self.index(name).refresh()
        return 200, {"_shards": {"total": 1, "successful": 1, "failed": 0}}

    def search(self, request: Seen, names: str) -> Answer:
        """Search indexes."""
        if request.query.get("preference", "").startswith("_"):
            raise argument("no Preference for [_]")
        return 200, search([self.index(name) for name in names.split(",")], _json(request))

    def count(self, request: Seen, name: str) -> Answer:
        """Count what matches."""
        body = _json(request)
        only(body, ("query",), "count")
        return 200, {"count": len(self._matching(self.index(name), body)), "_shards": {"total": 1, "failed": 0}}

    def delete_matching(self, request: Seen, name: str) -> Answer:
        """Delete what matches, as far as it is as it was at the last refresh."""
        body = _json(request)
        only(body, ("query",), "delete_by_query")
        index = self.index(name)
        found = self._matching(index, body)[: int(request.query["max_docs"])]
        deleted = sum(index.documents.get(stored.id) is stored and index.delete(stored.id) for stored in found)
        if request.query.get("refresh") == "true":
            index.refresh()
        return 200, {"total": len(found), "deleted": deleted, "version_conflicts": len(found) - deleted, "failures": []}

    def stats(self, _request: Seen, name: str) -> Answer:
        """Tell how much it stores."""
        size = sum(len(json.dumps(stored.source)) for stored in self.index(name).documents.values())
        return 200, {"_all": {"total": {"store": {"size_in_bytes": size}}}}

    def index(self, name: str) -> TwinIndex:
        """Give an index by its name or an alias."""
        found = self.indexes.get(name) or self._aliased(name)
        if found is None:
            raise no_index(name)
        return found

    def _aliased(self, name: str) -> TwinIndex | None:
        return next((index for index in self.indexes.values() if name in index.aliases), None)

    def _written(self, request: Seen, name: str) -> TwinIndex:
        """Give the index to write to; the real one would make it anew if no alias is required."""
        if request.query.get("require_alias") != "true":
            raise argument("the twin makes no index by itself: require_alias")
        found = self._aliased(name)
        if found is None:
            raise no_index(name)
        return found

    def _told(self, index: TwinIndex, key: str) -> dict[str, Any]:
        stored = index.documents.get(key)
        if stored is None:
            return {"_index": index.name, "_id": key, "found": False}
        return {**_named(index, stored), "found": True, "_source": stored.source}

    def _matching(self, index: TwinIndex, body: Mapping[str, Any]) -> list[Stored]:
        score = matcher(index, body["query"]).score
        return [stored for stored in index.refreshed.values() if score(stored) is not None]


def _named(index: TwinIndex, stored: Stored) -> dict[str, Any]:
    return {
        "_index": index.name,
        "_id": stored.id,
        "_version": stored.version,
        "_seq_no": stored.seq_no,
        "_primary_term": 1,
    }


def _json(request: Seen) -> dict[str, Any]:
    try:
        found = json.loads(request.body)
    except ValueError:
        raise Refused(400, "parse_exception", "request body is no JSON") from None
    if not isinstance(found, dict):
        raise Refused(400, "parse_exception", "request body is no object")
    return found


_INDEX, _NAMES, _KEY = r"/([^/_][^/,*]*)", r"/([^/_][^/*]*)", r"([^/]+)"
_GUARD = ("require_alias", "if_seq_no", "if_primary_term")
_ROUTES: Sequence[tuple[str, str, Sequence[str], Callable[..., Answer]]] = (
    ("GET", "/", (), OpenSearchTwin.root),
    ("PUT", _INDEX, (), OpenSearchTwin.create),
    ("DELETE", _INDEX, (), OpenSearchTwin.drop),
    ("GET", r"/([^/_][^/,]*)/_mapping", (), OpenSearchTwin.mapping),
    ("POST", "/_aliases", (), OpenSearchTwin.aliases),
    ("GET", f"{_INDEX}/_doc/{_KEY}", (), OpenSearchTwin.get),
    ("POST", "/_mget", (), OpenSearchTwin.multi_get),
    ("PUT", f"{_INDEX}/_doc/{_KEY}", _GUARD, OpenSearchTwin.put),
    ("PUT", f"{_INDEX}/_create/{_KEY}", ("require_alias",), OpenSearchTwin.put_new),
    ("POST", f"{_INDEX}/_bulk", ("require_alias",), OpenSearchTwin.bulk),
    ("POST", f"{_INDEX}/_refresh", (), OpenSearchTwin.refresh),
    ("POST", f"{_NAMES}/_search", ("preference",), OpenSearchTwin.search),
    ("POST", f"{_INDEX}/_count", (), OpenSearchTwin.count),
    ("POST", f"{_INDEX}/_delete_by_query", ("conflicts", "refresh", "max_docs"), OpenSearchTwin.delete_matching),
    ("GET", f"{_INDEX}/_stats/store", (), OpenSearchTwin.stats),
)


@contextmanager
def opensearch(_request: pytest.FixtureRequest) -> Iterator[Callable[[], Engine]]:
    """Open engines on one OpenSearch: the real one that is named, or a twin."""
    prefix = f"rota-test-{uuid4().hex}"
    with _address() as address:
        yield lambda: OpenSearchEngine(address, prefix=prefix)
        engine = OpenSearchEngine(address, prefix=prefix)
        for datasource in engine.datasources():
            for generation in engine.generations(datasource):
                engine.drop(datasource, generation)
        engine.close()


@contextmanager
def _address() -> Iterator[str]:
    if real := os.environ.get(VARIABLE):
        yield real
        return
    with proxied("http://127.0.0.1:0") as proxy:
        proxy.rule = OpenSearchTwin()
        yield address_of(proxy.address)


def address_of(address: str) -> str:
    """Give the address of a twin with its user and password."""
    return address.replace("http://", f"http://{USER}:{PASSWORD.replace('/', '%2F')}@")
