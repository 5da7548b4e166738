"""Reads the text of web pages that a reader sees."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from actors.extracting.decoding import SAMPLE_BYTES, encoding_of
from actors.extracting.detection import encoding_by_mark
from actors.extracting.extractor import Extractor, Limits, TextGatherer
from actors.extracting.formats.html_depth import MOST_DEPTH, is_deep
from actors.extracting.formats.reading import broken, faults
from actors.extracting.formats.telling import Telling, Word, extracted
from actors.extracting.outcomes import Extracted, Reason, Unextractable

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

MOST_BYTES = 16 * 1024 * 1024
"""Of a page; the rest is not read. The tree that is made of a page is several times as large."""

_SKIPPED = frozenset({"script", "style", "noscript", "template", "iframe", "object", "svg", "math", "head", "-comment"})
# fmt: off
_INLINE = frozenset({
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins",
    "kbd", "label", "mark", "nobr", "q", "rb", "rp", "rt", "ruby", "s", "samp", "small", "span", "strike", "strong",
    "sub", "sup", "time", "tspan", "tt", "u", "var", "wbr",
})
# fmt: on
"""What does not part words; every other element does."""
_CELLS = frozenset({"td", "th"})

_CHARSET = re.compile(
    rb"""<(?:meta\b[^>]{0,200}?\bcharset|\?xml\b[^>]{0,100}?\bencoding)\s*=\s*["']?([\w.:-]{1,40})""", re.IGNORECASE
)
_HTML_HEAD = re.compile(
    rb"""(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--.{0,1000}?-->\s*)?(?:<!doctype\s+html\b|<html\b)""",
    re.IGNORECASE | re.DOTALL,
)
_BLANKS = re.compile(r"[ \t\r\n\f]+")


def read_html(file: BinaryIO, limits: Limits) -> Extracted:
    """Read a page: its title, what it says of itself, and its text without scripts, styles and comments."""
    text, telling = TextGatherer(limits.most_text), Telling()
    add_html(file.read(MOST_BYTES), text, telling)
    return extracted(text, telling)


def add_html(page: bytes | str, text: TextGatherer, telling: Telling | None = None) -> None:
    """Add the text of a page, and what it says of itself if that is asked for.

    Raises Unextractable if its elements are nested too deeply.
    """
    with faults("it does not read as a web page"):
        tree = _parsed(decoded_html(page) if isinstance(page, bytes) else page)
        if telling is not None:
            _tell(tree, telling)
        if tree.body is not None:
            _add_visible(tree.body, text)


def read_svg(file: BinaryIO, limits: Limits) -> Extracted:
    """Read the texts of a drawing, with its titles and descriptions.

    It is read as a part of a web page, as browsers do: many drawings declare a document type, and entities with it.
    """
    text, telling = TextGatherer(limits.most_text), Telling()
    with faults("it does not read as a drawing"):
        drawing = _parsed(decoded_html(file.read(MOST_BYTES))).css_first("svg")
        if drawing is None:
            raise broken("it has no drawing in it")
        title = drawing.css_first("title")
        if title is not None:
            telling.add(Word.TITLE, title.text())
        _add_visible(drawing, text)
    return extracted(text, telling)


def _parsed(page: str) -> LexborHTMLParser:
    from selectolax.lexbor import LexborHTMLParser, SelectolaxError

    content = page.encode("utf-8", "replace")
    if is_deep(content):
        raise Unextractable(Reason.TOO_LARGE, f"its elements are nested more than {MOST_DEPTH} deep")
    try:
        return LexborHTMLParser(content)
    except SelectolaxError as error:
        # Any bytes make a page: it only fails where it gets no more memory.
        raise MemoryError from error


def decoded_html(page: bytes) -> str:
    """Return the characters of a page: by its byte order mark, by what it says, and then by how it looks."""
    encoding = encoding_by_mark(page) or _declared(page) or encoding_of(page[:SAMPLE_BYTES])
    return page.decode(encoding, "replace")


def _declared(page: bytes) -> str | None:
    match = _CHARSET.search(page[:4096])
    if match is None:
        return None
    name = match[1].decode("ascii", "replace").lower()
    # A page that can say it in ASCII is not in these; browsers take it for UTF-8, too.
    if name.startswith(("utf-16", "utf-32", "ucs")):
        return "utf-8"
    try:
        "".encode(name)
        b"".decode(name)
    except (LookupError, UnicodeError):
        return None
    return "cp1252" if name in ("iso-8859-1", "latin-1", "latin1", "us-ascii", "ascii") else name


def _tell(tree: LexborHTMLParser, telling: Telling) -> None:
    title = tree.css_first("title")
    if title is not None:
        telling.add(Word.TITLE, title.text())
    words = {"description": Word.DESCRIPTION, "keywords": Word.KEYWORDS, "author": Word.AUTHOR}
    for node in tree.css("meta[name]")[:200]:
        word = words.get((node.attributes.get("name") or "").lower())
        if word is not None:
            telling.add(word, node.attributes.get("content"))
    if tree.root is not None:
        telling.add(Word.LANGUAGE, tree.root.attributes.get("lang") or tree.root.attributes.get("xml:lang"))


def _add_visible(root: LexborNode, text: TextGatherer) -> None:
    """Add the text below a node; what is not inline begins a line, and a cell of a table a column."""
    is_line_start = True
    for node, is_opened in _steps(root):
        if text.is_full:
            return
        if node.is_text_node:
            piece = _BLANKS.sub(" ", node.text_content or "") if is_opened else ""
            if is_line_start:
                piece = piece.lstrip()
            if piece:
                text.add(piece)
                is_line_start = False
        elif not is_line_start and node.tag not in _INLINE:
            is_column = node.tag in _CELLS
            text.add("\t" if is_column else "\n")
            is_line_start = not is_column


def _steps(root: LexborNode) -> Iterator[tuple[LexborNode, bool]]:
    """Walk over a tree and give each node when it is opened and when it is closed; not recursive, as trees are deep."""
    # Nodes are compared by their identity: the library's own comparison writes both out as HTML.
    node: LexborNode | None = root
    while node is not None:
        yield node, True
        child = node.first_child if node.tag not in _SKIPPED or node.mem_id == root.mem_id else None
        if child is not None:
            node = child
            continue
        while node is not None:
            yield node, False
            if node.mem_id == root.mem_id:
                return
            if node.next is not None:
                node = node.next
                break
            node = node.parent


def _is_html(head: bytes, name: str) -> bool:  # noqa: ARG001 -- the signature of all detections
    return bool(_HTML_HEAD.match(head))


def _is_svg(head: bytes, name: str) -> bool:
    is_xml = head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"<?xml", b"<!DOCTYPE svg", b"<svg", b"<!--"))
    return is_xml and b"<svg" in head and not _is_html(head, name)


HTML = Extractor(
    name="html",
    version=1,
    extract=read_html,
    extensions=frozenset({"html", "htm", "xhtml", "xht"}),
    detect=_is_html,
    enough_bytes=MOST_BYTES,
)
SVG = Extractor(
    name="svg",
    version=1,
    extract=read_svg,
    extensions=frozenset({"svg"}),
    detect=_is_svg,
    enough_bytes=MOST_BYTES,
)
