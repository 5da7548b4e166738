"""Reads XML as it streams by, without a tree, entities, documents elsewhere, or depth that is without end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from actors.extracting.formats.reading import broken
from actors.extracting.outcomes import Reason, Unextractable

MOST_DEPTH = 1000
"""Elements in each other; real documents stay below a hundred."""


class Walker:
    """Is told of the elements of a document in their order; a reader overrides what it needs.

    Elements are told by their local names: documents of one format differ in name spaces by version and strictness.
    """

    skipped: frozenset[str] = frozenset()
    """Elements that are left out with all that is in them."""

    def __init__(self) -> None:
        self.is_done = False
        """Set it when no more is needed; then the rest is not read."""
        self._depth = 0
        self._skipped_at = 0

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        """Take the beginning of an element."""

    def closed(self, name: str) -> None:
        """Take the end of an element."""

    def told(self, text: str) -> None:
        """Take a piece of text, as it is written; one text may come in several pieces."""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Is called by the parser."""
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise Unextractable(Reason.TOO_LARGE, f"its elements are nested more than {MOST_DEPTH} deep")
        if self._skipped_at:
            return
        name = local(tag)
        if name in self.skipped:
            self._skipped_at = self._depth
            return
        self.opened(name, attributes)

    def end(self, tag: str) -> None:
        """Is called by the parser."""
        if not self._skipped_at:
            self.closed(local(tag))
        elif self._skipped_at == self._depth:
            self._skipped_at = 0
        self._depth -= 1

    def data(self, text: str) -> None:
        """Is called by the parser."""
        if not self._skipped_at:
            self.told(text)

    def doctype(self, *_: object) -> None:
        """Refuse it: the entities that it declares may grow without end or name other files.

        Is called by the parser before it reads any of them.
        """
        raise Unextractable(Reason.UNSUPPORTED, "it declares a document type, which documents of its kind do not")

    def close(self) -> None:
        """Is called by the parser; there is nothing to give."""


def walk(chunks: Iterable[bytes], walker: Walker, what: str) -> None:
    """Read XML and tell a walker of it; nothing happens if there are no bytes.

    Raises Unextractable if it is not well-formed; `what` names it in the message.
    """
    from lxml import etree

    parser = etree.XMLParser(
        target=walker, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, dtd_validation=False
    )
    is_empty = True
    try:
        for chunk in chunks:
            is_empty = False
            parser.feed(chunk)
            if walker.is_done:
                return
        if not is_empty:
            parser.close()
    except etree.XMLSyntaxError as error:
        raise broken(f"{what} is not well-formed", error) from error


@lru_cache(maxsize=256)  # asked twice for each element, of which documents have a few dozen kinds
def local(tag: str) -> str:
    """Return the name of an element or an attribute without its name space."""
    return tag.rpartition("}")[2]


def attribute(attributes: Mapping[str, str], name: str) -> str:
    """Return an attribute by its local name, whatever its name space; empty if there is none."""
    value = attributes.get(name)
    if value is None:
        return next((value for key, value in attributes.items() if key.endswith("}" + name)), "")
    return value
