"""Whatever happens to a tree, and wherever an index run is killed, in the end the index is what is there, texts too."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.datasources.local.storage import LocalStorage
from actors.indexing import books, building, draining, updating
from actors.indexing.side import Side
from rota.search.place import SearchPlace
from store.engine import Store
from store.search.opening import open_engine
from tests.integration.actors.conftest import Killed
from tests.integration.actors.indexed import Indexed

# Few names, so that changes meet: prefixes of each other, and around "/" in the order of bytes.
_NAMES = [b"a", b"b", b"a-b", b"a.b", b"a0", b"\xff"]
_ROUNDS = 30 if os.environ.get("ROTA_CAMPAIGN") == "full" else 10


@pytest.fixture(params=["sqlite, tantivy", "postgresql, tantivy", "postgresql, postgresql"])
def indexed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Indexed]:
    """A datasource in each kind of store, with the engines that go with it."""
    database, kind = request.param.split(", ")
    store = Store(request.getfixturevalue("sqlite_url" if database == "sqlite" else "postgres_url"))
    place = SearchPlace(engine=kind, folder=str(tmp_path / "search"))
    engine = open_engine(place, store)
    yield Indexed(store, engine, tmp_path / "files")
    engine.close()
    store.close()


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few at a time of everything, so that a few dozen entries take as many turns as a million."""
    for place, value in (
        (books, ("MOST_DOCUMENTS", 3)),
        (building, ("_PAGE", 5)),
        (building, ("_MOST_FOLDERS", 2)),
        (building, ("_DRAIN_SECONDS", 0.0)),
        (draining, ("_PAGE", 2)),
        (draining, ("MOST_LEFT", 3)),
        (draining, ("READ_SECONDS", 0.0)),
        (building, ("READ_SECONDS", 0.0)),
        (updating, ("MOST_LEFT", 2)),
        (updating, ("MOST_ROWS", 3)),
    ):
        monkeypatch.setattr(place, *value)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_index_is_what_is_there_after_changes_and_kills(
    indexed: Indexed, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    tree = Tree(indexed.root, chance)
    dying = Dying(chance, monkeypatch)
    for n in range(_ROUNDS):
        for _ in range(chance.randint(1, 12)):
            tree.change()
        indexed.sync()
        if n % 5 == 4:
            indexed.rule(language=chance.choice(["none", "english", "german"]))
        _index_through_kills(indexed, tree, chance, dying)

        assert indexed.is_exact(), f"seed {seed}, round {n}"
        for word, paths in tree.words().items():
            assert indexed.find(word) == paths, f"seed {seed}, round {n}"
        assert indexed.unread() == {}
    assert dying.kills >= 3
    found = indexed.check()
    assert (found.missing, found.surplus, found.folders) == (0, 0, 0)


def _index_through_kills(indexed: Indexed, tree: Tree, chance: random.Random, dying: Dying) -> None:
    """Index until a run comes to its end; the tree may change while it works."""
    full = chance.random() < 0.3
    state, attempt = None, 1
    while True:
        run = indexed.new_run(state, attempt=attempt)
        if chance.random() < 0.5:
            run.on_check = lambda n: _disturb(indexed, tree, n)
        dying.after(chance.randint(1, 3) if chance.random() < 0.6 and attempt < 4 else 0)
        try:
            indexed.index(run, full=full)
        except Killed:
            state, attempt = (run.checkpoints or [state])[-1], attempt + 1
            continue
        finally:
            dying.after(0)
        # What a disturbance wrote while the last folder was read is known to the catalog by now.
        indexed.sync()
        indexed.index()
        return


def _disturb(indexed: Indexed, tree: Tree, check: int) -> None:
    if check % 7 == 3:
        tree.change()
        indexed.sync()


class Tree:
    """A tree of folders and files that changes at random; each file has a word of its own."""

    def __init__(self, root: Path, chance: random.Random) -> None:
        self._root = os.fsencode(root)
        self._chance = chance
        self._stamp = 1_000

    def change(self) -> None:
        """Change something, or nothing where that is not possible."""
        path, other = self._path(), self._path()
        deed = self._chance.choice([self._write, self._write, self._write, self._remove, self._move, self._link])
        try:
            deed(path, other)
        except OSError:
            return  # something is in the way

    def words(self) -> dict[str, set[str]]:
        """The words of all files, with the paths at which they are."""
        found: dict[str, set[str]] = {}
        for folder, _, names in os.walk(self._root):
            for name in names:
                path = os.path.join(folder, name)
                if not os.path.islink(path):
                    with open(path, encoding="utf-8") as file:
                        shown = os.path.relpath(path, self._root).decode("utf-8", "replace")
                        found.setdefault(file.read(), set()).add(shown)
        return found

    def _path(self) -> bytes:
        return os.path.join(self._root, *(self._chance.choice(_NAMES) for _ in range(self._chance.randint(1, 3))))

    def _write(self, path: bytes, _: bytes) -> None:
        if os.path.islink(path):
            return
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self._stamp += 1
        with open(path, "wb") as file:
            file.write(b"word%06d" % self._stamp)
        os.utime(path, (self._stamp, self._stamp))

    def _remove(self, path: bytes, _: bytes) -> None:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)

    def _move(self, path: bytes, other: bytes) -> None:
        os.rename(path, other)

    def _link(self, path: bytes, _: bytes) -> None:
        os.symlink("nowhere", path)


class Dying:
    """Ends a run at one of its commits, before it or behind it, or while it reads a file."""

    def __init__(self, chance: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
        self._chance = chance
        self._left = 0
        self.kills = 0
        commit, open_file = Side.commit, LocalStorage.open_file

        def dying_commit(side: Side) -> None:
            dies = side.is_dirty and self._count()
            if dies and self._chance.random() < 0.5:
                raise Killed
            commit(side)
            if dies:
                raise Killed

        def dying_open(storage: LocalStorage, path: bytes) -> object:
            if self._left and self._chance.random() < 0.1 and self._count():
                raise Killed
            return open_file(storage, path)

        monkeypatch.setattr(Side, "commit", dying_commit)
        monkeypatch.setattr(LocalStorage, "open_file", dying_open)

    def after(self, deeds: int) -> None:
        """Die at one of the next deeds; never for 0."""
        self._left = deeds

    def _count(self) -> bool:
        self._left -= 1
        dies = self._left == 0
        self.kills += dies
        return dies
