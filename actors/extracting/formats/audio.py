"""Reads what pieces of music and films say of themselves; and the words of a song, if they are in it."""

from __future__ import annotations

from typing import BinaryIO

from actors.extracting.extractor import Extractor, Limits, TextGatherer
from actors.extracting.formats.reading import faults
from actors.extracting.formats.telling import Telling, Word, extracted
from actors.extracting.outcomes import Extracted, Reason, Unextractable

_WORDS = {
    "title": Word.TITLE,
    "artist": Word.ARTIST,
    "albumartist": Word.ARTIST,
    "album": Word.ALBUM,
    "composer": Word.COMPOSER,
    "genre": Word.GENRE,
    "year": Word.DATE,
    "comment": Word.COMMENT,
}
_OTHERS = {
    "artist": Word.ARTIST,
    "genre": Word.GENRE,
    "composer": Word.COMPOSER,
    "conductor": Word.ARTIST,
    "copyright": Word.COPYRIGHT,
    "isrc": Word.IDENTIFIER,
    "keywords": Word.KEYWORDS,
    "language": Word.LANGUAGE,
    "publisher": Word.PUBLISHER,
    "description": Word.DESCRIPTION,
}
_HEADS = (b"ID3", b"fLaC", b"OggS", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11")


def read_audio(file: BinaryIO, limits: Limits) -> Extracted:
    """Read the tags of a piece and how long it lasts; pictures in it are passed over."""
    from tinytag import TinyTag, UnsupportedFormatError

    text, telling = TextGatherer(limits.most_text), Telling()
    with faults("its tags do not read"):
        try:
            tag = TinyTag.get(file_obj=file)
        except UnsupportedFormatError as error:
            raise Unextractable(Reason.UNSUPPORTED, "it is of no known form of music or film") from error
    for name, word in _WORDS.items():
        telling.add(word, getattr(tag, name))
    for name, values in tag.other.items():
        if name in _OTHERS:
            for value in values[:10]:
                telling.add(_OTHERS[name], value)
    telling.add(Word.DURATION, lasting(tag.duration))
    for words in tag.other.get("lyrics", ()):
        text.add(f"{words}\n")
    return extracted(text, telling)


def lasting(seconds: float | None) -> str | None:
    """Return a length of time as `1:02:03`; None if it is none or one that no piece has."""
    if seconds is None or not 0 < seconds < 1_000_000:
        return None
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def _is_audio(head: bytes, name: str) -> bool:  # noqa: ARG001 -- the signature of all detections
    if head.startswith(_HEADS) or (head[:4] == b"RIFF" and head[8:12] == b"WAVE"):
        return True
    is_film = head[4:8] == b"ftyp" and head[8:12] in (
        b"M4A ",
        b"M4B ",
        b"M4V ",
        b"isom",
        b"iso2",
        b"mp41",
        b"mp42",
        b"qt  ",
    )
    return is_film or (head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"))


AUDIO = Extractor(
    name="audio",
    version=1,
    extract=read_audio,
    extensions=frozenset(
        {
            "mp3",
            "mp2",
            "oga",
            "ogg",
            "opus",
            "spx",
            "wav",
            "flac",
            "wma",
            "wmv",
            "asf",
            "m4a",
            "m4b",
            "m4v",
            "mp4",
            "aiff",
        }
    ),
    detect=_is_audio,
)
