"""Deleting items of a bin for good in object stores: how many requests that takes, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from xml.sax.saxutils import escape

import pytest

from actors.datasources.abilities import Doomed, Ended
from actors.datasources.burying import bury
from actors.datasources.graves import Fate
from actors.datasources.objects import ObjectStorage
from actors.datasources.objects.bulk import delete_request, is_speakable, refused_keys
from actors.datasources.storage import Row
from tests.storages.http_proxy import Proxy, Reply, Seen
from tests.storages.s3 import ServedBucket

BIN = b".rota/bin/"
Opener = Callable[..., ObjectStorage]


def file(number: int) -> Doomed:
    return Doomed(b"i%04d/x" % number, Row(b"x", "file", 5, 0))


def ends(storage: ObjectStorage, *items: Doomed) -> dict[bytes, Ended]:
    return {ended.item.bin_path: ended for ended in bury(storage, items)}


def deletions(proxy: Proxy) -> list[Seen]:
    return [seen for seen in proxy.seen if seen.method == "DELETE" or "delete" in seen.query]


def fill(served: ServedBucket, *numbers: int) -> None:
    served.fill({BIN + b"i%04d/x" % number: b"12345" for number in numbers})
    served.fill({BIN + b"i%04d.trashinfo" % number: b"" for number in numbers})


def test_small_items_are_deleted_many_in_a_request(served: ServedBucket, opened: Opener, proxy: Proxy) -> None:
    fill(served, *range(200))

    told = ends(opened(via=proxy), *map(file, range(200)))

    assert {(ended.fate, ended.entries, ended.bytes) for ended in told.values()} == {(Fate.GONE, 1, 5)}
    assert served.keys() == {}
    assert len(proxy.listings) == 200
    assert len(deletions(proxy)) < 60


def test_large_folder_is_deleted_by_the_thousand(served: ServedBucket, opened: Opener, proxy: Proxy) -> None:
    served.fill({BIN + b"one/f/%d/%05d" % (number % 7, number): b"12" for number in range(2_500)})
    served.fill({BIN + b"one/f/": b"", BIN + b"one/f-other": b"1", BIN + b"one.trashinfo": b""})

    ended = ends(opened(via=proxy), Doomed(b"one/f", Row(b"f", "folder", 0, 0)))[b"one/f"]

    assert (ended.fate, ended.entries, ended.bytes) == (Fate.GONE, 2_500, 5_000)
    assert served.keys() == {BIN + b"one/f-other": 1}
    assert len(deletions(proxy)) == 4  # three for what is in it, one for its information


def test_service_that_cannot_delete_many_is_asked_for_each(served: ServedBucket, opened: Opener, proxy: Proxy) -> None:
    fill(served, *range(5))
    proxy.rule = lambda seen: Reply(501) if "delete" in seen.query else seen

    told = ends(opened(via=proxy, in_flight=1), *map(file, range(5)))

    assert {ended.fate for ended in told.values()} == {Fate.GONE}
    assert served.keys() == {}
    assert len([seen for seen in deletions(proxy) if seen.method == "POST"]) == 1


def test_object_that_is_refused_fails_with_what_the_service_says(
    served: ServedBucket, opened: Opener, proxy: Proxy
) -> None:
    fill(served, 1, 2)
    key = served.prefix + BIN + b"i0001/x"

    def rule(seen: Seen) -> Reply | Seen:
        if "delete" not in seen.query or key not in seen.body:
            return seen
        told = f"<Error><Key>{escape(key.decode())}</Key><Code>AccessDenied</Code><Message>no</Message></Error>"
        kept = f"<Object><Key>{escape(key.decode())}</Key></Object>".encode()
        assert kept in seen.body
        return Reply(200, f"<DeleteResult>{told}</DeleteResult>".encode())

    proxy.rule = rule
    told = ends(opened(via=proxy), file(1), file(2))

    assert (told[b"i0001/x"].fate, told[b"i0001/x"].entries) == (Fate.FAILED, 0)
    assert "AccessDenied" in told[b"i0001/x"].reason
    assert {BIN + b"i0001/x", BIN + b"i0001.trashinfo"} <= set(served.keys())


def test_request_that_fails_for_the_time_being_is_repeated(served: ServedBucket, opened: Opener, proxy: Proxy) -> None:
    fill(served, 1)
    failed: list[Seen] = []

    def rule(seen: Seen) -> Reply | Seen:
        if "delete" in seen.query and not failed:
            failed.append(seen)
            return Reply(503)
        return seen

    proxy.rule = rule

    assert ends(opened(via=proxy), file(1))[b"i0001/x"].fate == Fate.GONE
    assert failed


def test_names_that_xml_cannot_hold_are_deleted_all_the_same(served: ServedBucket, opened: Opener) -> None:
    for name in (b"line\nend\r", b"bell\x07", b"<&>'\"]]>", b"\xef\xbf\xbe", b"plain"):
        served.put(BIN + b"one/f/" + name, b"1")

    ended = ends(opened(), Doomed(b"one/f", Row(b"f", "folder", 0, 0)))[b"one/f"]

    assert (ended.fate, ended.entries) == (Fate.GONE, 5)
    assert served.keys() == {}


@pytest.mark.parametrize("path", [b"one/\xff", b"one/" + b"n" * 1_020])
def test_names_that_no_key_has_are_missing(opened: Opener, path: bytes) -> None:
    assert ends(opened(), Doomed(path, Row(path[4:], "file", 1, 0)))[path].fate == Fate.MISSING


def test_keys_of_a_request_are_those_that_it_was_made_of() -> None:
    from xml.etree import ElementTree as ET

    keys = ["a b", "\u00fc\U0001f600", "<&>\"'", "\r\n\t", "\ue000\ufffd"]
    root = ET.fromstring(delete_request([key.encode() for key in keys]))

    assert [each.text for each in root.iter() if each.tag.endswith("}Key")] == keys
    assert all(is_speakable(key.encode()) for key in keys)
    assert not any(is_speakable(key) for key in (b"\x01", b"\x1f", b"\xef\xbf\xbf", b"\xff", b"\x00"))


def test_answer_about_another_key_is_none() -> None:
    told = b"<DeleteResult><Error><Key>%s</Key><Code>X</Code></Error></DeleteResult>"

    assert refused_keys(told % b"a", [b"a"]) == {b"a": "the service says: X"}
    assert refused_keys(b"<DeleteResult/>", [b"a"]) == {}
    with pytest.raises(ValueError, match="was not asked for"):
        refused_keys(told % b"b", [b"a"])
    with pytest.raises(ValueError, match="DeleteResult"):
        refused_keys(b"<html/>", [b"a"])
