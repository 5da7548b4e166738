"""How a sync went: what a run reports, and what a killed one had by its last checkpoint."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from actors.syncing.resume import Counts
from actors.syncing.writer import MOST_EXAMPLES, Example


@dataclass(slots=True)
class Report:
    """How the syncs of one datasource, or of several, went."""

    counts: Counts = field(default_factory=Counts)
    duration_ms: int = 0
    found: dict[str, int] = field(default_factory=dict)
    """What they came by besides entries, without zeros."""
    examples: dict[str, list[Example]] = field(default_factory=dict)

    def add(self, other: Report) -> None:
        """Add how another one went."""
        self.counts.add(other.counts)
        self.duration_ms += other.duration_ms
        for name, count in other.found.items():
            self.found[name] = self.found.get(name, 0) + count
        for kind, examples in other.examples.items():
            known = self.examples.setdefault(kind, [])
            known += examples[: MOST_EXAMPLES - len(known)]

    def to_json(self) -> dict[str, Any]:
        """Give it as part of a checkpoint, without the examples."""
        return {"counts": asdict(self.counts), "duration_ms": self.duration_ms, "found": self.found}

    @classmethod
    def of(cls, state: dict[str, Any]) -> Report:
        """Read it from a checkpoint; nothing from none."""
        if "counts" not in state:
            return cls()
        return cls(Counts(**state["counts"]), state["duration_ms"], state["found"])
