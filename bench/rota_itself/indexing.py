"""Rota: how fast the actor `index` brings small text files into the search index, from the catalog to the last commit.

The files are small real documents of this machine, copied into folders of 100. A first index is built, everything is
read anew beside it, then 1,000 files change, and then 1,000 move. Each run is a process of its own
(`python -m bench.rota_itself.indexing STATE ROOT`), which tells how long it took, without the start of the
interpreter, and how large it and its reading processes became.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from actors.index import IndexParams, index
from actors.stored import StoredDatasources
from actors.sync import SyncParams, sync
from actors.testing import RecordingRun
from bench.measurement import Measurement, median_of
from bench.rota_itself.documents import find_corpus
from store.engine import Store
from store.queries import datasources
from store.records import DatasourceRecord
from store.search.tantivy.engine import TantivyEngine

FIRST = "rota, first index"
_NAME = "files"
_ENTRIES_PER_TEXT = 20
_FOLDER_FILES = 100
_CHANGED = 1_000


class _StoredRun(RecordingRun):
    """A run on what is stored."""

    def __init__(self, stored: StoredDatasources) -> None:
        super().__init__(catalogs=stored.catalog, indexes=stored.index)
        self.datasource = stored.datasource  # type: ignore[method-assign]

    def emit(self, type: str, data: Any, subject: str | None = None) -> None:  # noqa: A002 -- CloudEvents' own word
        """Forget an event: they are the bus's matter."""


def measure_indexing(*, entries: int, rounds: int, what: str) -> list[Measurement]:
    """Index a file for every 20 entries; the median counts."""
    corpus = find_corpus(entries // _ENTRIES_PER_TEXT)
    passes = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="rota-bench-") as folder:
            passes.append(_measured(Path(folder), corpus.paths, corpus.note, what))
    return [median_of(column) for column in zip(*passes, strict=True)]


def _measured(folder: Path, paths: Sequence[str], note: str, what: str) -> list[Measurement]:
    root, state = folder / "root", folder / "state"
    _make_tree(root, paths)
    state.mkdir()
    first = _process(state, root)
    steps: tuple[tuple[str, Callable[[Path], None], tuple[str, ...]], ...] = (
        ("rota, all of it anew beside the live one", lambda _: None, ("--full",)),
        # It compares whole folders, so the first of these is the most that so few changes can cost.
        (f"rota, {_CHANGED:,} files changed in all folders", partial(_change, of_all=True), ()),
        (f"rota, {_CHANGED:,} files changed in few folders", partial(_change, of_all=False), ()),
        (f"rota, {_CHANGED:,} files moved", _move, ()),
    )
    measured = [_measurement(FIRST, first, what, note)]
    for name, act, arguments in steps:
        act(root)
        said = _process(state, root, *arguments)
        measured.append(_measurement(name, said, what, f"1/{first['seconds'] / said['seconds']:.0f} of the first"))
    return measured


def _measurement(name: str, said: dict[str, Any], what: str, note: str) -> Measurement:
    own, readers = (peak / 1e6 for peak in said["peaks"])
    return Measurement(
        what=what,
        name=name,
        version=version("rota"),
        per_second=said["documents"] / said["seconds"],
        note=f"{said['seconds']:.2f} s, {said['read']:,} read; peak {own:,.0f} MB and {readers:,.0f} MB; {note}",
    )


def _make_tree(root: Path, paths: Sequence[str]) -> None:
    for number, path in enumerate(paths):
        folder = root / f"folder-{number // _FOLDER_FILES:04}"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / f"{number:06}.txt")


def _change(root: Path, *, of_all: bool) -> None:
    """Change some files of all folders, or all files of some."""
    files = sorted(root.rglob("*.txt"))
    step = max(1, len(files) // _CHANGED) if of_all else 1
    for path in files[::step][:_CHANGED]:
        with path.open("a") as file:
            file.write(" and one word more")


def _move(root: Path) -> None:
    """Move whole folders."""
    for folder in sorted(root.iterdir())[: _CHANGED // _FOLDER_FILES]:
        folder.rename(folder.with_name(f"moved-{folder.name}"))


def _process(state: Path, root: Path, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.rota_itself.indexing", str(state), str(root), *arguments]
    said: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("state", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("--full", action="store_true")
    options = parser.parse_args()
    store = Store(f"sqlite:///{options.state / 'rota.db'}")
    store.upgrade()
    engine = TantivyEngine(options.state / "search")
    with store.writing() as conn:
        datasources.save(conn, DatasourceRecord(name=_NAME, kind="local", root=str(options.root)), at=1)
    run = _StoredRun(StoredDatasources(store, run="bench", task="task", engine=lambda: engine))
    sync(run, SyncParams(datasource=_NAME, allow_deletions=True))
    # So it is in a worker, too, where each run begins as a copy of a process without garbage; see `workers.nursery`.
    gc.collect()
    gc.freeze()
    begin = time.monotonic()
    result = index(run, IndexParams(datasource=_NAME, full=options.full))
    seconds = time.monotonic() - begin
    engine.close()
    store.close()
    peaks = [resource.getrusage(who).ru_maxrss * 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(json.dumps({"seconds": seconds, "documents": result.documents, "read": result.read, "peaks": peaks}))


if __name__ == "__main__":
    main()
