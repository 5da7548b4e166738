from __future__ import annotations

import pytest

from actors.datasources.webdav import answers as module
from actors.datasources.webdav.answers import BadAnswer, Member, modified_ns, plain_etag, read_members
from rota.errors import TemporaryError

FINE = "HTTP/1.1 200 OK"
MODIFIED = "Sun, 06 Nov 1994 08:49:37 GMT"
MODIFIED_NS = 784_111_777_000_000_000


def entry(href="/a", *, props="<d:resourcetype/><d:getcontentlength>5</d:getcontentlength>", status=FINE):
    return f"<d:response><d:href>{href}</d:href>{propstat(props, status)}</d:response>"


def propstat(props, status=FINE):
    return f"<d:propstat><d:prop>{props}</d:prop><d:status>{status}</d:status></d:propstat>"


def answer(*inner):
    return f'<?xml version="1.0"?>\n<d:multistatus xmlns:d="DAV:">{"".join(inner)}\n</d:multistatus>\n'.encode()


def read(document, piece=None):
    piece = piece or len(document) or 1
    return list(read_members(document[at : at + piece] for at in range(0, len(document), piece)))


def test_file_and_folder_are_told_apart():
    told = (
        "<d:getlastmodified>Sun, 06 Nov 1994 08:49:37 GMT</d:getlastmodified>"
        '<d:getetag>W/"5-x"</d:getetag><d:getcontentlength>5</d:getcontentlength><d:resourcetype/>'
    )
    folder = '<d:resourcetype><d:collection/></d:resourcetype><d:getetag>"f"</d:getetag>'

    assert read(answer(entry("/d/", props=folder), entry("/d/a", props=told))) == [
        Member("/d/", True, 0, 0, "f"),
        Member("/d/a", False, 5, MODIFIED_NS, "5-x"),
    ]


@pytest.mark.parametrize("piece", [1, 7, 64])
def test_pieces_may_end_anywhere(piece):
    document = answer(*(entry(f"/d/\u00fc{n}&amp;&#x2603;") for n in range(20)))

    assert [member.href for member in read(document, piece)] == [f"/d/\u00fc{n}&\u2603" for n in range(20)]


def test_members_come_while_the_answer_arrives():
    def arriving():
        whole = answer(entry("/a"), entry("/b"))
        middle = whole.index(b"</d:response>") + len(b"</d:response>")
        yield whole[:middle]
        pytest.fail("the first member was there already")

    assert next(read_members(arriving())).href == "/a"


def test_any_prefix_for_the_namespace_will_do():
    document = answer(entry("/a")).replace(b"d:", b"").replace(b"xmlns:d", b"xmlns").replace(b"xmlns:=", b"xmlns=")

    assert read(document.replace(b":multistatus", b"multistatus")) == [Member("/a", False, 5, 0, "")]


def test_property_that_a_folder_lacks_is_no_fault():
    folder = propstat("<d:resourcetype><d:collection/></d:resourcetype>")
    lacking = propstat("<d:getcontentlength/><d:getetag/>", "HTTP/1.1 404 Not Found")
    member = f"<d:response><d:href>/d/</d:href>{lacking}{folder}</d:response>"

    assert read(answer(member)) == [Member("/d/", True, 0, 0, "")]


def test_foreign_elements_are_skipped_with_all_that_is_in_them():
    odd = '<x:odd xmlns:x="urn:x"><d:response><d:href>/not</d:href></d:response><d:getcontentlength>9</d:getcontentlength></x:odd>'
    member = entry(props=odd + "<d:resourcetype>" + odd + "</d:resourcetype><d:getcontentlength>5</d:getcontentlength>")

    assert read(answer(odd, member, odd)) == [Member("/a", False, 5, 0, "")]


