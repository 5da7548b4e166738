"""Writes one generation: what lies between two commits carries a number that no search asks for before the commit.

1. What is added is stored under the number of the commit to come (`since`), what is removed is marked with it
   (`until`).
2. A commit sends what is left, lets OpenSearch refresh, and moves the number in the fence's document: that is it.
3. What an earlier commit removed is deleted then; searches that began before this commit still find what it removes.

Whoever dies between two commits leaves documents and marks behind that nobody sees. The next writer deletes and unmarks
them before it does anything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from rota.clock import Clock
from rota.errors import NotFound, TemporaryError
from store.batches import batches
from store.search.engine import Document, Texts
from store.search.opensearch import bulk
from store.search.opensearch.fence import Fence
from store.search.opensearch.layout import digits, document_of, folder_of, key_of, path_of, visible
from store.search.opensearch.wire import Answer, Declined, Wire

PAGE = 5_000
"""Documents or folders that are asked for at once, without their texts."""
FOLDERS_ASKED = 1_000
TEXTS_ASKED = 10
"""Texts that are asked for at once; one may have some 4 MB."""
PURGED = 2_000
"""Documents that are deleted in one request, which has to end in time."""


class OpenSearchWriter:
    """The writer of one index; takes the fence when it is made. See `store.search.engine.Writer`."""

    def __init__(self, wire: Wire, index: str, datasource: str, clock: Clock) -> None:
        self._wire = wire
        self._index = index
        self._datasource = datasource
        self._fence = Fence(wire, index, clock)
        self._added: dict[int, bytes] = {}
        self._removed: set[int] = set()
        self._size = 0
        self._has_sent = False
        self._is_closed = False
        self._fence.take()
        try:
            self._undo()
        except BaseException:
            self.close()
            raise

    def known(self, folders: Sequence[bytes]) -> Mapping[bytes, Mapping[int, int]]:
        """Give the ids of the committed documents in these folders, with their contents."""
        found: dict[bytes, dict[int, int]] = {folder: {} for folder in folders}
        for asked in batches(found, FOLDERS_ASKED):
            query = self._committed({"terms": {"folder": [folder_of(folder) for folder in asked]}})
            for fields in self._pages(query, ["folder", "id", "content"]):
                found[path_of(fields["folder"][0])][int(fields["id"][0])] = int(fields["content"][0])
        return found

    def folders(self) -> Iterator[bytes]:
        """Give every folder that committed documents are in."""
        after: dict[str, Any] = {}
        while True:
            composite = {"size": PAGE, "sources": [{"folder": {"terms": {"field": "folder"}}}], **after}
            told = self._search({"query": self._committed(), "size": 0, "aggs": {"folders": {"composite": composite}}})
            page = told["aggregations"]["folders"]
            yield from (path_of(bucket["key"]["folder"]) for bucket in page["buckets"])
            if "after_key" not in page:
                return
            after = {"after": page["after_key"]}

    def texts(self, contents: Sequence[int]) -> Mapping[int, Texts]:
        """Give what is stored of these contents."""
        found: dict[int, Texts] = {}
        for asked in batches(dict.fromkeys(contents), TEXTS_ASKED):
            query = self._committed({"terms": {"content": [digits(content) for content in asked]}})
            body = {"query": query, "size": len(asked), "collapse": {"field": "content"}}
            told = self._search({**body, "_source": ["content", "text", "meta"]})
            for hit in told["hits"]["hits"]:
                source = hit["_source"]
                found[int(source["content"])] = Texts(source["text"], source["meta"])
        return found

    def remove(self, ids: Iterable[int]) -> None:
        """Remove documents at the next commit."""
        for number in ids:
            self._size -= len(self._added.pop(number, b""))
            self._removed.add(number)
            self._flush_if_full()

    def add(self, documents: Iterable[Document]) -> None:
        """Add documents at the next commit."""
        commit = self._fence.number
        for document in documents:
            lines = bulk.put(key_of(document.id, commit), document_of(document, self._datasource, commit))
            self._size += len(lines) - len(self._added.get(document.id, b""))
            self._added[document.id] = lines
            self._flush_if_full()

    def commit(self) -> None:
        """Let what was added and removed be searched, all of it at once."""
        self._flush()
        if not self._has_sent:
            return
        self._refresh()
        before = self._fence.committed
        self._fence.commit()
        self._has_sent = False
        # Whatever is left over, the next commit or the next writer deletes.
        with suppress(TemporaryError):
            self._purge({"range": {"until": {"lte": before}}})

    def close(self) -> None:
        """Let another one write; what was not committed is never seen."""
        if self._is_closed:
            return
        self._is_closed = True
        # Who cannot say so is believed to live a little longer, and that is all.
        with suppress(TemporaryError, NotFound):
            self._fence.release()

    def _flush_if_full(self) -> None:
        if self._size >= bulk.BODY_BYTES or len(self._added) + len(self._removed) >= bulk.BODY_CHANGES:
            self._flush()

    def _flush(self) -> None:
        """Send what is held here; if that fails it is held still, and may be sent again."""
        commit = self._fence.number
        changes: dict[str, bytes] = {}
        if self._removed and self._has_sent:
            changes |= {key_of(number, commit): bulk.delete(key_of(number, commit)) for number in self._removed}
        if self._removed:
            query = self._committed({"terms": {"id": [digits(number) for number in self._removed]}})
            changes |= {key: bulk.change(key, {"until": commit}) for key in self._keys(query)}
        changes |= {key_of(number, commit): lines for number, lines in self._added.items()}
        if changes:
            self._has_sent = True
            self._send(changes)
        self._added.clear()
        self._removed.clear()
        self._size = 0

    def _undo(self) -> None:
        """Undo what a writer before did without a commit."""
        self._refresh()
        committed = self._fence.committed
        self._purge({"range": {"since": {"gt": committed}}})
        while keys := self._keys({"range": {"until": {"gt": committed}}}):
            self._send({key: bulk.change(key, {"until": None}) for key in keys})
            self._refresh()

    def _purge(self, query: Mapping[str, Any]) -> None:
        deleted = PURGED
        while deleted:
            told = self._ask(f"_delete_by_query?conflicts=proceed&refresh=true&max_docs={PURGED}", {"query": query})
            deleted = told["deleted"]

    def _send(self, changes: Mapping[str, bytes]) -> None:
        bulk.send(self._wire, self._fence.alias, changes, before=self._fence.keep)

    def _refresh(self) -> None:
        told = self._ask("_refresh")
        if told["_shards"]["failed"]:
            raise TemporaryError(f"{self._wire.place}: not all of {self._index} could be refreshed")

    def _committed(self, *filters: Mapping[str, Any]) -> dict[str, Any]:
        return {"bool": {"filter": [visible(self._fence.committed), *filters]}}

    def _keys(self, query: Mapping[str, Any]) -> list[str]:
        """Give the `_id`s of documents, as many as a page has."""
        told = self._search({"query": query, "size": PAGE, "_source": False})
        return [hit["_id"] for hit in told["hits"]["hits"]]

    def _pages(self, query: Mapping[str, Any], fields: Sequence[str]) -> Iterator[Mapping[str, list[str]]]:
        """Give fields of all documents; nobody else writes, so that there is nothing to hold still while it is read."""
        body = {
            "query": query,
            "size": PAGE,
            "_source": False,
            "docvalue_fields": list(fields),
            "sort": [{"id": "asc"}, {"since": "asc"}],
        }
        after: dict[str, Any] = {}
        while hits := self._search({**body, **after})["hits"]["hits"]:
            yield from (hit["fields"] for hit in hits)
            if len(hits) < PAGE:
                return
            after = {"search_after": hits[-1]["sort"]}

    def _search(self, body: Mapping[str, Any]) -> Answer:
        told = self._ask("_search", body)
        if told["timed_out"] or told["_shards"]["failed"]:
            raise TemporaryError(f"{self._wire.place}: could not read all of {self._index}")
        return told

    def _ask(self, what: str, body: Mapping[str, Any] | None = None) -> Answer:
        self._fence.keep()
        try:
            return self._wire.ask("POST", f"/{self._index}/{what}", body)
        except Declined as refused:
            if refused.status == 404:
                raise NotFound(f"{self._index} is gone") from None
            raise
