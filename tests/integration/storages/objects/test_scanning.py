"""The driver for object stores on a real S3 server: keys, pages, stretches, and what breaks on the way."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace

import pytest

from actors.datasources.digest import folder_digest
from actors.datasources.objects import ObjectStorage
from actors.datasources.storage import End, Found, Kind, Known, Listing, Same, Unlisted, Why
from rota.datasources import Rules
from rota.errors import TemporaryError
from tests.integration.storages.objects.conftest import Opener
from tests.storages.http_proxy import Proxy, Reply, Seen
from tests.storages.s3 import ServedBucket
from tests.waiting import wait_until


def nothing(_paths: Sequence[bytes]) -> Mapping[bytes, Known]:
    return {}


def scanned(storage: ObjectStorage, *paths: bytes) -> list[Found]:
    return list(storage.scan(list(paths) or [b""], nothing))


def tree(found: Sequence[Found]) -> dict[bytes, tuple[str, int]]:
    """Give kind and size by path, as `Served.walk` does; each folder must come once."""
    listings = [each for each in found if isinstance(each, Listing)]
    assert len({each.path for each in listings}) == len(listings)
    entries = {
        listing.path + b"/" + row.name if listing.path else row.name: (str(row.kind), row.size)
        for listing in listings
        for row in listing.rows
    }
    folders = {path for path, (kind, _) in entries.items() if kind == Kind.FOLDER}
    assert folders == {each.path for each in listings} - {b""}
    return entries


# --- Pages and stretches -----------------------------------------------------------------------------------------------


def test_a_bucket_of_several_pages_is_scanned_whole_with_one_request_a_page(
    served: ServedBucket, opened: Opener, proxy: Proxy
) -> None:
    served.fill({b"f%d/%05d" % (number % 7, number): b"x" * (number % 3) for number in range(2500)})

    found = scanned(opened(via=proxy))

    assert tree(found) == served.walk()
    assert found[-1] == End(path=b"")
    assert len(proxy.listings) == 3


@pytest.mark.parametrize("seed", range(6))
def test_a_bucket_scanned_in_several_stretches_is_the_same(
    served: ServedBucket, opened: Opener, proxy: Proxy, seed: int
) -> None:
    dice = random.Random(seed)
    names = [b"a", b"b", b"a-", b"a.b", b"a0", b"c", b"zz"]
    keys = {
        b"/".join(dice.choice(names) + b"%d" % dice.randrange(4) for _ in range(dice.randrange(1, 6)))
        for _ in range(400)
    }
    keys -= {key for key in keys if any(other.startswith(key + b"/") for other in keys)}
    served.fill({key: key for key in keys})

    storage = opened(via=proxy, page_keys=10, patient_pages=2, in_flight=6)
    found = scanned(storage)

    assert tree(found) == served.walk()
    assert [each for each in found if isinstance(each, End)] == [End(path=b"")]
    assert len({request.query["start-after"] for request in proxy.listings if "start-after" in request.query}) > 3


def test_where_one_stretch_ends_and_another_begins_nothing_is_missed_and_nothing_comes_twice(
    served: ServedBucket, opened: Opener
) -> None:
    # Markers alone, and right before each the last name that sorts there.
    last = "\U0010ffff\U0010ffff".encode()
    keys = {key for number in range(60) for key in (b"d%02d/" % number, b"d%02d." % number + last)}
    served.fill(dict.fromkeys(keys, b""))

    found = scanned(opened(page_keys=5, patient_pages=1))

    assert len(tree(found)) == 120
    assert [each.special for each in found if isinstance(each, Listing)] == [0] * 61


def test_stretches_are_listed_at_the_same_time(served: ServedBucket, opened: Opener, proxy: Proxy) -> None:
    served.fill({b"d%02d/%d" % (number % 30, number): b"" for number in range(120)})
    together, met = threading.Barrier(2), threading.Event()

    def meet(request: Seen) -> Seen:
        if request.query.get("start-after", "").endswith(".\U0010ffff") and not met.is_set():
            together.wait(timeout=20)  # nobody alone gets through
            met.set()
        return request

    proxy.rule = meet
    storage = opened(via=proxy, page_keys=10, patient_pages=1, in_flight=3)

    assert tree(scanned(storage)) == served.walk()


def test_what_is_excluded_is_jumped_over(served: ServedBucket, opened: Opener, proxy: Proxy) -> None:
    served.fill({b"cache/%03d/x" % number: b"" for number in range(100)} | {b"docs/a": b""})
    rules = Rules(allow_private=True, exclude=("cache/",))

    found = scanned(opened(via=proxy, page_keys=10, rules=rules))

    assert set(tree(found)) == {b"docs", b"docs/a"}
    assert len(proxy.listings) == 2


def test_several_folders_end_in_their_order_and_a_missing_one_is_not_empty(
    served: ServedBucket, opened: Opener
) -> None:
    for key in (b"a/1", b"a/deep/2", b"a-b/3", b"c/4"):
        served.put(key)

    found = scanned(opened(), b"a", b"b", b"c")

    assert [each.path for each in found if isinstance(each, End)] == [b"a", b"b", b"c"]
    assert {each.path for each in found if isinstance(each, Listing)} == {b"a", b"a/deep", b"c"}
    assert [each.why for each in found if isinstance(each, Unlisted)] == [Why.VANISHED]


def test_an_empty_root_is_an_empty_listing(opened: Opener) -> None:
    assert scanned(opened()) == [Listing(path=b"", token="", rows=[]), End(path=b"")]


def test_known_folders_are_told_as_the_same_and_looked_up_together_in_the_callers_thread(
    served: ServedBucket, opened: Opener
) -> None:
    served.fill({b"f%03d/x" % number: b"abc" for number in range(300)})
    storage = opened()
    before = {each.path: _Known(folder_digest(each.rows)) for each in scanned(storage) if isinstance(each, Listing)}
    served.put(b"f007/new")
    threads, lookups = set(), 0

    def known(paths: Sequence[bytes]) -> Mapping[bytes, Known]:
        nonlocal lookups
        threads.add(threading.current_thread())
        lookups += 1
        return {path: before[path] for path in paths if path in before}

    found = list(storage.scan([b""], known))

    assert [each.path for each in found if isinstance(each, Listing)] == [b"f007"]
    assert {(each.entries, each.bytes) for each in found if isinstance(each, Same)} == {(1, 3), (300, 0)}
    assert threads == {threading.current_thread()}
    assert lookups < 10


def test_closing_a_scan_ends_its_threads(served: ServedBucket, opened: Opener) -> None:
    served.fill({b"f%03d/x" % number: b"" for number in range(200)})
    scan = opened(page_keys=2, patient_pages=2).scan([b""], nothing)
    assert isinstance(scan, Generator)
    with closing(scan) as found:
        next(found)

    wait_until(lambda: not [each for each in threading.enumerate() if each.name == "rota-objects"])


# --- A listing that fails ----------------------------------------------------------------------------------------------

FAULTS: dict[str, Callable[[Reply], Reply | None]] = {
    "the connection breaks": lambda whole: None,
    "the page is cut": lambda whole: replace(whole, cut=True),
    "an error of the server": lambda whole: Reply(500, b"<Error><Code>InternalError</Code></Error>"),
    "too many requests": lambda whole: Reply(503, b"<Error><Code>SlowDown</Code></Error>"),
    "another page altogether": lambda whole: Reply(200, b"<html>sign in</html>"),
    "a page without its end": lambda whole: Reply(200, whole.body[:-200]),
}


@pytest.fixture
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long a pause is, is told elsewhere."""
    monkeypatch.setattr("actors.datasources.retrying._FIRST_SECONDS", 0.001)


