"""Trees to be packed: by hypothesis, and one by hand with all that ever made an archiver stumble."""

from __future__ import annotations

import os
import random
import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from actors.archives.packing import SMALL_BYTES, Entry
from actors.datasources.rows import Kind
from rota.names import MAX_NAME_BYTES, name_problem
from tests.archives.contents import MemoryContents, sorted_name

CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
"""For tests that pack and unpack: how long that takes is for the machine to say."""
SECOND = 1_000_000_000
TIMES_NS = {
    "before 1901": -2_500_000_000 * SECOND - 300,
    "before 1970": -1 * SECOND,
    "before 1980": 157_766_401 * SECOND,
    "odd second": 1_700_000_001 * SECOND,
    "nanoseconds": 1_700_000_002_123_456_789,
    "behind 2038": 2_300_000_000 * SECOND,
    "behind 2107": 4_400_000_001 * SECOND + 999_999_900,
}
SIZES = (0, 1, 511, 512, 513, 65_535, 65_536, 65_537, (1 << 20) - 1, 1 << 20, (1 << 20) + 1)
"""On both sides of what formats and packers count in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A file, folder or link of a tree."""

    kind: Kind = Kind.FILE
    data: bytes = b""
    link: bytes = b""
    modified_ns: int = TIMES_NS["odd second"]
    executable: bool = False


Tree = Mapping[bytes, Node]
"""By the whole path; the folders on the way are there too."""

FOLDER = Node(kind=Kind.FOLDER)

