"""What the console is made of: handed to the application once, reached from every endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from actors.registry import Registry
from bus.connection import Bus
from console.hit_checks import HitChecks
from console.searching import Searching
from rota.clock import Clock
from rota.settings import Settings
from store.engine import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The rooms below that the console works with; it keeps nothing of its own, so any number of consoles may run."""

    store: Store
    bus: Bus
    actors: Registry
    clock: Clock
    settings: Settings
    searching: Searching
    hit_checks: HitChecks
    """Looks at what searches have found, after they were answered."""


def parts_of(request: Request) -> Parts:
    """Return the parts of the application that got this request."""
    return cast("Parts", request.app.state.parts)


async def _parts(request: Request) -> Parts:
    # Not a plain function: those are sent to a thread, and there is nothing to wait for.
    return parts_of(request)


Given = Annotated[Parts, Depends(_parts)]
"""Ask for this in an endpoint to get the parts."""
