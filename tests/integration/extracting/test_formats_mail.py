"""What is read of messages and boxes of messages."""

from __future__ import annotations

from email.message import EmailMessage

from actors.extracting.extractor import Limits
from actors.extracting.formats.mail import BOX, MESSAGE
from tests.integration.extracting.reading import read


def message(subject: str, text: str = "") -> EmailMessage:
    made = EmailMessage()
    made["Subject"] = subject
    made["From"] = "Zoë <zoe@example.org>"
    made["To"] = "a@example.org"
    made["Date"] = "Mon, 05 Jan 2026 10:00:00 +0100"
    if text:
        made.set_content(text)
    return made


def test_message_gives_its_text_and_tells_who_wrote_to_whom():
    given = read(MESSAGE, message("Grüße aus Köln", "Schöne Grüße\n").as_bytes())

    assert given.text == "Schöne Grüße"
    assert given.meta == (
        ("subject", "Grüße aus Köln"),
        ("from", "Zoë <zoe@example.org>"),
        ("to", "a@example.org"),
        ("date", "Mon, 05 Jan 2026 10:00:00 +0100"),
    )


def test_of_two_forms_of_a_text_the_plain_one_is_read():
    made = message("x", "plain")
    made.add_alternative("<p>rich</p>", subtype="html")

    assert read(MESSAGE, made.as_bytes()).text == "plain"


def test_text_that_is_only_a_page_is_read_without_its_tags():
    made = message("x")
    made.set_content("<html><style>no</style><p>only <b>rich</b></p></html>", subtype="html", charset="iso-8859-1")

    assert read(MESSAGE, made.as_bytes()).text == "only rich"


def test_attachments_are_told_by_name_and_not_read():
    made = message("x", "see attached")
    made.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename="Übersicht.pdf")
    made.add_attachment("notes", filename="notes.txt")

    given = read(MESSAGE, made.as_bytes())

    assert given.text == "see attached"
    assert [value for name, value in given.meta if name == "attachment"] == ["Übersicht.pdf", "notes.txt"]


def test_forwarded_message_is_read_with_its_headers():
    made = message("outer", "look")
    made.add_attachment(message("inner", "the news"))

    assert read(MESSAGE, made.as_bytes()).text.split("\n")[:3] == ["look", "", "inner"]
    assert "the news" in read(MESSAGE, made.as_bytes()).text


def test_messages_in_messages_without_end_are_read_to_some_depth():
    content = b"Subject: innermost\n\nunreached\n"
    for number in range(200):
        content = b"Subject: level %d\nContent-Type: message/rfc822\n\n" % number + content

    given = read(MESSAGE, content)

    assert "level 190" in given.text
    assert "unreached" not in given.text


def test_odd_charsets_and_headers_are_read_as_far_as_they_go():
    content = (
        b"Subject: =?made-up?b?w6k=?= =?utf-8?b?!!!?= =?utf-8?q?caf=C3=A9?=\nFrom: caf\xe9 <x>\nDate: \n"
        b"Content-Type: text/plain; charset=made-up\nContent-Transfer-Encoding: nonsense\n\nna\xc3\xafve\n"
    )

    given = read(MESSAGE, content)

    assert given.text == "naïve"
    assert "café" in dict(given.meta)["subject"]


def test_header_of_a_megabyte_is_cut():
    given = read(MESSAGE, b"Subject: " + b"=?utf-8?q?a?= " * 100_000 + b"\n\ntext\n")

    assert given.text == "text"
    assert len(dict(given.meta)["subject"]) <= 300


def test_empty_message_gives_empty_text():
    assert read(MESSAGE, b"") == ("", ())


def test_box_gives_each_message_with_its_headers():
    box = b""
    for number in (1, 2):
        box += (
            b"From x@y Mon Jan  5 10:00:00 2026\n" + message(f"subject {number}", f"text {number}").as_bytes() + b"\n"
        )

    words = read(BOX, box).text

    assert words.index("subject 1") < words.index("text 1") < words.index("subject 2") < words.index("text 2")
    assert "Mon Jan  5" not in words


def test_large_box_is_read_until_there_is_enough_text():
    box = b"From x@y Mon Jan  5 10:00:00 2026\nSubject: s\n\nsome words\n\n" * 20_000

    assert len(read(BOX, box, Limits(most_text=1000)).text) <= 1000


def test_messages_are_recognised_and_notes_that_begin_like_one_are_not():
    assert MESSAGE.detect(b"Return-Path: <x>\nReceived: from a\n", "1767603600.host:2,S")
    assert BOX.detect(b"From x@y.org Mon Jan  5\nReturn-Path: <x>\n", "Archive")
    assert not MESSAGE.detect(b"date: 2026-01-05\ntitle: a note\n", "note.md")
    assert not BOX.detect(b"From here on,\nall is well\n", "note.txt")
