"""What is packed comes back as it was, in every format; other programs find no fault with what is made."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings

from rota.archives import MADE, Format
from tests.archives.round_trip import packed, unpacked
from tests.archives.trees import CALM, NAMES, Node, by_hand, rounded, trees

STEP_NS = {Format.ZIP: 100, Format.SEVEN_ZIP: 100}
"""How finely a format tells times, where it is not by the nanosecond."""
ENCRYPTED = (Format.ZIP, Format.SEVEN_ZIP)

each_format = pytest.mark.parametrize("format_", MADE)


def expected(format_: Format, tree: dict[bytes, Node]) -> dict[bytes, Node]:
    return rounded(tree, STEP_NS.get(format_, 1))


@pytest.fixture(scope="module")
def tree() -> dict[bytes, Node]:
    return by_hand()


@each_format
def test_all_that_ever_made_trouble_comes_back(format_: Format, tree: dict[bytes, Node]) -> None:
    found = unpacked(format_, packed(format_, tree, level=1))

    assert list(found) == sorted(found, key=lambda path: _whole(path, tree))
    assert differing(found, expected(format_, tree)) == {}


def _whole(path: bytes, tree: dict[bytes, Node]) -> bytes:
    return path + b"/" if tree[path].kind == "folder" else path


def differing(found: dict[bytes, Node], wanted: dict[bytes, Node]) -> dict[bytes, object]:
    """Give what is not the same, without megabytes of content in the message."""
    return {
        path: (found.get(path) is not None, wanted.get(path) is not None)
        for path in found.keys() | wanted.keys()
        if found.get(path) != wanted.get(path)
    }


@each_format
@settings(CALM, max_examples=40)
@given(tree=trees())
def test_any_tree_comes_back(format_: Format, tree: dict[bytes, Node]) -> None:
    assert unpacked(format_, packed(format_, tree)) == expected(format_, tree)


@each_format
@pytest.mark.parametrize("level", [0, 9])
def test_every_level_gives_the_same_tree(format_: Format, level: int) -> None:
    tree = small()

    assert unpacked(format_, packed(format_, tree, level=level)) == expected(format_, tree)


@pytest.mark.parametrize("format_", ENCRYPTED)
def test_an_encrypted_tree_comes_back(format_: Format) -> None:
    tree = small()

    data = packed(format_, tree, password="geheim ü")

    assert unpacked(format_, data, password="geheim ü") == expected(format_, tree)
    assert b"a line of a text" not in data


@each_format
def test_the_same_tree_gives_the_same_bytes_on_any_number_of_threads(format_: Format, tree: dict[bytes, Node]) -> None:
    # Random bytes take long to pack, and are no different in this.
    some = {path: node for path, node in tree.items() if not path.endswith(b"random")}

    assert packed(format_, some, threads=1, level=1) == packed(format_, some, threads=3, level=1)


@each_format
def test_an_empty_tree_is_a_valid_archive(format_: Format) -> None:
    assert unpacked(format_, packed(format_, {})) == {}


def small() -> dict[bytes, Node]:
    """Give a tree without what other programs warn of: names that are no text, and times that they do not know."""
    return {
        path: node
        for path, node in by_hand().items()
        if len(node.data) < 100_000
        and not path.startswith((b"times/", b"deep/deep/deep"))
        and not any(odd in path for odd in (NAMES[-1], NAMES[-2], NAMES[-3], b"\\", b"\n", b"C:", b"-rf"))
    }


TOOLS: Sequence[tuple[Format, tuple[str, ...]]] = (
    (Format.ZIP, ("unzip", "-tqq")),
    (Format.ZIP, ("7z", "t")),
    (Format.ZIP, ("bsdtar", "-tf")),
    (Format.TAR, ("tar", "-tf")),
    (Format.TAR, ("bsdtar", "-tf")),
    (Format.TAR, ("7z", "t")),
    (Format.TAR_GZ, ("gzip", "-t")),
    (Format.TAR_GZ, ("pigz", "-t")),
    (Format.TAR_GZ, ("tar", "-tzf")),
    (Format.TAR_GZ, ("bsdtar", "-tf")),
    (Format.TAR_ZST, ("zstd", "-tq")),
    (Format.TAR_ZST, ("bsdtar", "-tf")),
    (Format.TAR_XZ, ("xz", "-t")),
    (Format.TAR_XZ, ("tar", "-tJf")),
    (Format.TAR_XZ, ("bsdtar", "-tf")),
    (Format.SEVEN_ZIP, ("7z", "t")),
    (Format.SEVEN_ZIP, ("bsdtar", "-tf")),
)


@cache
def made(format_: Format, what: str) -> bytes:
    """Give an archive that several programs look at."""
    large = {path: node for path, node in by_hand().items() if path.startswith(b"sizes")}
    return packed(format_, large if what == "large" else small(), level=1)


@pytest.mark.parametrize(("format_", "tool"), TOOLS, ids=[f"{tool[0]}-{format_}" for format_, tool in TOOLS])
@pytest.mark.parametrize("what", ["odd names", "large"])
def test_other_programs_find_no_fault(format_: Format, tool: tuple[str, ...], what: str, tmp_path: Path) -> None:
    if shutil.which(tool[0]) is None:
        pytest.skip(f"the program {tool[0]} is not installed")
    (tmp_path / f"made.{format_}").write_bytes(made(format_, what))

    tested = subprocess.run([*tool, f"made.{format_}"], cwd=tmp_path, capture_output=True, timeout=120, check=False)

    assert (tested.returncode, tested.stderr) == (0, b""), tested.stdout[-2000:]