NAMES: tuple[bytes, ...] = (
    "Grüße".encode(),
    "Gru\u0308ße in NFD".encode(),
    "写真と🎞️ — emoji".encode(),
    b" spaces at both ends ",
    b"dots.in..a...row.",
    b".hidden",
    b"-rf",
    b"%41&amp;$(true);'\"",
    b"back\\slash",
    b"C:",
    b"con",
    b"line\nbreak\ttab\x1b[31m",
    b"n" * MAX_NAME_BYTES,
    "ü".encode() * (MAX_NAME_BYTES // 2),
    "\u202ebidi\u2069".encode(),
    "\uf05c\uef80 private".encode(),
    b"bytes \xff\xfe\x80",
    b"latin-1 gr\xfc\xdfe",
)


class TreeContents(MemoryContents):
    """A `Contents` of a tree."""

    def __init__(self, tree: Tree, **options: Any) -> None:
        super().__init__({}, executable=(), **options)
        self.tree = dict(tree)
        self.files = {path: node.data for path, node in tree.items()}
        self._executable = {path for path, node in tree.items() if node.executable}

    def entries(self) -> list[Entry]:
        """Give them in the order of archives."""
        return sorted((_entry(path, node) for path, node in self.tree.items()), key=sorted_name)


@cache
def content(size: int, *, seed: int = 0, packs: bool = True) -> bytes:
    """Give so many bytes, the same ones each time; those that do not pack are random."""
    if not packs:
        return random.Random(seed).randbytes(size)
    line = b"%d: a line of a text that packs well\n" % seed
    return (line * (size // len(line) + 1))[:size]


def plant(root: Path, tree: Tree) -> None:
    """Make a tree on this machine."""
    folders = []
    for path, node in sorted(tree.items()):
        place = os.path.join(os.fsencode(root), path)
        if node.kind == Kind.LINK:
            os.symlink(node.link, place)
        elif node.kind == Kind.FOLDER:
            os.mkdir(place)
            folders.append((place, node.modified_ns))
        else:
            with open(place, "wb") as file:
                file.write(node.data)
            os.chmod(place, 0o755 if node.executable else 0o644)
            os.utime(place, ns=(node.modified_ns, node.modified_ns))
    for place, modified_ns in folders:
        os.utime(place, ns=(modified_ns, modified_ns))


def planted(root: Path) -> dict[bytes, Node]:
    """Give the tree that is there on this machine; links have no times, for nobody looks at them."""
    top, found = os.fsencode(root), {}
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            place = os.path.join(folder, name)
            found[os.path.relpath(place, top)] = _planted(place)
    return found


def _planted(place: bytes) -> Node:
    status = os.lstat(place)
    if stat.S_ISLNK(status.st_mode):
        return Node(kind=Kind.LINK, link=os.readlink(place), modified_ns=0)
    if stat.S_ISDIR(status.st_mode):
        return Node(kind=Kind.FOLDER, modified_ns=status.st_mtime_ns)
    with open(place, "rb") as file:
        return Node(data=file.read(), modified_ns=status.st_mtime_ns, executable=bool(status.st_mode & stat.S_IXUSR))


def rounded(tree: Tree, step_ns: int) -> dict[bytes, Node]:
    """Give a tree with the times that are left of its own where they are told in steps."""
    return {path: replace(node, modified_ns=node.modified_ns // step_ns * step_ns) for path, node in tree.items()}


def by_hand() -> dict[bytes, Node]:
    """Give a tree of some 200 entries: odd names, all times, sizes around the borders, links, deep and empty folders."""
    tree: dict[bytes, Node] = {b"names": FOLDER, b"sizes": FOLDER, b"times": FOLDER, b"links": FOLDER, b"empty": FOLDER}
    for number, name in enumerate(NAMES):
        tree[b"names/" + name] = Node(data=content(100, seed=number), executable=number % 3 == 0)
        tree[b"empty/" + name] = FOLDER
    for size in SIZES:
        for packs in (True, False):
            tree[b"sizes/%d %s" % (size, b"text" if packs else b"random")] = Node(data=content(size, packs=packs))
    for size in (SMALL_BYTES, SMALL_BYTES + 1):
        tree[b"sizes/%d large" % size] = Node(data=content(size))
    tree[b"sizes/large random"] = Node(data=content(SMALL_BYTES + 1, packs=False), executable=True)
    for what, modified_ns in TIMES_NS.items():
        tree[b"times/" + what.encode()] = Node(data=b"then", modified_ns=modified_ns)
        tree[b"times/folder " + what.encode()] = replace(FOLDER, modified_ns=modified_ns)
    for name, target in {
        b"beside": b"../names/.hidden",
        b"folder": b"../empty",
        b"nowhere": b"gone",
        NAMES[0]: b"../names/" + NAMES[0],
    }.items():
        tree[b"links/" + name] = Node(kind=Kind.LINK, link=target)
    tree |= deep(40)
    return tree


def deep(levels: int, *, name: bytes = b"deep") -> dict[bytes, Node]:
    """Give folders within each other, with a file in the last one."""
    paths = [b"/".join([name] * count) for count in range(1, levels + 1)]
    return {**dict.fromkeys(paths, FOLDER), paths[-1] + b"/file": Node(data=b"far down")}


def names() -> st.SearchStrategy[bytes]:
    """Names of all kinds that a datasource may have, bytes that are no text included."""
    text = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=40).map(str.encode)
    odd = st.binary(min_size=1, max_size=20)
    return st.one_of(st.sampled_from(NAMES), text, odd).filter(lambda name: name_problem(name) is None)


def times_ns() -> st.SearchStrategy[int]:
    """Times from 1902 to 2200, and those that formats differ in; never 0, which is none."""
    any_time = st.integers(-2_147_483_648 * SECOND, 7_258_118_400 * SECOND).filter(bool)
    return st.one_of(st.sampled_from(list(TIMES_NS.values())), any_time)


def files() -> st.SearchStrategy[Node]:
    """Files of up to 64 KiB and a byte; some pack, some do not."""
    data = st.builds(
        content,
        st.one_of(st.sampled_from([size for size in SIZES if size <= 1 << 17]), st.integers(0, 3000)),
        seed=st.integers(0, 9),
        packs=st.booleans(),
    )
    return st.builds(Node, data=data, modified_ns=times_ns(), executable=st.booleans())


def links() -> st.SearchStrategy[Node]:
    """Links to anything: nothing follows them here."""
    target = st.lists(names(), min_size=1, max_size=3).map(b"/".join)
    return st.builds(Node, kind=st.just(Kind.LINK), link=target, modified_ns=times_ns())


def trees(leaves: st.SearchStrategy[Node] | None = None) -> st.SearchStrategy[dict[bytes, Node]]:
    """Trees of up to some thirty entries, with empty folders and several levels; by default of files and links."""
    held = st.one_of(files(), links()) if leaves is None else leaves
    inner = st.recursive(
        st.dictionaries(names(), held, max_size=4),
        lambda within: st.dictionaries(names(), st.one_of(held, within), max_size=4),
        max_leaves=6,
    )
    return st.tuples(inner, times_ns()).map(lambda drawn: _flat(*drawn))


def _flat(nested: Mapping[bytes, Any], modified_ns: int) -> dict[bytes, Node]:
    found: dict[bytes, Node] = {}
    for name, node in nested.items():
        if isinstance(node, Node):
            found[name] = node
        else:
            found[name] = replace(FOLDER, modified_ns=modified_ns)
            found |= {name + b"/" + path: inner for path, inner in _flat(node, modified_ns).items()}
    return found


def _entry(path: bytes, node: Node) -> Entry:
    return Entry(path, node.kind, len(node.data), node.modified_ns, path, node.link)
