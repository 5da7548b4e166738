"""What is being downloaded: the threads that read for it, and how many each person has under way."""

from __future__ import annotations

from collections import Counter

from anyio import CancelScope, CapacityLimiter
from anyio.to_thread import run_sync

from console.api.problems import Problem
from console.content_reading import Content

THREADS = 8
"""Downloads that wait for a storage at the same time: threads of their own, so that nobody else waits for one."""
MOST_OPEN = 32
"""Downloads of one person at the same time: each holds a connection to its storage for as long as its client takes."""
_RETRY_SECONDS = "5"


class Downloads:
    """The downloads of one console; for its event loop."""

    def __init__(self) -> None:
        self.limiter = CapacityLimiter(THREADS)
        self._open: Counter[str] = Counter()

    def begin(self, person: str) -> None:
        """Count one more of somebody's; a Problem is raised where they have enough of them."""
        if self._open[person] >= MOST_OPEN:
            detail = f"you have {MOST_OPEN} downloads under way, which is as many as may be; wait for one of them"
            raise Problem(429, detail, name="too-many-downloads", headers={"Retry-After": _RETRY_SECONDS})
        self._open[person] += 1

    async def end(self, person: str, content: Content | None) -> None:
        """Let go of what one of them held, also while everything is cancelled."""
        try:
            if content is not None:
                with CancelScope(shield=True):
                    await run_sync(content.close, limiter=self.limiter)
        finally:
            self._open[person] -= 1
            if not self._open[person]:
                del self._open[person]
