"""What can be done with a bin: restore from it, delete for good, purge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from starlette.responses import Response

from console.api.answers import documented
from console.api.bin_shaping import ShownBin
from console.api.datasource_work import body_of, read_wish, start_about, write_down
from console.api.file_paths import EntryPaths, FolderOrRoot
from console.api.identity import Asking, Who
from console.api.parts import Given, Parts
from console.api.requests import Body
from console.api.routing import new_router
from console.api.starting import IdempotencyKey, repeated, started
from rota.errors import Refused
from rota.fields import Count, Line, Part, PositiveDuration
from rota.problems import FieldError
from scheduler.admission.admitting import Admitted
from store.queries import bin_items, datasources

router = new_router(tag="bin")

RESTORE_JOB = "restore-items"
PURGE_JOB = "purge-bin"
_MOST = 500

Items = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=300)], ...], Field(max_length=_MOST)]


class ItemsWish(Part):
    """Which items."""

    items: Items = Field(min_length=1, description="Ids of items.")


class RestoreWish(Part):
    """What comes back, and where to."""

    items: Items = Field(default=(), description="Ids of items.")
    paths: EntryPaths = Field(default=(), description="Where items were: of each path the one that was deleted last.")
    target: FolderOrRoot = Field(default="", description="Folder that they are put in; where they were if left out.")
    conflict: Literal["skip", "number"] = Field(
        default="skip", description="Where something is there already: leave the item in the bin, or number its name."
    )

    @model_validator(mode="after")
    def _about_something(self) -> RestoreWish:
        if not self.items and not self.paths:
            raise FieldError(("items",), "is required, or paths: it says what is to be restored")
        return self


class PurgeWish(Part):
    """What goes beside what the rules say; what is left out leaves it at the rules."""

    older_than: PositiveDuration | None = Field(default=None, description="What was deleted longer ago than this.")
    max_size: Annotated[Count, Field(ge=1)] | None = Field(default=None, description="Most bytes that stay.")
    max_items: Annotated[Count, Field(ge=1)] | None = Field(default=None, description="Most items that stay.")
    user: Line | None = Field(default=None, description="Only what this user deleted.")
    folder: FolderOrRoot | None = Field(default=None, description="Only what was in this folder or below it.")
    items_per_second: float | None = Field(default=None, gt=0, description="Most items that go in a second.")


class PurgeConfirmation(Part):
    """How many items somebody has looked at and wants gone."""

    items: Count = Field(ge=1, description="As many as `recycled.doubt.items` of the datasource says.")


def _started(model: type[Part], **more: Any) -> dict[str, Any]:
    return documented("Started", status=202, body=body_of(model), headers=("Location",), **more)


@router.post("/datasources/{name}/bin/restore", **_started(RestoreWish))
def restore_items(name: str, parts: Given, who: Asking, body: Body, key: IdempotencyKey = None) -> Response:
    """Bring items back to where they were, or into another folder; what is there is never replaced."""
    return started(restore(parts, who, name, read_wish(body, RestoreWish), key=key))


@router.post("/datasources/{name}/bin/delete", **_started(ItemsWish))
def delete_items(name: str, parts: Given, who: Asking, body: Body, key: IdempotencyKey = None) -> Response:
    """Delete items for good; 409 if one of them is held."""
    return started(delete(parts, who, name, read_wish(body, ItemsWish).items, key=key))


@router.post("/datasources/{name}/bin/purge", **_started(PurgeWish, needs_body=False))
def purge_bin(name: str, parts: Given, who: Asking, body: Body, key: IdempotencyKey = None) -> Response:
    """Delete for good what the rules of the bin, or these, let go; the result of the run says what stayed and why."""
    return started(purge(parts, who, name, read_wish(body, PurgeWish), key=key))


@router.post("/datasources/{name}/bin/dry-run", **_started(PurgeWish, needs_body=False))
def dry_run(name: str, parts: Given, who: Asking, body: Body, key: IdempotencyKey = None) -> Response:
    """Find out what a purge would delete; the result of the run lists it, and nothing goes."""
    return started(purge(parts, who, name, read_wish(body, PurgeWish), dry=True, key=key))


@router.post("/datasources/{name}/bin/confirm", **_started(PurgeConfirmation))
def confirm_purge(name: str, parts: Given, who: Asking, body: Body, key: IdempotencyKey = None) -> Response:
    """Confirm as many items as the last purge held back, which starts a purge; 409 if there are not that many."""
    return started(confirm(parts, who, name, read_wish(body, PurgeConfirmation).items, key=key))


def restore(parts: Parts, who: Who, name: str, wish: RestoreWish, *, key: str | None = None) -> Admitted:
    """Start to restore items; NotFound if one is not in the bin."""
    if repeated(parts, who, RESTORE_JOB, key) is None:
        with parts.store.reading() as conn:
            datasources.get(conn, name)
            bin_items.find(conn, name, wish.items)
            for path in wish.paths:
                bin_items.at_path(conn, name, path.encode("utf-8", "surrogateescape"))
    given = wish.model_dump(mode="json", exclude_defaults=True)
    admitted = start_about(parts, who, RESTORE_JOB, name, given, key=key)
    write_down(parts, who, "bin.restore", name, admitted, items=len(wish.items) + len(wish.paths))
    return admitted


def delete(parts: Parts, who: Who, name: str, items: Sequence[str], *, key: str | None = None) -> Admitted:
    """Start to delete items for good; NotFound if one is not in the bin, Refused if one is held."""
    if repeated(parts, who, PURGE_JOB, key) is None:
        with parts.store.reading() as conn:
            shown = ShownBin.of(datasources.get(conn, name))
            held = [item for item in bin_items.find(conn, name, items) if shown.is_held(item)]
        if held:
            said = held[0].original_path.decode("utf-8", "replace")
            why = held[0].hold or f"the rules hold {shown.held_by(held[0])}"
            others = f", and {len(held) - 1:,} more" if len(held) > 1 else ""
            raise Refused(f"{said} is held ({why}){others}; release what is to go")
    admitted = start_about(parts, who, PURGE_JOB, name, {"items": list(items)}, key=key)
    write_down(parts, who, "bin.delete", name, admitted, items=len(items))
    return admitted


def purge(parts: Parts, who: Who, name: str, wish: PurgeWish, *, dry: bool = False, key: str | None = None) -> Admitted:
    """Start a purge of a bin, or find out what one would take."""
    given = wish.model_dump(mode="json", exclude_defaults=True)
    admitted = start_about(parts, who, PURGE_JOB, name, {**given, "dry_run": True} if dry else given, key=key)
    if not dry:
        write_down(parts, who, "bin.purge", name, admitted, wish=given)
    return admitted


def confirm(parts: Parts, who: Who, name: str, items: int, *, key: str | None = None) -> Admitted:
    """Start a purge that may take as many items as the last one held back.

    It is asked for what that one was asked for. Raises Refused unless exactly that many wait: what somebody has not
    looked at is not confirmed.
    """
    before = repeated(parts, who, PURGE_JOB, key)
    asked: Mapping[str, Any]
    if before is not None:
        asked = {param: given for param, given in before.params.items() if param != "datasource"}
    else:
        with parts.store.reading() as conn:
            datasources.get(conn, name)
            doubt = bin_items.state(conn, name).doubt
        if doubt is None:
            raise Refused(f"no purge of {name} waits to be confirmed")
        if doubt["items"] != items:
            raise Refused(f"{doubt['items']:,} items of {name} wait by now, not {items:,}; look at them again")
        asked = doubt.get("asked") or {}
    admitted = start_about(parts, who, PURGE_JOB, name, {**asked, "confirmed": items}, key=key)
    write_down(parts, who, "bin.confirm", name, admitted, items=items)
    return admitted
