"""A module of tests that runs an actor in a process of its own, to be killed wherever it is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.waiting import wait_until

_PATIENCE_SECONDS = 60


class KilledProcess:
    """Starts the attempts of one task, one process after the other, and kills some."""

    def __init__(self, module: str, given: dict[str, Any]) -> None:
        """`given` goes to the module as JSON; it prints the result as JSON."""
        self._command = [sys.executable, "-m", f"tests.integration.actors.{module}", json.dumps(given)]

    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=Path(__file__).parents[3]
        )

    def kill_when(self, fact: Callable[[], object], *, after: float = 0.0) -> bool:
        """Start it, and kill it when something is so, or somewhat later; says whether it had not ended by then."""
        process = self.start()
        wait_until(lambda: process.poll() is not None or bool(fact()), timeout=_PATIENCE_SECONDS)
        try:
            process.wait(timeout=after)
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
        return process.returncode == -9

    def finish(self) -> dict[str, Any]:
        """Let it go on to the end and give the result."""
        process = self.start()
        out, _ = process.communicate(timeout=_PATIENCE_SECONDS)
        assert process.returncode == 0, out.decode()
        return json.loads(out)
