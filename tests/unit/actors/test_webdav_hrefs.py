from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.datasources.webdav.answers import BadAnswer
from actors.datasources.webdav.hrefs import Hrefs, encode, segments_of

SEGMENTS = st.binary(min_size=1, max_size=20).filter(lambda name: name not in {b".", b".."})


@given(folder=st.lists(SEGMENTS, max_size=4), name=SEGMENTS)
def test_any_bytes_go_out_and_come_back(folder, name):
    hrefs = Hrefs("host", tuple(folder))

    for again in range(2):
        assert hrefs.name(encode((*folder, name), folder=bool(again))) == name
        assert hrefs.name("https://HOST:8443" + encode((*folder, name), folder=False)) == name
    assert hrefs.name(encode(tuple(folder), folder=True)) is None
    assert segments_of(encode((*folder, name), folder=True)) == (*folder, name)


@pytest.mark.parametrize(
    ("href", "name"),
    [
        ("/dav/a", b"a"),
        ("/dav/a/", b"a"),
        ("/dav/", None),
        ("/dav", None),
        ("/%64av/%61", b"a"),
        ("http://host/dav/a", b"a"),
        ("https://Host:444/dav/", None),
        ("/dav/a b\u00fc", "a b\u00fc".encode()),
        ("/dav/%c3%BC%ff", b"\xc3\xbc\xff"),
        ("/dav/a%0Ab", b"a\nb"),
        ("/dav/a%2Fb", b"a/b"),
        ("/dav/a(1)+&=;,'!*", b"a(1)+&=;,'!*"),
        ("/dav/...", b"..."),
    ],
)
def test_address_is_the_folder_or_something_in_it(href, name):
    assert Hrefs("host", (b"dav",)).name(href) == name


@pytest.mark.parametrize(
    "href",
    [
        *("/", "/other", "/other/a", "/dav/a/b", "/dav2/a", "/DAV/a", "dav/a", "a", ""),
        *("/dav/../etc", "/dav/..", "/dav/.", "/dav/%2e%2e", "/dav/%2E", "/../dav/a", "/x/../dav/a"),
        *("//dav/a", "/dav//a", "//host/dav/a", "http://elsewhere/dav/a", "http://host@elsewhere/dav/a"),
        *("/dav/100%", "/dav/%zz", "/dav/a?b", "/dav/a#b", "/dav/a\\b", "ftp://host/dav/a", "http://"),
    ],
)
@pytest.mark.parametrize("first", [None, "/dav/fine"])
def test_address_elsewhere_is_refused(href, first):
    """Also after a good one, for what addresses begin with is remembered."""
    hrefs = Hrefs("host", (b"dav",))
    if first:
        hrefs.name(first)

    with pytest.raises(BadAnswer):
        hrefs.name(href)


def test_address_of_the_root():
    assert encode((), folder=True) == "/"
    assert Hrefs("host", ()).name("/") is None
    assert Hrefs("host", ()).name("http://host") is None
    assert Hrefs("host", ()).name("/a/") == b"a"
