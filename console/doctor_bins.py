"""What `rota doctor` looks at for the recycle bins: whether a purge waits for somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.findings import OK, WARN, Finding

if TYPE_CHECKING:
    from rota.settings import Settings
    from store.engine import Store


def bin_check(store: Store, _: Settings) -> Finding:
    """Tell which purges are held back until somebody confirms them."""
    from store.queries import bin_items

    with store.reading() as conn:
        doubts = {name: state.doubt for name, state in bin_items.states(conn).items() if state.doubt}
    if not doubts:
        return Finding(what="bins", level=OK, said="no purge is held back")
    said = " | ".join(f"{name}: {doubt['items']:,} items, {doubt['reason']}" for name, doubt in sorted(doubts.items()))
    advice = "look at them with `rota bin confirm NAME` and confirm, or correct the rules or the clock"
    return Finding(what="bins", level=WARN, said=f"a purge is held back of {said}", advice=advice)
