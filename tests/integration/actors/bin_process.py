"""What a forked process does that shall die, or whose calls fail: one actor on datasources with bins; see `forking`."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

from actors.registry import load_registry
from tests.faults.binned import Binned, StoredRun
from tests.faults.mounts import bind

_ACTORS = load_registry(["actors.delete", "actors.restore", "actors.purge", "actors.move"])


class NotingRun(StoredRun):
    """A run whose task, number and last checkpoint are in a file, where its next attempt finds them."""

    def __init__(self, store: Any, notes: str, **options: Any) -> None:
        self._notes = Path(notes)
        known = json.loads(self._notes.read_text()) if self._notes.exists() else {}
        attempt = known.get("attempt", 0) + 1
        super().__init__(store, state=known.get("state"), task=known.get("task"), attempt=attempt, **options)
        self._note(known.get("state"))

    def checkpoint(self, state: Any) -> None:
        super().checkpoint(state)
        self._note(self.checkpoints[-1])

    def _note(self, state: Any) -> None:
        draft = self._notes.with_suffix(".draft")
        draft.write_text(json.dumps({"task": self.task, "attempt": self.attempt, "state": state}))
        draft.replace(self._notes)


def attempt(
    actor: str, params: dict[str, Any], url: str, notes: str, die_at: int = 0, mount: list[str] | None = None
) -> dict[str, Any]:
    """Run an actor, from its last checkpoint; `die_at` is the writing statement or commit of the store to die before."""
    if mount is not None:
        bind(*mount)
    statements = _dying(die_at)
    binned = Binned(url)
    spec = _ACTORS[actor]
    run = NotingRun(binned.store, notes)
    result = spec.fn(run, spec.params.model_validate(params))
    binned.close()
    return {"result": result.model_dump(mode="json"), "log": run.log.lines, "statements": statements[0]}


def _dying(die_at: int) -> list[int]:
    """Count writing statements and their commits in the list that is given, and die before the one of this number.

    With 0 before none. What only reads changes nothing that a death before or after it could leave.
    """
    from sqlalchemy import Engine, event

    count = [0]

    def reach(connection: Any, *_: Any) -> None:
        if connection.get_execution_options().get("writing"):
            count[0] += 1
        if count[0] == die_at > 0:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", reach)
    event.listen(Engine, "commit", reach)
    return count