@pytest.mark.usefixtures("_short_pauses")
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("page", [1, 2, 4])
def test_a_listing_that_fails_at_a_page_is_an_error_and_never_a_short_one(
    served: ServedBucket, opened: Opener, proxy: Proxy, fault: str, page: int
) -> None:
    served.fill({b"f%02d/x" % number: b"" for number in range(20)})
    token = _token_of_page(opened, proxy, page)

    def broken(request: Seen) -> Reply | Seen | None:
        hit = request.is_listing and request.query.get("continuation-token", "") == token
        return FAULTS[fault](proxy.passed_on(request)) if hit else request

    proxy.rule = broken
    found: list[Found] = []

    with pytest.raises(TemporaryError):
        found += opened(via=proxy, page_keys=5).scan([b""], nothing)

    assert not [each for each in found if isinstance(each, End) or each.path == b""]
    assert len(found) < 5 * page


@pytest.mark.usefixtures("_short_pauses")
def test_a_page_that_fails_once_does_not_end_the_scan(served: ServedBucket, opened: Opener, proxy: Proxy) -> None:
    served.fill({b"f%02d/x" % number: b"" for number in range(20)})
    faults = iter([None, Reply(500)])

    def breaks_twice(request: Seen) -> Reply | Seen | None:
        return next(faults, request) if request.query.get("continuation-token") else request

    proxy.rule = breaks_twice

    assert tree(scanned(opened(via=proxy, page_keys=5))) == served.walk()


