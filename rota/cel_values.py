"""What an expression reads of its values, and how large that is: nothing else is handed to the library.

The library copies what it is given, and copies a map whenever one of its fields is read. So an expression that reads
one number of an event is given that number, in maps that hold nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rota.cel_shapes import CHAR_NS, ENTRY_NS, MAX_FIELDS, SCALAR, Shape, forget_fields, merge, text_shape
from rota.cel_syntax import Node

MAX_VALUE_DEPTH = 64
"""How deep lists and maps may be nested in what is read; the library goes through them by recursion."""

_TAKE_NS = 3_500
_TAKE_CHAR_NS = 1

_PLAIN_TEXT = re.compile(r"""(['"])([^\\'"]*)\1""")


class TooMuch(Exception):
    """Raised when the values alone, or what would be done with them, take longer than is allowed."""


class Demand:
    """Which parts of a value are read: all, the number of its entries, some fields, or something of each entry."""

    __slots__ = ("fields", "items", "sized", "whole")

    def __init__(self, *, whole: bool = False) -> None:
        self.whole = whole
        self.sized = False
        self.fields: dict[str, Demand] = {}
        self.items: Demand | None = None

    def of_items(self) -> Demand:
        """Return what is read of each entry."""
        if self.items is None:
            self.items = Demand()
        return self.items

    def of_field(self, name: str) -> Demand:
        """Return what is read of one field, or of an entry of a map with this key."""
        if self.whole:
            return _WHOLE
        found = self.fields.get(name)
        if found is None:
            return self.items or _NOTHING
        return found if self.items is None else _WHOLE

    @property
    def all_entries(self) -> bool:
        """Whether each entry has to be there, if only to be counted."""
        return self.whole or self.sized or self.items is not None


_WHOLE = Demand(whole=True)
_NOTHING = Demand()


class Taking:
    """Copies what is demanded of values, and measures it; TooMuch once that alone takes longer than `limit_ns`."""

    def __init__(self, limit_ns: float) -> None:
        self.ns = 0.0
        self._limit = limit_ns

    def take(self, value: object, demand: Demand, depth: int = 0) -> tuple[Any, Shape]:
        """Return the demanded part of a value, and its size."""
        self._spend(_TAKE_NS)
        if isinstance(value, str):
            self._spend(_TAKE_CHAR_NS * len(value))
            return value, text_shape(len(value))
        if isinstance(value, Mapping):
            return self._take_map(value, demand, depth + 1)
        if isinstance(value, list | tuple):
            return self._take_list(value, demand, depth + 1)
        return value, SCALAR

    def _take_map(self, value: Mapping[Any, Any], demand: Demand, depth: int) -> tuple[dict[Any, Any], Shape]:
        _check_depth(depth)
        taken, shape, longest = {}, Shape(), 0
        for key in value if demand.all_entries else demand.fields.keys() & value.keys():
            taken[key], size = self.take(value[key], demand.of_field(key), depth)
            shape.fields[key] = size
            longest = max(longest, len(str(key)))
            shape.ns += ENTRY_NS + CHAR_NS * len(str(key)) + size.ns
            shape.longest = max(shape.longest, size.longest, longest)
            if len(shape.fields) > MAX_FIELDS:
                forget_fields(shape)
        shape.length = len(taken)
        shape.longest = max(shape.longest, shape.length)
        shape.keys = text_shape(longest) if taken else None
        return taken, shape

    def _take_list(self, value: list[Any] | tuple[Any, ...], demand: Demand, depth: int) -> tuple[list[Any], Shape]:
        _check_depth(depth)
        taken, shape = [], Shape()
        if demand.all_entries:
            each_demand = _WHOLE if demand.whole else demand.items or _NOTHING
            for each in value:
                item, size = self.take(each, each_demand, depth)
                taken.append(item)
                shape.items = merge(shape.items, size)
                shape.ns += size.ns
                shape.longest = max(shape.longest, size.longest)
            shape.length = len(taken)
            shape.longest = max(shape.longest, shape.length)
        return taken, shape

    def _spend(self, ns: float) -> None:
        self.ns += ns
        if self.ns > self._limit:
            raise TooMuch("its values are too many or too long")


def _check_depth(depth: int) -> None:
    if depth > MAX_VALUE_DEPTH:
        raise TooMuch(f"a value is nested deeper than {MAX_VALUE_DEPTH} levels")


def demands_of(tree: Node) -> dict[str, Demand]:
    """Return what an expression reads of each variable that must be given."""
    found: dict[str, Demand] = {}
    _use(tree, {}, found)
    return found


_Scope = dict[str, Demand | None]


def _use(node: Node, scope: _Scope, found: dict[str, Demand]) -> None:
    demand = _read(node, scope, found)
    if demand is not None:
        demand.whole = True


def _read(node: Node, scope: _Scope, found: dict[str, Demand]) -> Demand | None:
    """Note what a part reads; return the demand on the value that it leads to, None if it makes a new one."""
    if node.kind == "name":
        return scope[node.name] if node.name in scope else found.setdefault(node.name, Demand())
    if node.kind == "field":
        base = _read(node.parts[0], scope, found)
        return None if base is None else base.fields.setdefault(node.name, Demand())
    if node.kind == "index":
        return _read_index(node, scope, found)
    if node.kind == "macro":
        return _read_macro(node, scope, found)
    for part in node.parts:
        demand = _read(part, scope, found)
        if demand is not None:
            # `has` asks whether there is a field, `size` of how many entries; all others look at everything.
            demand.sized |= node.name == "size"
            demand.whole |= node.name not in ("size", "has")
    return None


def _read_index(node: Node, scope: _Scope, found: dict[str, Demand]) -> Demand | None:
    base, key = node.parts
    demand = _read(base, scope, found)
    named = _PLAIN_TEXT.fullmatch(key.name) if key.kind == "text" else None
    if named is not None:
        return None if demand is None else demand.fields.setdefault(named[2], Demand())
    _use(key, scope, found)
    if demand is None:
        return None
    demand.sized = True
    return demand.of_items()


def _read_macro(node: Node, scope: _Scope, found: dict[str, Demand]) -> Demand | None:
    entries, *bodies = node.parts
    demand = _read(entries, scope, found)
    inner = {**scope, node.entry: None}
    if demand is not None:
        demand.sized = True
        inner[node.entry] = demand.of_items()
    for body in bodies:
        _use(body, inner, found)
    # What is left by a filter are entries of the same list.
    return demand if node.name == "filter" else None
