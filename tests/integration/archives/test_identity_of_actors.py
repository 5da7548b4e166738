"""What `compress` packs `extract` gives back, on folders of this machine."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings

from actors.compress import CompressParams, compress
from actors.datasources.storage import Datasource
from actors.extract import extract
from actors.testing import RecordingRun
from actors.unpacking.order import ExtractParams
from actors.unpacking.twins import folded
from rota.archives import MADE, Format
from tests.archives.trees import CALM, SECOND, Node, by_hand, files, plant, planted, rounded, trees
from tests.integration.archives.test_identity import STEP_NS, differing

_FIRST_NS, _LAST_NS = -2_147_483_648 * SECOND, 15_032_385_535 * SECOND
"""What ext4 can tell."""
SECRET = {"env:ARCHIVE": "geheim ü"}

each_format = pytest.mark.parametrize("format_", MADE)


def round_trip(
    root: Path, format_: Format, tree: dict[bytes, Node], level: int | None = None, **secret: str
) -> list[str]:
    """Make a tree on this machine, pack it, unpack it, and compare; gives what was noted."""
    source, goal = root / "source", root / "goal"
    (source / "top").mkdir(parents=True)
    goal.mkdir()
    plant(source / "top", tree)
    run = RecordingRun(
        datasources=[Datasource(name=each.name, root=str(each)) for each in (source, goal)], secrets=SECRET
    )

    packing = {"datasource": "source", "paths": ["top"], "target_datasource": "goal", "target": f"made.{format_}"}
    packed = compress(run, CompressParams(**packing, links="keep", level=level, **secret))  # type: ignore[arg-type]
    unpacked = extract(run, ExtractParams(datasource="goal", path=packed.path, links="keep", **secret))  # type: ignore[arg-type]

    assert packed.entries == unpacked.entries == len(tree) + 1
    assert {each.name for each in goal.iterdir()} == {f"made.{format_}", "made"}
    wanted = rounded(planted(source / "top"), STEP_NS.get(format_, 1))
    assert differing(rounded(planted(goal / "made" / "top"), STEP_NS.get(format_, 1)), wanted) == {}
    return [*(note.note for note in packed.notes), *(note.note for note in unpacked.notes)]


def fits(path: bytes, node: Node, format_: Format) -> bool:
    """Say whether an entry comes back just as it was: its name is safe everywhere, the system has its time.

    A zip cannot say that a name is no text.
    """
    try:
        path.decode()
    except UnicodeDecodeError:
        if format_ is Format.ZIP:
            return False
    return not re.search(rb"(^|/)[A-Za-z]:|\\", path) and _FIRST_NS <= node.modified_ns <= _LAST_NS


def fitting(tree: dict[bytes, Node], format_: Format) -> dict[bytes, Node]:
    """Give what of a tree comes back as it was, without those whose names are the same to some system."""
    chosen: dict[bytes, Node] = {}
    places: set[bytes] = set()
    for path, node in sorted(tree.items()):
        above = path.rpartition(b"/")[0]
        if (not above or above in chosen) and fits(path, node, format_) and folded(path) not in places:
            places.add(folded(path))
            chosen[path] = node
    return chosen


@each_format
def test_all_that_ever_made_trouble_comes_back(tmp_path: Path, format_: Format) -> None:
    tree = fitting(by_hand(), format_)

    assert round_trip(tmp_path, format_, tree, level=1) == []
    assert len(tree) > 100


@each_format
@settings(CALM, max_examples=10)
@given(tree=trees(files()))
def test_any_tree_comes_back(tmp_path: Path, format_: Format, tree: dict[bytes, Node]) -> None:
    fitted = fitting(tree, format_) or {b"one": Node(data=b"file")}
    root = Path(tempfile.mkdtemp(dir=tmp_path))

    assert round_trip(root, format_, fitted) == []
    shutil.rmtree(root)


@pytest.mark.parametrize("format_", [Format.ZIP, Format.SEVEN_ZIP])
def test_an_encrypted_tree_comes_back(tmp_path: Path, format_: Format) -> None:
    tree = {
        path: node
        for path, node in fitting(by_hand(), format_).items()
        if path.startswith((b"names", b"empty", b"deep"))
    }

    assert round_trip(tmp_path, format_, tree, password="env:ARCHIVE") == []
