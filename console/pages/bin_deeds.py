"""The forms of the page of a bin: restore, find out what a purge takes, delete for good, purge, hold, release."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import Request
from pydantic import ValidationError
from starlette.responses import Response

from console.api.bin_holds import HoldWish, hold, release
from console.api.bin_shapes import BinItemShape
from console.api.bin_shaping import ShownBin
from console.api.bin_work import PurgeWish, RestoreWish, confirm, delete, purge, restore
from console.api.identity import Asking, Who
from console.api.parts import Given, Parts
from console.api.problems import Problem
from console.api.routing import new_router
from console.pages.forms import Filled, Form
from console.pages.notices import Notice, go
from console.pages.showing import show
from console.pages.starting import begun
from rota.errors import NotFound, Refused
from rota.problems import problems_of
from store.queries import bin_items, datasources

router = new_router(prefix="", in_schema=False)

_MOST = 500
_SHOWN = 20


@router.post("/datasources/{name}/bin")
def act(name: str, parts: Given, who: Asking, form: Filled) -> Response:
    """Restore the chosen items, or find out what a purge would take."""
    deed = form.one("deed")
    here = f"/datasources/{name}/bin"
    if deed == "dry_run":
        return begun(here, lambda: purge(parts, who, name, PurgeWish(), dry=True))
    if deed == "typed":  # the Enter key in a field
        deed = "restore_to" if form.one("target").strip() else deed
        if deed == "typed":
            return go(form.back(here), Notice("Nothing was done: use the buttons below the list.", good=False))
    if deed not in ("restore", "restore_to"):
        raise Problem(400, "the form says nothing that can be done")
    given: dict[str, Any] = {"items": _chosen(form)}
    if not given["items"]:
        return go(form.back(here), Notice("Nothing was chosen.", good=False))
    if deed == "restore_to":
        given |= {"target": form.one("target").strip(), "conflict": form.one("conflict", "skip")}
    try:
        wish = RestoreWish.model_validate(given)
    except ValidationError as error:
        return _not_done(form.back(here), "; ".join(str(each) for each in problems_of(error, RestoreWish)))
    return begun(here, lambda: restore(parts, who, name, wish))


@router.post("/datasources/{name}/bin/purge")
def act_for_good(request: Request, name: str, parts: Given, who: Asking, form: Filled) -> Response:
    """Delete the chosen items for good once somebody was told what that is; purge, confirm a purge, hold, release."""
    deed = form.one("deed")
    here = f"/datasources/{name}/bin"
    if deed == "purge":
        return begun(here, lambda: purge(parts, who, name, PurgeWish()))
    if deed == "confirm" and form.one("count").isdecimal():
        return begun(here, lambda: confirm(parts, who, name, int(form.one("count"))))
    items, back = _chosen(form), form.back(here)
    if not items:
        return go(back, Notice("Nothing was chosen.", good=False))
    about: dict[str, Callable[[], Response]] = {
        "ask": lambda: _ask(request, parts, who, name, items),
        "delete": lambda: begun(here, lambda: delete(parts, who, name, items)),
        "release": lambda: _changed(back, "released", lambda: release(parts, who, name, items)),
        "hold": lambda: _hold(parts, who, name, back, given={"items": items, "reason": form.one("reason").strip()}),
    }
    if deed not in about:
        raise Problem(400, "the form says nothing that can be done")
    return about[deed]()


def _ask(request: Request, parts: Parts, who: Who, name: str, items: list[str]) -> Response:
    """Show what would be deleted for good, how much it is, and what of it is held."""
    with parts.store.reading() as conn:
        shown = ShownBin.of(datasources.get(conn, name))
        try:
            found = [shown.shape(item) for item in bin_items.find(conn, name, items)]
        except NotFound:
            return _not_done(f"/datasources/{name}/bin", "some of it has left the bin meanwhile")
    held = [item for item in found if _is_held(item)]
    going = [item for item in found if not _is_held(item)]
    size = sum(item.size for item in going)
    return show(request, "bin_ask.html", who, name=name, going=going, held=held, size=size, most=_SHOWN)


def _is_held(item: BinItemShape) -> bool:
    return item.hold is not None or item.hold_pattern is not None


def _hold(parts: Parts, who: Who, name: str, back: str, *, given: dict[str, Any]) -> Response:
    try:
        wish = HoldWish.model_validate(given)
    except ValidationError as error:
        return _not_done(back, "; ".join(str(each) for each in problems_of(error, HoldWish)))
    return _changed(back, "held", lambda: hold(parts, who, name, wish.items, wish.reason))


def _changed(back: str, word: str, change: Callable[[], list[str]]) -> Response:
    try:
        count = len(change())
    except (NotFound, Refused) as error:
        return _not_done(back, str(error))
    if not count:
        return go(back, Notice(f"They were {word} already." if word == "held" else "None of them was held."))
    return go(back, Notice(f"{count} {'item is' if count == 1 else 'items are'} {word}."))


def _not_done(back: str, why: str) -> Response:
    return go(back, Notice(f"Not done: {why}.", good=False))


def _chosen(form: Form) -> list[str]:
    items = list(dict.fromkeys(form.every("items")))
    if len(items) > _MOST:
        raise Problem(400, f"a form may be about {_MOST} items at most")
    return items
