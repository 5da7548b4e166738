"""Whatever is in a bin: what a dry run lists is what the purge removes, less what was restored in between."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.datasources.storage import Datasource
from rota.ids import new_id
from tests.integration.actors.recycled import Recycling, visible
from tests.trees import make_tree

_ITEMS = st.lists(
    st.tuples(
        st.integers(0, 60),  # days since it was deleted
        st.sampled_from(["plain", "held", "claimed", "left", "unrecorded", "touched", "restored", "kept"]),
        st.sampled_from([b"", b"12345", {"in": {"deep": b"xyz"}}]),
        st.sampled_from(["anna", "bert"]),
    ),
    max_size=10,
)
_RULES = st.fixed_dictionaries(
    {
        "keep": st.sampled_from([None, "P20D", "P40D"]),
        "max_size": st.sampled_from([None, 4, 12]),
        "max_items": st.sampled_from([None, 2, 5]),
        "per": st.sampled_from(["datasource", "user"]),
        "hold": st.sampled_from([(), ("f1", "deep")]),
    }
)


@settings(deadline=None, max_examples=25)
@given(items=_ITEMS, rules=_RULES)
def test_a_dry_run_foretells_the_purge(items: list[Any], rules: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory(prefix="rota-bins-") as folder:
        bins = Recycling(Datasource(name="files", root=folder))
        bins.use(**rules)
        restored, touched = _fill(bins, items)
        outside = visible(bins.root)

        foretold = bins.purge(dry_run=True)
        assert visible(bins.root) == outside
        back = [path for path in restored if bins.restore(path).restored]
        result = bins.purge()

        assert visible(bins.root).keys() == outside.keys() | _whole(bins.root, back)
        removed = {each.path for each in result.items}
        if back and (rules["max_size"] or rules["max_items"]):
            # What came back makes room: less has to go, never more.
            assert removed <= {each.path for each in foretold.items} - {*back, *touched}
        else:
            assert removed == {each.path for each in foretold.items} - {*back, *touched}
        assert removed.isdisjoint(path.decode() for path in bins.originals())
        assert len(bins.in_bin()) == sum(item.recycled.items for item in bins.items())


def _fill(bins: Recycling, items: list[Any]) -> tuple[list[str], list[str]]:
    """Bring items into the bin, and give those that come back later, and those that were touched."""
    bins.memory.open_tasks.add("open")
    restored, touched = [], []
    for number, (days, manner, content, person) in enumerate(items):
        name = f"f{number}"
        bins.person = person
        if manner == "unrecorded":
            make_tree(bins.bin, {new_id(): {name: content}})
            continue
        make_tree(bins.root, {name: content})
        bins.delete(name)
        bins.age(name, days)
        item = bins.item(name)
        if manner == "held":
            bins.memory.hold(item.id, "a case")
        elif manner in {"claimed", "left"}:
            task = "open" if manner == "claimed" else "ended"
            bins.records_of(bins.new_run(task=task)).claim([item.id], "purge")
        elif manner == "kept":
            bins.change(name, keep_until=item.recycled.deleted_at)
        elif manner == "restored":
            restored.append(name)
        elif manner == "touched" and isinstance(content, bytes):
            bins.place_of(name).write_bytes(b"somebody works with it")
            touched.append(name)
    return restored, touched


def _whole(root: Path, names: list[str]) -> set[str]:
    """Give the paths of these entries and of all that is in them."""
    below = {str(path.relative_to(root)) for name in names for path in (root / name).rglob("*")}
    return below | set(names)
