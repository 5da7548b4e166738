"""Reads the characters of a text file bit by bit, whatever its encoding, and no further than they are wanted."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO

from actors.extracting.detection import encoding_by_mark, encoding_by_zeros, is_utf8

SAMPLE_BYTES = 64 * 1024
"""How much of a file is looked at to guess its encoding."""
_CHUNK_BYTES = 64 * 1024
_WESTERN = "cp1252"
# What Western European languages write outside of ASCII; others use nearly the same bytes, but some besides.
_WESTERN_LETTERS = "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜßàáâãäåæçèéêëìíîïñòóôõöøùúûüŒœ".encode(_WESTERN)
_WESTERN_SIGNS = "€‚„…‘’“”•–—\u00a0¡§©ª«®°²´·º»¿".encode(_WESTERN)  # noqa: RUF001 -- these signs are meant
_MOST_WESTERN = 0.25  # of all letters; in Cyrillic and Greek nearly all are outside of ASCII
_SIGN_IN_WORD = re.compile(rb"[a-z][\x82\x84\x93\x94][a-z]")  # letters in the code pages of DOS
_LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ASCII = bytes(range(128))
# What is not ASCII, with a few words around it: long stretches of ASCII say nothing and outvote the rest.
_TELLING = re.compile(rb"[\x00-\x7f]{0,40}[\x80-\xff]+[\x00-\x7f]{0,40}")


def decoded(file: BinaryIO) -> Iterator[str]:
    """Give the text of a file in pieces.

    A byte order mark is believed, then UTF-8 that is strictly so, then a guess. Where a file that began as ASCII has
    other bytes later, the guess is made there; what does not fit its encoding otherwise is replaced.
    """
    head = file.read(SAMPLE_BYTES)
    encoding = encoding_of(head)
    decoder = codecs.getincrementaldecoder(encoding)("strict" if encoding == "utf-8" else "replace")
    only_ascii = True
    chunk = head
    while True:
        try:
            piece = decoder.decode(chunk, not chunk)
        except UnicodeDecodeError:
            unread = decoder.getstate()[0] + chunk
            # An end that was cut off is no sign of another encoding.
            if only_ascii and chunk:
                encoding = guessed_encoding(unread[:SAMPLE_BYTES])
            decoder = codecs.getincrementaldecoder(encoding)("replace")
            piece = decoder.decode(unread, not chunk)
        if piece:
            only_ascii = only_ascii and piece.isascii()
            yield piece
        if not chunk:
            return
        chunk = file.read(_CHUNK_BYTES)


def encoding_of(sample: bytes) -> str:
    """Give the encoding of bytes from the beginning of a text."""
    known = encoding_by_mark(sample) or encoding_by_zeros(sample)
    if known is not None:
        return known
    return "utf-8" if is_utf8(sample) else guessed_encoding(sample)


def guessed_encoding(sample: bytes) -> str:
    """Give the likeliest encoding of bytes that are not UTF-8."""
    if is_western(sample):
        return _WESTERN
    from charset_normalizer import from_bytes

    best = from_bytes(b"".join(_TELLING.findall(sample))).best()
    return best.encoding if best is not None else _WESTERN


def is_western(sample: bytes) -> bool:
    """Whether bytes that are not UTF-8 are Western European: the guess takes these for Central European too often."""
    foreign = sample.translate(None, _ASCII)
    letters = len(foreign) - len(foreign.translate(None, _WESTERN_LETTERS))
    plain = len(sample) - len(sample.translate(None, _LETTERS))
    return (
        not foreign.translate(None, _WESTERN_LETTERS + _WESTERN_SIGNS)
        and letters <= _MOST_WESTERN * (letters + plain)
        and not _SIGN_IN_WORD.search(sample)
    )


def joined(text: str) -> str:
    """Give a text whose characters came in halves, as escapes write them, with whole ones; lone halves are replaced."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
