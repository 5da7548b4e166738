"""How large values can be, as the estimate of an expression's cost needs it."""

from __future__ import annotations

VALUE_NS = 60
ENTRY_NS = 500
CHAR_NS = 0.4
MAX_FIELDS = 40
_MAX_JOINED = 64


class Shape:
    """How large a value can be: its entries or characters, the time in ns to copy it, and the same of what it holds.

    Entries of a list and of a large map are known by the largest only. `longest` is the most entries or characters of
    anything within. One that is `blurred` says so little that each of its parts may be as large as all of it.
    """

    __slots__ = ("blurred", "fields", "items", "keys", "length", "longest", "ns")

    def __init__(self, length: int = 0, ns: float = VALUE_NS, *, items: Shape | None = None) -> None:
        self.length = length
        self.ns = ns
        self.items = items
        self.longest: int = length if items is None else max(length, items.longest)
        self.fields: dict[str, Shape] = {}
        self.keys: Shape | None = None
        self.blurred = False

    @property
    def is_plain(self) -> bool:
        """Whether it holds nothing."""
        return self.items is None and not self.fields and self.keys is None and not self.blurred

    def field(self, name: str) -> Shape:
        """Return the size of one field."""
        return self.fields.get(name) or self.entry()

    def entry(self) -> Shape:
        """Return what no entry exceeds."""
        if self.blurred:
            return self
        found = self.items
        for each in self.fields.values():
            found = join(found, each)
        return found or SCALAR


SCALAR = Shape()


def text_shape(length: int) -> Shape:
    """Return the size of a text."""
    return Shape(length, VALUE_NS + CHAR_NS * length)


def join(one: Shape | None, other: Shape | None) -> Shape | None:
    """Return what neither of two sizes exceeds; both stay as they are."""
    if one is None or other is None or one is other:
        return one or other
    if _covers(one, other):
        return one
    if _covers(other, one):
        return other
    if _count(one) + _count(other) <= _MAX_JOINED:
        return merge(_copy(one), _copy(other))
    blurred = Shape(max(one.longest, other.longest), max(one.ns, other.ns))
    blurred.blurred = True
    return blurred


def merge(one: Shape | None, other: Shape | None) -> Shape | None:
    """Return what neither of two sizes exceeds, made of both: neither may be used elsewhere, unless it is plain."""
    if one is None or other is None:
        return one or other
    if _covers(one, other):
        return one
    if one.is_plain:
        if other.is_plain:
            return Shape(max(one.length, other.length), max(one.ns, other.ns))
        one, other = other, one
    one.length, one.longest = max(one.length, other.length), max(one.longest, other.longest)
    one.ns = max(one.ns, other.ns)
    one.blurred = one.blurred or other.blurred
    one.items = merge(one.items, other.items)
    one.keys = merge(one.keys, other.keys)
    for name, shape in other.fields.items():
        found = merge(one.fields.get(name), shape)
        assert found is not None
        one.fields[name] = found
    if len(one.fields) > MAX_FIELDS:
        forget_fields(one)
    return one


def forget_fields(shape: Shape) -> None:
    """Keep only the largest of the fields; there would be too many to compare."""
    for each in shape.fields.values():
        shape.items = merge(shape.items, each)
    shape.fields = {}


def _covers(one: Shape, other: Shape) -> bool:
    return other.is_plain and other.length <= one.length and other.ns <= one.ns


def _count(shape: Shape) -> int:
    """Return how many sizes it is made of, as far as that matters."""
    count, pending = 0, [shape]
    while pending and count <= _MAX_JOINED:
        here = pending.pop()
        count += 1
        pending.extend(here.fields.values())
        pending.extend(each for each in (here.items, here.keys) if each is not None)
    return count


def _copy(shape: Shape) -> Shape:
    if shape.is_plain:
        return shape
    copied = Shape(shape.length, shape.ns, items=None if shape.items is None else _copy(shape.items))
    copied.longest, copied.keys, copied.blurred = shape.longest, shape.keys, shape.blurred
    copied.fields = {name: _copy(each) for name, each in shape.fields.items()}
    return copied