@pytest.mark.parametrize("status", ["HTTP/1.1 403 Forbidden", "HTTP/1.1 500 Oops", "nonsense", ""])
def test_entry_that_could_not_be_read_spoils_the_answer(status):
    with pytest.raises(BadAnswer, match="cannot tell of '/broken'"):
        read(answer(entry("/a"), entry("/broken", status=status)))
    with pytest.raises(BadAnswer, match="cannot tell of '/broken'"):
        read(answer(f"<d:response><d:href>/broken</d:href><d:status>{status}</d:status></d:response>"))


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (entry(props="<d:resourcetype/>"), "how long"),
        (entry(props="<d:resourcetype/><d:getcontentlength>-1</d:getcontentlength>"), "how long"),
        (entry(props="<d:resourcetype/><d:getcontentlength>9999999999999999999</d:getcontentlength>"), "how long"),
        (entry(props="<d:getetag>x</d:getetag>"), "what '/a' is"),
        ("<d:response><d:href>/a</d:href></d:response>", "what '/a' is"),
        (entry(href=""), "without an address"),
        (
            "<d:response><d:href>/a</d:href><d:href>/b</d:href><d:status>HTTP/1.1 200 OK</d:status></d:response>",
            "several",
        ),
    ],
)
def test_entry_that_says_too_little_spoils_the_answer(member, reason):
    with pytest.raises(BadAnswer, match=reason):
        read(answer(member))


@pytest.mark.parametrize("size", [0, 10, 200, -1, -16])
def test_answer_that_is_cut_is_temporary(size):
    document = answer(entry("/a"), entry("/b")).rstrip()

    with pytest.raises(TemporaryError, match="ends too early"):
        read(document[:size])


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"<html><body>Log in</body></html>", "no multistatus but <html>"),
        (b"no xml at all", "not well-formed"),
        (answer("<d:response></d:href>"), "not well-formed"),
        (answer(entry()) + b"more", "not well-formed"),
        (answer("<a>" * 100 + "</a>" * 100), "too deeply"),
        (answer(entry(href="/" + "x" * 3_000_000)), "overlong text"),
        (answer(f'<a b="{"x" * 3_000_000}"/>'), "overlong tag"),
    ],
)
def test_answer_that_is_something_else_is_refused(document, reason):
    with pytest.raises(BadAnswer, match=reason):
        read(document, 65_536)


def test_entities_are_refused_before_they_are_expanded():
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY l0 "ha">{laughs}]>'.encode() + answer(entry("&l9;"))[22:]
    outside = b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + answer(entry("&x;"))[22:]

    for document in (bomb, outside):
        with pytest.raises(BadAnswer, match="document type"):
            read(document)


def test_answer_without_end_is_refused(monkeypatch):
    monkeypatch.setattr(module, "MAX_ANSWER_BYTES", 1000)

    with pytest.raises(BadAnswer, match="longer than 1,000 bytes"):
        read(answer(*(entry(f"/{n}") for n in range(100))), 100)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MODIFIED, MODIFIED_NS),
        ("Sunday, 06-Nov-94 08:49:37 GMT", MODIFIED_NS),
        ("Sun Nov  6 08:49:37 1994", MODIFIED_NS),
        ("Sun, 06 Nov 1994 09:49:37 +0100", MODIFIED_NS),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 2**63 - 1),
        ("Sun, 06 Nov 0000 08:49:37 GMT", 0),
        ("Sun, 06 Foo 1994 08:49:37 GMT", 0),
        ("yesterday", 0),
        ("", 0),
    ],
)
def test_dates_of_http(text, expected):
    assert modified_ns(text) == expected


@pytest.mark.parametrize(("text", "expected"), [('"a"', "a"), ('W/"a"', "a"), ("a", "a"), ('""', ""), ("", "")])
def test_etags_come_plain(text, expected):
    assert plain_etag(text) == expected


def test_answer_that_is_cut_anywhere_tells_nothing_less():
    document = answer(entry("/a"), entry("/b"), entry("/c")).rstrip()
    whole = read(document)

    for size in range(len(document)):
        with pytest.raises((TemporaryError, BadAnswer)):
            read(document[:size], 64)
    assert len(whole) == 3
