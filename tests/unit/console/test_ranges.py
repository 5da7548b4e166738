"""Which part of a file a request asks for."""

from __future__ import annotations

import pytest

from console.api.ranges import Extent, extent_of, is_known, version_of

VERSION = version_of("abc", 1_800_000_000 * 10**9)
MODIFIED = "Fri, 15 Jan 2027 08:00:00 GMT"


@pytest.mark.parametrize(
    ("asked", "start", "length"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=2-5", 2, 4),
        ("bytes=2-", 2, 8),
        ("bytes=2-99", 2, 8),
        ("bytes=-3", 7, 3),
        ("bytes=-99", 0, 10),
        ("bytes= 9-9 ", 9, 1),
        ("Bytes=2-5", 2, 4),
        (f"bytes=2-{2**64 - 1}", 2, 8),
    ],
)
def test_one_range_is_that_part(asked: str, start: int, length: int) -> None:
    assert extent_of({"range": asked}, VERSION, 10) == Extent(start, length, whole=False)


@pytest.mark.parametrize(
    "asked", ["", "bytes=-", "bytes=5-2", "bytes=0-1,4-5", "bytes=a-b", "lines=1-2", "bytes=+1-2", "bytes=٣-", "0-5"]
)
def test_what_is_no_single_range_means_the_whole_file(asked: str) -> None:
    assert extent_of({"range": asked}, VERSION, 10) == Extent(0, 10, whole=True)


@pytest.mark.parametrize(("asked", "size"), [("bytes=10-", 10), ("bytes=11-12", 10), ("bytes=-0", 10), ("bytes=0-", 0)])
def test_a_part_that_is_not_there_is_told(asked: str, size: int) -> None:
    assert extent_of({"range": asked}, VERSION, size) is None


@pytest.mark.parametrize(
    ("condition", "whole"), [('"abc"', False), (MODIFIED, False), ('"abd"', True), ('W/"abc"', True), ("", True)]
)
def test_a_range_of_another_version_means_the_whole_file(condition: str, *, whole: bool) -> None:
    extent = extent_of({"range": "bytes=2-", "if-range": condition}, VERSION, 10)

    assert extent is not None
    assert extent.whole is whole


@pytest.mark.parametrize(
    ("headers", "known"),
    [
        ({}, False),
        ({"if-none-match": '"abc"'}, True),
        ({"if-none-match": '"x", W/"abc"'}, True),
        ({"if-none-match": "*"}, True),
        ({"if-none-match": '"x"', "if-modified-since": MODIFIED}, False),
        ({"if-modified-since": MODIFIED}, True),
    ],
)
def test_what_the_client_has_already_is_not_sent_again(headers: dict[str, str], *, known: bool) -> None:
    assert is_known(headers, VERSION) is known


@pytest.mark.parametrize("modified_ns", [0, -1, 253_402_300_800 * 10**9])
def test_a_file_without_a_time_that_can_be_written_is_known_by_its_tag_only(modified_ns: int) -> None:
    version = version_of("abc", modified_ns)

    assert version.modified == ""
    assert not is_known({"if-modified-since": ""}, version)
    whole = extent_of({"range": "bytes=2-", "if-range": ""}, version, 10)
    assert whole is not None
    assert whole.whole
