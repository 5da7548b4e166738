"""Work on the files of a datasource: delete, copy, move, rename, make folders, checksums.

Each of these starts a run; its result says what was done, and what was not and why.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from console.api.answers import documented
from console.api.datasource_work import body_of, read_wish, start_about, write_down
from console.api.file_wishes import CarryWish, FoldersWish, HashWish, PathsWish, RenameWish, VerifyWish
from console.api.identity import Asking, Who
from console.api.parts import Given, Parts
from console.api.requests import Body
from console.api.routing import new_router
from console.api.starting import IdempotencyKey, repeated, started
from rota.fields import Part
from scheduler.admission.admitting import Admitted
from store.queries import datasources

router = new_router(tag="files")

DELETE_JOB = "delete-entries"
JOBS = {
    "copy": "copy-entries",
    "move": "move-entries",
    "mkdir": "make-folder",
    "rename": "rename-entries",
    "hash": "hash-entries",
    "verify": "verify-entries",
}
"""The job of each kind of work."""


def _started(model: type[Part], **more: Any) -> dict[str, Any]:
    return documented("Started", status=202, body=body_of(model), headers=("Location",), **more)


@router.post("/datasources/{name}/delete", **_started(PathsWish))
def delete_entries(name: str, parts: Given, who: Asking, body: Body, key: IdempotencyKey = None) -> Response:
    """Move files and folders into the bin; where the rules of the bin leave something out, it is deleted for good."""
    return started(delete(parts, who, name, read_wish(body, PathsWish), key=key))


@router.post("/datasources/{name}/delete-for-good", **_started(PathsWish))
def delete_entries_for_good(name: str, parts: Given, who: Asking, body: Body, key: IdempotencyKey = None) -> Response:
    """Delete files and folders past the bin."""
    return started(delete(parts, who, name, read_wish(body, PathsWish), for_good=True, key=key))


@router.post("/datasources/{name}/copy", **_started(CarryWish))
def copy_entries(name: str, parts: Given, who: Asking, body: Body, key: IdempotencyKey = None) -> Response:
    """Copy files and folders into a folder, of this datasource or of another one."""
    return started(begin(parts, who, "copy", name, read_wish(body, CarryWish), key=key))


@router.post("/datasources/{name}/move", **_started(CarryWish))
def move_entries(name: str, parts: Given, who: Asking, body: Body, key: IdempotencyKey = None) -> Response:
    """Move files and folders into a folder; to another datasource they are copied, verified, and then deleted here."""
    return started(begin(parts, who, "move", name, read_wish(body, CarryWish), key=key))


@router.post("/datasources/{name}/folders", **_started(FoldersWish))
def make_folders(name: str, parts: Given, who: Asking, body: Body, key: IdempotencyKey = None) -> Response:
    """Make folders, with those above them."""
    return started(begin(parts, who, "mkdir", name, read_wish(body, FoldersWish), key=key))


@router.post("/datasources/{name}/rename", **_started(RenameWish))
def rename_entries(name: str, parts: Given, who: Asking, body: Body, key: IdempotencyKey = None) -> Response:
    """Rename files and folders by a pattern; nothing that is there is replaced."""
    return started(begin(parts, who, "rename", name, read_wish(body, RenameWish), key=key))


@router.post("/datasources/{name}/hash", **_started(HashWish, needs_body=False))
def hash_entries(name: str, parts: Given, who: Asking, body: Body, key: IdempotencyKey = None) -> Response:
    """Compute the checksums of files; they are in the result of the run, or in a manifest."""
    return started(begin(parts, who, "hash", name, read_wish(body, HashWish), key=key))


@router.post("/datasources/{name}/verify", **_started(VerifyWish))
def verify_entries(name: str, parts: Given, who: Asking, body: Body, key: IdempotencyKey = None) -> Response:
    """Compare files with a manifest, another datasource or the catalog; the run fails where something differs."""
    return started(begin(parts, who, "verify", name, read_wish(body, VerifyWish), key=key))


def delete(
    parts: Parts, who: Who, name: str, wish: PathsWish, *, for_good: bool = False, key: str | None = None
) -> Admitted:
    """Start to delete files and folders, into the bin or past it."""
    given = wish.model_dump(mode="json")
    admitted = start_about(parts, who, DELETE_JOB, name, {**given, "permanently": True} if for_good else given, key=key)
    action = "files.delete-for-good" if for_good else "files.delete"
    write_down(parts, who, action, name, admitted, paths=given["paths"])
    return admitted


def begin(parts: Parts, who: Who, deed: str, name: str, wish: Part, *, key: str | None = None) -> Admitted:
    """Start one of `JOBS` about files of a datasource, with what somebody wishes of it.

    Raises NotFound where another datasource is named that does not exist.
    """
    given = wish.model_dump(mode="json", exclude_defaults=True)
    if repeated(parts, who, JOBS[deed], key) is None:
        with parts.store.reading() as conn:
            for other in (given.get("target_datasource"), given.get("manifest_datasource")):
                if other:
                    datasources.get(conn, other)
    admitted = start_about(parts, who, JOBS[deed], name, given, key=key)
    write_down(parts, who, f"files.{deed}", name, admitted, wish=given)
    return admitted
