"""What is special to OpenSearch: lost answers, changes refused one by one, a fence of its own, and what else answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from time import monotonic

import pytest

from rota.clock import ManualClock
from rota.errors import NotFound, PermanentError, TemporaryError, TooBroad
from rota.search.query import Query, Word
from store.search.engine import Document, Index, Position, Shape, Writer
from store.search.opensearch.bulk import BODY_BYTES, BODY_CHANGES, bodies, send
from store.search.opensearch.engine import SEARCHED, OpenSearchEngine
from store.search.opensearch.fence import LEASE_SECONDS
from store.search.opensearch.searching import MOST_SNIPPET, pieces_of
from store.search.opensearch.wire import MOST_TRIES, NoAnswer, Wire
from store.search.opensearch.writer import PAGE
from tests.searches.opensearch import PASSWORD, OpenSearchTwin, address_of
from tests.storages.http_proxy import Proxy, Reply, Seen, proxied
from tests.waiting import wait_until

SHAPE = Shape(contents=True, language="english", extractors="1")
EVERYTHING = Query("", None)


@dataclass
class Served:
    """A twin behind a proxy, and engines on it."""

    proxy: Proxy
    twin: OpenSearchTwin
    clock: ManualClock = field(default_factory=lambda: ManualClock(1_000_000_000_000))
    engines: list[OpenSearchEngine] = field(default_factory=list)

    def engine(self, url: str = "", prefix: str = "rota") -> OpenSearchEngine:
        engine = OpenSearchEngine(url or address_of(self.proxy.address), prefix=prefix, clock=self.clock)
        self.engines.append(engine)
        return engine

    def writer(self, datasource: str = "docs", shape: Shape = SHAPE) -> Writer:
        return self.engine().writer(datasource, 1, shape)

    def asked(self, end: str) -> list[Seen]:
        return [request for request in self.proxy.seen if request.target.partition("?")[0].endswith(end)]


@pytest.fixture
def served() -> Iterator[Served]:
    with proxied("http://127.0.0.1:0") as proxy:
        proxy.rule = twin = OpenSearchTwin()
        served = Served(proxy, twin)
        yield served
        for engine in served.engines:
            engine.close()


def document(number: int, name: str = "", text: str = "", folder: bytes = b"") -> Document:
    return Document(number, number, folder, (name or f"n{number}.txt").encode(), "file", 1, 0, text)


def ids(served: Served, query: Query = EVERYTHING, datasources: Sequence[str] = ("docs",)) -> list[int]:
    indexes = [Index(name, 1, SHAPE) for name in datasources]
    found = served.engine().search(query, indexes, limit=1000, seconds=60)
    assert found.total == len(found.hits)
    return [hit.id for hit in found.hits]


def once(rule: Callable[[Seen], Reply | None], served: Served, end: str) -> None:
    """Let a rule answer the first request whose path ends so, and the twin all others."""
    left = [1]

    def answer(request: Seen) -> Reply | None:
        if request.target.partition("?")[0].endswith(end) and left:
            left.pop()
            return rule(request)
        return served.twin(request)

    served.proxy.rule = answer


def test_change_that_is_refused_for_a_moment_is_sent_again_by_itself(served: Served) -> None:
    writer = served.writer()
    writer.add([document(1), document(2), document(3)])

    def busy_for_the_second(request: Seen) -> Reply:
        lines = request.body.splitlines(keepends=True)
        reply = served.twin(Seen(request.method, request.target, request.headers, b"".join(lines[:2] + lines[4:])))
        told = json.loads(reply.body)
        rejected = {"type": "rejected_execution_exception", "reason": "full"}
        told["items"].insert(1, {"index": {"_id": "2", "status": 429, "error": rejected}})
        return Reply(200, json.dumps({**told, "errors": True}).encode())

    once(busy_for_the_second, served, "/_bulk")
    writer.commit()

    first, again = served.asked("/_bulk")
    assert (first.body.count(b"\n"), again.body.count(b"\n")) == (6, 2)
    assert sorted(ids(served)) == [1, 2, 3]


def test_document_that_is_never_taken_is_named_without_its_text(served: Served) -> None:
    writer = served.writer()
    writer.add([document(1), document(2, text="private", folder=b"d" * 40_000)])

    with pytest.raises(PermanentError, match="0000000000000000002-1: illegal_argument_exception") as refused:
        writer.commit()

    assert "private" not in str(refused.value)
    assert ids(served) == []


def test_busy_server_is_asked_again(served: Served) -> None:
    writer = served.writer()
    writer.add([document(1)])
    once(lambda request: Reply(429, b"busy"), served, "/_bulk")

    writer.commit()

    assert len(served.asked("/_bulk")) == 2
    assert ids(served) == [1]


def test_server_that_stays_busy_is_a_temporary_error_that_says_how_long(served: Served) -> None:
    wire = Wire(address_of(served.proxy.address))
    wire.ask("GET", "/")
    served.proxy.rule = lambda request: Reply(429, b"busy", {"retry-after": "1"})

    with pytest.raises(TemporaryError, match="is busy or away") as raised:
        wire.ask("GET", "/", tries=1)

    assert raised.value.delay_ms == 1000
    wire.close()


def test_lost_answers_neither_double_nor_lose_anything(served: Served) -> None:
    lost: set[str] = set()

    def lose_the_first(request: Seen) -> Reply | None:
        """Carry out every request, and lose the first answer to each kind."""
        reply = served.twin(request)
        kind = f"{request.method} {request.target.rpartition('/')[2]}"
        if kind in lost:
            return reply
        lost.add(kind)
        return None

    served.proxy.rule = lose_the_first
    writer = served.writer()
    writer.add([document(1, "one"), document(2, "two"), document(3, "three")])
    writer.commit()
    writer.remove([1, 2])
    writer.add([document(2, "again")])
    writer.commit()
    writer.close()

    served.proxy.rule = served.twin
    assert sorted(ids(served)) == [2, 3]
    assert ids(served, Query("two", Word("two"))) == []
    assert ids(served, Query("again", Word("again"))) == [2]
    assert len(lost) > 8


def test_search_that_takes_too_long_is_too_broad_and_ends(served: Served) -> None:
    served.writer().close()
    engine = served.engine()
    engine.search(EVERYTHING, [Index("docs", 1, SHAPE)], limit=1, seconds=60)

    def hang(request: Seen) -> None:
        served.proxy.released.wait(120)

    once(hang, served, "/_search")
    start = monotonic()
    with pytest.raises(TooBroad):
        engine.search(EVERYTHING, [Index("docs", 1, SHAPE)], limit=1, seconds=0.2)
    assert monotonic() - start < 60


def test_search_that_is_broken_off_by_the_server_is_too_broad(served: Served) -> None:
    served.writer().close()

    def partial(request: Seen) -> Reply:
        reply = served.twin(request)
        assert json.loads(request.body)["timeout"].endswith("ms")
        return Reply(200, json.dumps({**json.loads(reply.body), "timed_out": True}).encode())

    once(partial, served, "/_search")
    with pytest.raises(TooBroad):
        ids(served)


def test_search_that_misses_a_shard_is_a_temporary_error(served: Served) -> None:
    served.writer().close()

    def partial(request: Seen) -> Reply:
        told = json.loads(served.twin(request).body)
        failures = [{"shard": 0, "reason": {"type": "node_not_connected_exception", "reason": "gone"}}]
        return Reply(200, json.dumps({**told, "_shards": {"failed": 1, "failures": failures}}).encode())

    once(partial, served, "/_search")
    with pytest.raises(TemporaryError):
        ids(served)


def test_request_without_an_answer_ends_in_its_time(served: Served) -> None:
    wire = Wire(address_of(served.proxy.address))
    wire.ask("GET", "/")

    def hang(request: Seen) -> None:
        served.proxy.released.wait(20)

    once(hang, served, "/_refresh")

    with pytest.raises(NoAnswer):
        wire.ask("POST", "/rota-docs-1/_refresh", seconds=0.1, tries=1)
    wire.close()


def test_second_writer_waits_until_the_first_lets_go(served: Served) -> None:
    first = served.writer()

    with pytest.raises(TemporaryError, match="another writer") as raised:
        served.writer()
    first.close()

    assert raised.value.delay_ms == LEASE_SECONDS * 1000
    served.writer().close()


def test_writer_that_says_that_it_lives_keeps_the_fence(served: Served) -> None:
    writer = served.writer()
    for _ in range(3):
        served.clock.advance(int(LEASE_SECONDS * 900))
        writer.known([b""])

    with pytest.raises(TemporaryError, match="another writer"):
        served.writer()


def test_dead_writers_half_of_a_commit_is_undone(served: Served) -> None:
    dead = with_three(served)
    dead.remove(range(1, 3))
    dead.add(document(number) for number in range(10, 10 + BODY_CHANGES))
    assert len(served.asked("/_bulk")) > 1, "nothing was sent before the commit"
    served.clock.advance(int(LEASE_SECONDS * 1000) + 1)

    assert sorted(ids(served)) == [1, 2, 3]
    writer = served.writer()
    writer.add([document(4)])
    writer.commit()

    assert sorted(ids(served)) == [1, 2, 3, 4]
    assert sorted(writer.known([b""])[b""]) == [1, 2, 3, 4]
    assert len(served.twin.indexes["rota-docs-1"].documents) == 4 + 1, "something was left behind"


def test_writer_that_was_taken_for_dead_writes_nothing_more(served: Served) -> None:
    late = with_three(served)
    late.add([document(5)])
    served.clock.advance(int(LEASE_SECONDS * 1000) + 1)
    writer = served.writer()

    with pytest.raises(TemporaryError):
        late.commit()
    writer.add([document(6)])
    writer.commit()

    assert sorted(ids(served)) == [1, 2, 3, 6]


def test_what_is_still_on_its_way_from_a_dead_writer_is_refused(served: Served) -> None:
    """The clocks of the dead one stand still: it does not know that its time is over."""
    late = served.writer()
    name = json.loads(served.asked("/_aliases")[-1].body)["actions"][1]["add"]["alias"]
    served.clock.advance(int(LEASE_SECONDS * 1000) + 1)
    writer = served.writer()
    wire = Wire(address_of(served.proxy.address))

    with pytest.raises(TemporaryError, match="another writer"):
        send(wire, name, {"5-1": b'{"index":{"_id":"5-1"}}\n{}\n'}, before=lambda: None)

    wire.close()
    writer.close()
    late.close()


def test_index_that_is_dropped_is_not_made_anew_by_its_writer(served: Served) -> None:
    writer = served.writer()
    writer.add([document(1)])
    served.engine().drop("docs", 1)

    with pytest.raises((TemporaryError, NotFound)):
        writer.commit()
    writer.close()

    assert served.twin.indexes == {}


def test_commit_is_seen_whole_by_whoever_searches_meanwhile(served: Served) -> None:
    writer = served.writer()
    writer.add(document(number) for number in range(20))
    writer.commit()
    searches, stopping = [0], threading.Event()
    wrong: list[list[int]] = []

    def search() -> None:
        engine = served.engine()
        while not stopping.is_set():
            found = engine.search(EVERYTHING, [Index("docs", 1, SHAPE)], limit=100, seconds=60)
            seen = sorted(hit.id for hit in found.hits)
            if seen != list(range(seen[0], seen[0] + 20)):
                wrong.append(seen)
            searches[0] += 1

    def has_searched(often: int) -> bool:
        return searches[0] >= often

    thread = threading.Thread(target=search)
    thread.start()
    try:
        for turn in range(1, 8):
            writer.remove(range(turn * 100 - 100, turn * 100 - 80))
            writer.add(document(number) for number in range(turn * 100, turn * 100 + 20))
            writer.commit()
            wait_until(partial(has_searched, searches[0] + 2), what="a search after the commit")
    finally:
        stopping.set()
        thread.join()
    assert wrong == []


def test_removed_documents_are_deleted_by_the_commit_after_theirs(served: Served) -> None:
    writer = with_three(served)
    stored = served.twin.indexes["rota-docs-1"].documents
    writer.remove([1, 2])
    writer.commit()
    assert len(stored) == 3 + 1

    writer.add([document(9)])
    writer.commit()

    assert len(stored) == 2 + 1


def test_known_and_folders_go_beyond_a_page(served: Served) -> None:
    writer = served.writer()
    writer.add(document(number, folder=b"f%d" % number) for number in range(1, PAGE + 3))
    writer.commit()

    folders = list(writer.folders())

    assert len(folders) == len(set(folders)) == PAGE + 2
    assert sum(map(len, writer.known(folders).values())) == PAGE + 2


def test_hits_of_more_indexes_than_one_request_takes_are_one_list(served: Served) -> None:
    names = [f"d{number:02d}" for number in range(SEARCHED + 3)]
    for number, name in enumerate(names):
        writer = served.writer(name)
        writer.add([document(number + 1, "same.txt")])
        writer.commit()
        writer.close()
    indexes = [Index(name, 1, SHAPE) for name in reversed(names)]
    engine = served.engine()

    after: Position | None = None
    pages = []
    while hits := engine.search(EVERYTHING, indexes, limit=10, after=after, seconds=60).hits:
        pages.append([hit.datasource for hit in hits])
        after = hits[-1].position
    counted = engine.search(EVERYTHING, indexes, limit=1, facets=True, seconds=60)

    assert [name for page in pages for name in page] == names
    assert counted.total == len(names)
    assert counted.datasources == dict.fromkeys(names, 1)
    assert counted.types == {"text": len(names)}


def test_wrong_password_is_a_permanent_error_that_does_not_show_it(served: Served) -> None:
    engine = served.engine(address_of(served.proxy.address).replace("se%2Fcret", "wrong-one"))

    with pytest.raises(PermanentError, match="refuses the user or the password") as refused:
        engine.datasources()

    assert "wrong-one" not in repr(refused.value)
    assert "127.0.0.1" in str(refused.value)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b"<html>hello</html>"),
        Reply(200, b'{"version": {"number": "8.15.0", "build_flavor": "default"}}'),
        Reply(200, b"[]"),
        Reply(404, b'{"error": "not here"}'),
        Reply(200, b'{"version": {"number": "1.3.20", "distribution": "opensearch"}}'),
    ],
    ids=["page", "elasticsearch", "list", "nothing", "too-old"],
)
def test_what_is_no_opensearch_of_ours_is_a_permanent_error(served: Served, reply: Reply) -> None:
    served.proxy.rule = lambda request: reply

    with pytest.raises(PermanentError, match="no OpenSearch|too old"):
        served.engine().datasources()


def test_server_that_is_away_is_a_temporary_error_without_the_password(served: Served) -> None:
    with proxied("http://127.0.0.1:0") as gone:
        address = address_of(gone.address)

    with pytest.raises(TemporaryError, match="cannot be reached") as raised:
        served.engine(address).datasources()

    assert PASSWORD not in repr(raised.value)
    assert raised.value.__cause__ is None


def test_index_of_another_shape_is_not_written(served: Served) -> None:
    served.writer().close()

    with pytest.raises(PermanentError, match="another form"):
        served.writer(shape=SHAPE._replace(language="german"))


def test_index_of_somebody_else_is_neither_told_nor_written(served: Served) -> None:
    served.engine(prefix="rota-x").writer("docs", 1, SHAPE).close()

    assert list(served.engine(prefix="rota").datasources()) == []
    assert list(served.engine(prefix="rota").generations("x-docs")) == []
    with pytest.raises(PermanentError, match="not Rota's"):
        served.engine(prefix="rota").writer("x-docs", 1, SHAPE)


def test_path_that_is_no_text_comes_back_as_it_was(served: Served) -> None:
    writer = served.writer()
    writer.add([document(2**63 - 1, folder=b"\xff/\xc3\xa4")._replace(name=b"n\xe4me \xf0.TXT", text="half \ud800")])
    writer.commit()

    [hit] = served.engine().search(Query("n", Word("n")), [Index("docs", 1, SHAPE)], limit=5, seconds=60).hits

    assert (hit.path, hit.id, hit.type) == (b"\xff/\xc3\xa4/n\xe4me \xf0.TXT", 2**63 - 1, "text")
    assert list(writer.folders()) == [b"\xff/\xc3\xa4"]


@pytest.mark.parametrize(
    ("text", "word", "is_found"),
    [
        ("cafe\u0301", "café", True),
        ("ΆΝΘΡΩΠΟΣ", "ανθρωπος", True),
        ("Ёлка", "елка", True),
        ("край", "краи", False),
        ("Straße", "STRASSE", True),
        ("snake_case-2", "case", True),
        ("x" * 40_000, "x" * 300, True),
    ],
)
def test_words_are_folded_as_people_write_them(served: Served, text: str, word: str, is_found: bool) -> None:
    writer = served.writer(shape=SHAPE._replace(language="none"))
    writer.add([document(1, text=text)])
    writer.commit()

    assert bool(ids(served, Query(word, Word(word)))) is is_found


@pytest.mark.parametrize(("word", "is_found"), [("universit", True), ("universities", True), ("universitx", False)])
def test_prefix_is_looked_for_among_words_that_are_not_stemmed(served: Served, word: str, is_found: bool) -> None:
    writer = served.writer()
    writer.add([document(1, text="Universities")])
    writer.commit()

    assert bool(ids(served, Query(word, Word(word, is_prefix=True)))) is is_found


def test_snippet_is_cut_around_its_first_hit() -> None:
    pieces = pieces_of("a" * 500 + "<!>hit<!>" + "b" * 500, "<!>")

    assert [piece.is_hit for piece in pieces] == [False, True, False]
    assert sum(len(piece.text) for piece in pieces) == MOST_SNIPPET


def test_bodies_are_bounded_in_bytes_and_in_changes() -> None:
    large = [len(body) for body in bodies({str(number): b"x" * (BODY_BYTES // 2) for number in range(5)})]
    many = [len(body) for body in bodies({str(number): b"x" for number in range(BODY_CHANGES + 1)})]

    assert large == [2, 2, 1]
    assert many == [BODY_CHANGES, 1]


def test_changes_that_are_refused_again_and_again_end_in_a_temporary_error(served: Served) -> None:
    writer = served.writer()
    writer.add([document(1)])
    refused = {"items": [{"index": {"status": 429, "error": {"type": "rejected_execution_exception"}}}]}

    def never(request: Seen) -> Reply:
        is_bulk = request.target.partition("?")[0].endswith("/_bulk")
        return Reply(200, json.dumps(refused).encode()) if is_bulk else served.twin(request)

    served.proxy.rule = never
    with pytest.raises(TemporaryError, match="too busy to take 1 changes"):
        writer.commit()

    assert len(served.asked("/_bulk")) == MOST_TRIES
    served.proxy.rule = served.twin
    writer.commit()
    assert ids(served) == [1]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/rota-docs-1/_search", b'{"query": {"fuzzy": {"name": "x"}}}', 400),
        ("/rota-docs-1/_search", b'{"query": {"match_all": {}}, "sizes": 3}', 400),
        ("/rota-docs-1/_search?sice=3", b"{}", 400),
        ("/rota-docs-1/_search", b'{"sort": [{"nobody": "asc"}]}', 400),
        ("/rota-docs-1/_bulk", b'{"index": {"_id": "1"}}\n{}', 400),
        ("/rota-docs-1/_bulk", b'{"upsert": {"_id": "1"}}\n{}\n', 400),
        ("/rota-docs-1/_bulk", b'{"index": {"_key": "1"}}\n{}\n', 400),
        ("/rota-docs-1/_bulk", b"", 400),
        ("/rota-docs-2/_search", b"{}", 404),
    ],
)
def test_twin_refuses_what_opensearch_refuses(served: Served, path: str, body: bytes, status: int) -> None:
    served.writer().close()
    right = next(request.headers for request in served.proxy.seen)

    reply = served.twin(Seen("POST", path, {**right, "content-type": "application/json"}, body))

    assert reply.status == status


def with_three(served: Served) -> Writer:
    writer = served.writer()
    writer.add([document(1), document(2), document(3)])
    writer.commit()
    writer.close()
    return served.writer()
