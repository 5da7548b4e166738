"""Legal hold: items that stay in the bin whatever the rules say, until somebody releases them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pydantic import Field
from starlette.responses import Response

from console.api.answers import documented, reply
from console.api.bin_work import ItemsWish
from console.api.datasource_work import body_of, read_wish
from console.api.deeds import deed
from console.api.identity import Asking, Who
from console.api.parts import Given, Parts
from console.api.requests import Body
from console.api.routing import new_router
from rota.fields import Line
from store.engine import Connection
from store.queries import audit, bin_holds, datasources

router = new_router(tag="bin")


class HoldWish(ItemsWish):
    """Which items must stay, and why."""

    reason: Line = Field(min_length=1, description="Why, for whoever wonders later.")


@router.post("/datasources/{name}/bin/hold", **documented("Changed", body=body_of(HoldWish)))
def hold_items(name: str, parts: Given, who: Asking, body: Body) -> Response:
    """Keep items from every purge until they are released; answers with those of which that is new."""
    wish = read_wish(body, HoldWish)
    return reply({"changed": hold(parts, who, name, wish.items, wish.reason)})


@router.post("/datasources/{name}/bin/release", **documented("Changed", body=body_of(ItemsWish)))
def release_items(name: str, parts: Given, who: Asking, body: Body) -> Response:
    """Let items go when their time comes; answers with those that were held."""
    return reply({"changed": release(parts, who, name, read_wish(body, ItemsWish).items)})


def hold(parts: Parts, who: Who, name: str, items: Sequence[str], reason: str) -> list[str]:
    """Keep items from every purge, and return those of which that is new."""
    return _changed(parts, who, name, "bin.hold", lambda conn: bin_holds.hold(conn, name, items, reason), reason=reason)


def release(parts: Parts, who: Who, name: str, items: Sequence[str]) -> list[str]:
    """Let items go when their time comes, and return those that were held."""
    return _changed(parts, who, name, "bin.release", lambda conn: bin_holds.release(conn, name, items))


def _changed(
    parts: Parts, who: Who, name: str, action: str, change: Callable[[Connection], list[str]], **detail: Any
) -> list[str]:
    now = parts.clock.now_ms()
    with parts.store.writing() as conn:
        datasources.get(conn, name)
        changed = change(conn)
        if changed:
            audit.add(conn, [deed(who, action, f"datasource:{name}", now, items=changed, **detail)])
    return changed
