"""Deletions, restores, moves and purges of the same few items, that break somewhere and are judged by what lies where."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.binned import FILES, OTHER, Binned
from tests.faults.forking import Ending, Forking
from tests.faults.manifests import Manifest, manifest, manifest_of, places_of
from tests.trees import Link, make_tree

FILES_ONLY: Mapping[str, Any] = {
    "alone": b"a file of its own",
    "tree": {"one": b"1" * 3_000, "two": b"", "inner": {"three": b"333"}, "empty": {}},
}
ITEMS: Mapping[str, Any] = {
    **FILES_ONLY,
    "tree": {**FILES_ONLY["tree"], "inner": {"three": b"333", "link": Link("three")}},
    "way": Link("alone"),
}
BYSTANDER = {"stays": {"file": b"not asked about", "alone": b"named alike"}}
_TRIES = 4
_ID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@dataclass(frozen=True)
class Deed:
    """What is done to the items, and where they are before and afterwards."""

    name: str
    actor: str
    params: Mapping[str, Any]
    before: str
    """`source` or `bin`."""
    after: str
    """`source`, `bin`, `target`, or `nowhere`."""
    target: str = FILES
    """The datasource in whose folder `into` the target is."""
    by_steps: bool = False
    """Whether an item goes file by file, so that it may be in two places for a while."""
    items: Mapping[str, Any] = field(default_factory=lambda: ITEMS)
    there: Mapping[str, Any] = field(default_factory=dict)
    """What is in the target already: folders of the same names, which are merged."""
    fewest: int = 10
    """So many calls it makes at least."""

    def expected(self, name: str) -> Manifest:
        """What an item is when all is done."""
        return {**manifest_of(self.items[name]), **(manifest_of(self.there[name]) if name in self.there else {})}


DEEDS = (
    Deed("delete", "delete", {"datasource": FILES, "paths": list(ITEMS)}, "source", "bin"),
    Deed("restore", "restore", {"datasource": FILES}, "bin", "source"),
    Deed(
        "move",
        "move",
        {"datasource": FILES, "paths": list(FILES_ONLY), "target": "into"},
        "source",
        "target",
        items={**FILES_ONLY, "tree": ITEMS["tree"]},
        fewest=2,
    ),
    Deed(
        "merge",
        "move",
        {"datasource": FILES, "paths": list(FILES_ONLY), "target": "into"},
        "source",
        "target",
        by_steps=True,
        items=FILES_ONLY,
        there={"tree": {"another": b"was there", "inner": {"four": b"was there"}}},
        fewest=5,
    ),
    Deed(
        "move to another",
        "move",
        {"datasource": FILES, "paths": list(FILES_ONLY), "target": "into", "target_datasource": OTHER},
        "source",
        "target",
        target=OTHER,
        by_steps=True,
        items=FILES_ONLY,
    ),
    Deed("purge", "purge", {"datasource": FILES, "confirmed": 1_000}, "bin", "nowhere"),
)


class Scene:
    """One deed, in folders and a store of its own."""

    def __init__(self, folder: Path, template: Path, deed: Deed, forking: Forking) -> None:
        self.folder = folder / "storages"
        self._deed = deed
        self._forking = forking
        self._notes = folder / "notes"
        self.leftovers: list[str] = []
        """What the deed left, before it was cleaned up; ids are written as `ID`."""
        self.root, self.other = self.folder / FILES, self.folder / OTHER
        make_tree(self.root, {**deed.items, **BYSTANDER, "into": {}})
        make_tree(self.other, {"into": {}})
        make_tree((self.root if deed.target == FILES else self.other) / "into", deed.there)
        self._store = folder / "rota.db"
        shutil.copyfile(template, self._store)
        self._binned = Binned(f"sqlite:///{self._store}")
        self._binned.define(FILES, self.root)
        self._binned.define(OTHER, self.other)
        if deed.before == "bin":
            ending = self._ask("delete", {"datasource": FILES, "paths": list(deed.items)}, notes="before")
            assert ending.error == ""
            self._binned.age(400)
        self._items = [os.fsdecode(record["bin_path"]).partition("/")[0] for record in self._binned.records()]

    def act(self, die_at: int = 0) -> Ending:
        """Do it, from the last checkpoint if there is one."""
        params = dict(self._deed.params)
        if self._deed.actor == "restore":
            params["items"] = self._items
        if self._deed.actor == "move" and not self._notes.exists():
            # Whoever asks anew does not ask for what is not there any more.
            params["paths"] = [path for path in params["paths"] if os.path.lexists(self.root / path)]
        return self._ask(self._deed.actor, params, notes="notes", die_at=die_at)

    def finish(self, where: str, *, anew: bool) -> None:
        """Do it again until it ends well: the next attempts of the same task, or a task of its own each time.

        What goes file by file between two storages is only finished by the same task.
        """
        errors: list[str] = []
        for _ in range(_TRIES):
            if anew and not self._deed.by_steps:
                self._notes.unlink(missing_ok=True)
            ending = self.act()
            if not ending.error:
                self._tidy(where)
                return
            errors.append(ending.error)
        raise AssertionError(f"{where}: it does not end well: {errors[0]} {errors[-1]}")

    def _tidy(self, where: str) -> None:
        """Let those jobs run that come by every day, and note what they found."""
        self.leftovers = [re.sub(_ID, "ID", place) for place in self._left_over()]
        daily: list[tuple[str, dict[str, Any]]] = [("purge", {})] if self._deed.after == "bin" else []
        daily.append(("clean-leftovers", {"older_than": "PT0.001S"}))
        for actor, params in daily:
            for name in {FILES, self._deed.target}:
                ending = self._ask(actor, {"datasource": name, **params}, notes=f"daily-{actor}-{name}")
                assert ending.error == "", where

    def close(self) -> None:
        """Remove everything."""
        self._binned.close()
        shutil.rmtree(self.folder.parent)

    # --- what must be so ---------------------------------------------------------------------------------------

    def judge_broken(self, where: str) -> None:
        """Fail if anything was lost or is half where people look for it; a purge may lose what it was asked to."""
        if self._deed.after == "nowhere":
            return
        for name, node in self._deed.items.items():
            found = self._places(name)
            if not self._deed.by_steps:
                whole = [place for place, there in found.items() if there == manifest_of(node)]
                assert len(whole) == len(found) == 1, f"{where}: {name!r} is in {sorted(found)}, whole in {whole}"
                continue
            for path, content in manifest_of(node).items():
                pieces = [there[path] for there in found.values() if path in there]
                assert content in pieces, f"{where}: {name}{path} is lost: {sorted(found)}"
                assert set(pieces) == {content}, f"{where}: {name}{path} is half somewhere: {sorted(found)}"

    def judge_done(self, where: str = "nothing failed") -> None:
        """Fail unless each item is whole where it should be, and nothing of it is anywhere else."""
        for name in self._deed.items:
            found = self._places(name)
            if self._deed.after == "nowhere":
                assert found == {}, f"{where}: {name!r} is still in {sorted(found)}"
                continue
            assert list(found.values()) == [self._deed.expected(name)], f"{where}: {name!r} is in {sorted(found)}"
            assert self._kind_of(next(iter(found))) == self._deed.after, f"{where}: {name!r} is in {sorted(found)}"
        assert manifest(self.root / "stays") == manifest_of(BYSTANDER["stays"]), where
        self._judge_records(where)
        assert self._left_over() == [], f"{where}: nobody cleans this up"

    def _judge_records(self, where: str) -> None:
        """The store knows exactly what is in the bin, and so does what lies beside it."""
        known = sorted(os.fsdecode(record["bin_path"]) for record in self._binned.records())
        bin_ = self.root / ".rota" / "bin"
        there = sorted(f"{path.parent.name}/{path.name}" for path in bin_.glob("*/*"))
        assert known == there, f"{where}: the store knows of {known}, there is {there}"
        assert len(there) == (len(self._deed.items) if self._deed.after == "bin" else 0), where
        beside = sorted(path.stem for path in bin_.glob("*.trashinfo"))
        assert beside == sorted(path.partition("/")[0] for path in known), where
        assert {record["claimed_by"] for record in self._binned.records()} <= {None}, where

    def _left_over(self) -> list[str]:
        """Whatever is private and has no use any more."""
        used = {path for folder in ("bin", "tomb") for path in (f".rota/{folder}", ".rota")}
        known = {os.fsdecode(record["bin_path"]).partition("/")[0] for record in self._binned.records()}
        used |= {f".rota/bin/{item}{suffix}" for item in known for suffix in ("", ".trashinfo")}
        found = []
        for root in (self.root, self.other):
            for path in root.rglob("*"):
                place = str(path.relative_to(root))
                inside = any(place.startswith(f".rota/bin/{item}/") for item in known)
                if ".rota" in place and place not in used and not inside:
                    found.append(place)
        return found

    def _places(self, name: str) -> dict[str, Mapping[str, Any]]:
        """Where an item is, whole or in part, and what is there."""
        tops = {FILES: self.root, OTHER: self.other}
        places = [
            (f"{top}/{place.relative_to(root)}", place) for top, root in tops.items() for place in places_of(name, root)
        ]
        return {said: manifest(place) for said, place in places if "/stays/" not in said}

    def _kind_of(self, place: str) -> str:
        if "/.rota/bin/" in place:
            return "bin"
        if place.startswith(f"{self._deed.target}/into/"):
            return "target"
        return "source" if place.startswith(FILES) else "elsewhere"

    def _ask(self, actor: str, params: Mapping[str, Any], *, notes: str, die_at: int = 0) -> Ending:
        return self._forking.ask(
            actor=actor, params=dict(params), url=self._binned.url, notes=str(self.folder.parent / notes), die_at=die_at
        )