def test_a_folder_whose_second_page_fails_is_an_error(served: ServedBucket, opened: Opener, proxy: Proxy) -> None:
    served.fill({b"f/%02d" % number: b"" for number in range(20)})
    proxy.rule = lambda request: None if request.query.get("continuation-token") else request

    with pytest.raises(TemporaryError):
        opened(via=proxy, page_keys=5).list_folder(b"f")


# --- Keys --------------------------------------------------------------------------------------------------------------

ODD_KEYS = [
    *(b"line\nend", b"tab\t", b"bell\x07", b"50%", b"%41", b"a+b", b"a b", b"a&b=c?d#e", b"[x]{y}|\\^`~\"<>*'"),
    *("e\u0301.txt".encode(), "\u00e9.txt".encode(), "\u65e5\u672c/\U0001f600".encode(), b"Case", b"case"),
    *(b" lead", b"trail ", b"...", b"..a", b"~", b"deep/" * 100 + b"x"),
]


def test_odd_keys_are_apart_and_intact_in_every_way_to_them(served: ServedBucket, opened: Opener) -> None:
    for key in ODD_KEYS:
        served.put(key, key)
    storage = opened(page_keys=3)

    assert tree(scanned(storage)) == served.walk()
    for key in ODD_KEYS:
        row = storage.stat(key)
        assert row is not None
        assert row.size == len(key)
        with storage.open_file(key) as file:
            assert file.read() == key
        assert storage.write(key + b"!", [key, b"!"]).size == len(key) + 1
        assert served.read(key + b"!") == key + b"!"
        storage.rename(key + b"!", key + b"+ %")
        assert served.read(key + b"+ %") == key + b"!"
        storage.delete(key + b"+ %")
    assert tree(scanned(storage)) == served.walk()


def test_the_longest_key_is_a_file_and_a_longer_one_cannot_be(served: ServedBucket, opened: Opener) -> None:
    longest = b"k" * (1024 - len(served.prefix))
    served.put(longest, b"x")
    storage = opened()

    assert storage.stat(longest) is not None
    assert tree(scanned(storage)) == {longest: ("file", 1)}
    assert storage.stat(longest + b"k") is None
    with pytest.raises(OSError, match="at most 1,024 bytes"):
        storage.write(longest + b"k", [b"x"])
    with pytest.raises(OSError, match="UTF-8"):
        storage.write(b"\xff", [b"x"])


def test_keys_that_cannot_be_paths_are_special_and_markers_are_folders(served: ServedBucket, opened: Opener) -> None:
    for key in (
        b"/lead",
        b"a//b",
        b"a//c",
        b"a/../b",
        b"a/./b",
        b"a/x",
        b"b",
        b"b/c",
        b"mark/",
        b"mark/in/",
        b".rota/x",
    ):
        served.put(key, b"12")
    storage = opened(page_keys=2)
    found = {each.path: each for each in scanned(storage) if isinstance(each, Listing)}

    assert {path: ([row.name for row in each.rows], each.special) for path, each in found.items()} == {
        b"": ([b"a", b"b", b"mark"], 2),
        b"a": ([b"x"], 3),
        b"b": ([b"c"], 0),
        b"mark": ([b"in"], 0),
        b"mark/in": ([], 0),
    }
    for path, listing in found.items():
        assert storage.list_folder(path) == listing
    row = storage.stat(b"b")
    assert row is not None
    assert row.kind == Kind.FOLDER


def test_the_marker_of_an_empty_folder_can_be_deleted_and_a_full_folder_cannot(
    served: ServedBucket, opened: Opener
) -> None:
    for key in (b"empty/", b"full/x"):
        served.put(key)
    storage = opened()
    storage.delete(b"empty")
    storage.delete(b"none")

    with pytest.raises(OSError, match="not empty"):
        storage.delete(b"full")
    assert set(served.keys()) == {b"full/x"}


class _Known:
    token = ""

    def __init__(self, digest: bytes) -> None:
        self.digest = digest
        self.prints = b""


def _token_of_page(opened: Opener, proxy: Proxy, page: int) -> str:
    scanned(opened(via=proxy, page_keys=5))
    return proxy.listings[page - 1].query.get("continuation-token", "")
