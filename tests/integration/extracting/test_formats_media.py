"""What is read of pictures and music."""

from __future__ import annotations

import struct

import pytest

from actors.extracting.formats.audio import AUDIO, lasting
from actors.extracting.formats.images import IMAGE
from actors.extracting.outcomes import Reason
from tests.integration.extracting.media import exif, iptc, jpeg, mp3, png, wav, webp, xmp
from tests.integration.extracting.reading import read, refusal

_XMP = b"http://ns.adobe.com/xap/1.0/\0"


def test_picture_of_a_camera_tells_when_and_where_it_was_taken():
    content = exif("Canon", "Canon EOS 5D", "2026:05:01 12:30:00", "At the beach")

    given = read(IMAGE, jpeg((0xE1, b"Exif\0\0" + content)))

    assert given.text == ""
    assert given.meta == (
        ("description", "At the beach"),
        ("camera", "Canon EOS 5D"),
        ("taken", "2026-05-01 12:30:00"),
        ("place", "-33.50000, -33.50000"),
        ("dimensions", "640 x 480"),
    )


def test_camera_is_told_with_its_maker():
    content = exif("FUJIFILM", "X100V", "", "x")

    assert ("camera", "FUJIFILM X100V") in read(IMAGE, jpeg((0xE1, b"Exif\0\0" + content))).meta


def test_keywords_of_windows_and_long_descriptions_are_told():
    content = exif("A", "B", "", "x" * 200, keywords="Müll; Berg")

    meta = read(IMAGE, jpeg((0xE1, b"Exif\0\0" + content))).meta

    assert {("keywords", "Müll; Berg"), ("description", "x" * 200)} <= set(meta)


def test_tags_that_are_no_text_are_not_told():
    content = exif("A", "B", "", "x").replace(b"\x10\x01\x02\0", b"\x10\x01\x04\0")

    assert ("camera", "A") in read(IMAGE, jpeg((0xE1, b"Exif\0\0" + content))).meta


def test_picture_tells_what_newsrooms_and_programs_wrote_into_it():
    news = iptc((105, "Überschrift"), (25, "Meer"), (25, "Strand"), (120, "Was man sieht"))

    given = read(IMAGE, jpeg((0xED, news), (0xE1, _XMP + xmp("Titel", "Sand", "Meer"))))

    assert given.meta == (
        ("title", "Überschrift"),
        ("keywords", "Meer"),
        ("keywords", "Strand"),
        ("description", "Was man sieht"),
        ("title", "Titel"),
        ("keywords", "Sand"),
        ("dimensions", "640 x 480"),
    )


def test_words_that_programs_wrote_as_attributes_are_told():
    said = b"<r:RDF xmlns:r='urn:r' xmlns:p='urn:p'><r:Description p:City='Kiel' p:Headline='Regatta'/></r:RDF>"

    given = read(IMAGE, webp((b"XMP ", said)))

    assert given.meta == (("place", "Kiel"), ("title", "Regatta"))


def test_picture_with_broken_words_tells_the_rest():
    broken = jpeg((0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff"), (0xE1, _XMP + b"<x><dc:title xmlns:dc='u'>Half</dc:title>"))

    assert read(IMAGE, broken).meta == (("title", "Half"), ("dimensions", "640 x 480"))


def test_words_of_newsrooms_that_are_cut_off_do_not_hide_the_size():
    news = iptc((25, "Meer"))

    for end in range(14, len(news)):
        assert ("dimensions", "640 x 480") in read(IMAGE, jpeg((0xED, news[:end]))).meta


def test_png_tells_its_texts():
    chunks = (
        (b"tEXt", b"Title\0caf\xe9"),
        (b"iTXt", b"Description\0\0\0de\0\0" + "Grüße".encode()),
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp("Titel")),
        (b"zTXt", b"Comment\0\0packed"),
    )

    given = read(IMAGE, png(*chunks))

    assert given.meta == (("dimensions", "3 x 2"), ("title", "café"), ("description", "Grüße"), ("title", "Titel"))


@pytest.mark.parametrize(
    "content",
    [
        b"GIF89a" + struct.pack("<HH", 30, 20) + bytes(30),
        webp((b"VP8X", bytes(4) + (29).to_bytes(3, "little") + (19).to_bytes(3, "little"))),
        webp((b"VP8L", b"\x2f" + struct.pack("<I", 29 | 19 << 14) + bytes(8))),
        webp((b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 30, 20))),
        png(width=30, height=20),
        jpeg(width=30, height=20),
    ],
)
def test_size_of_a_picture_is_told(content):
    assert ("dimensions", "30 x 20") in read(IMAGE, content).meta


def test_what_is_no_picture_is_broken():
    assert refusal(IMAGE, b"") is Reason.BROKEN
    assert refusal(IMAGE, b"hello") is Reason.BROKEN


def test_music_tells_its_tags_and_gives_the_words_of_the_song():
    tags = {"TIT2": "Lied", "TPE1": "Sängerin", "TALB": "Platte", "TYER": "1999", "TCON": "Pop"}

    given = read(AUDIO, mp3(tags, lyrics="la la\nlo"))

    assert given.text == "la la\nlo"
    said = dict(given.meta)
    assert said.pop("duration") == "0:00:02"
    assert said == {"title": "Lied", "artist": "Sängerin", "album": "Platte", "date": "1999", "genre": "Pop"}


def test_sound_tells_how_long_it_lasts():
    given = read(AUDIO, wav(65, INAM="Stille", IART="Niemand"))

    assert given.meta == (("title", "Stille"), ("artist", "Niemand"), ("duration", "0:01:05"))


@pytest.mark.parametrize(
    ("seconds", "told"), [(None, None), (0, None), (-1, None), (float("nan"), None), (1e12, None), (3725.4, "1:02:05")]
)
def test_length_is_told_in_hours_minutes_and_seconds(seconds, told):
    assert lasting(seconds) == told


def test_what_is_no_music_is_refused():
    assert refusal(AUDIO, b"") is Reason.UNSUPPORTED
    assert refusal(AUDIO, b"hello") is Reason.UNSUPPORTED
    assert refusal(AUDIO, b"OggS" + b"\xff" * 100) is Reason.BROKEN


def test_pictures_and_music_are_recognised_by_content():
    assert IMAGE.detect(jpeg()[:4096], "download")
    assert IMAGE.detect(b"\0\0\0\x18ftypheic", "x")
    assert AUDIO.detect(b"\0\0\0\x18ftypM4A ", "x")
    assert AUDIO.detect(wav(1)[:4096], "x")
    assert not AUDIO.detect(webp(), "x")
    assert not IMAGE.detect(wav(1), "x")
