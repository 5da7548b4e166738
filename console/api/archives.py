"""Archives: made of files and folders, unpacked, listed and tested.

Each of these starts a run that belongs to whoever asked for it; its result says what was made, and what was not and
why. A password is sealed before anything is written down.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from actors.datasources.paths import outermost
from actors.datasources.rows import Kind
from console.api.answers import documented
from console.api.archive_jobs import JOBS, PASSWORD
from console.api.archive_places import check_places
from console.api.archive_wishes import CompressWish, ExtractWish, ListWish, ReadThroughWish, ReadWish
from console.api.datasource_work import body_of, read_wish, start_about, write_down
from console.api.identity import Asking, Who
from console.api.parts import Given, Parts
from console.api.requests import Body
from console.api.routing import new_router
from console.api.starting import IdempotencyKey, Terms, repeated, started
from rota.fields import Part
from rota.sealing import HIDDEN
from scheduler.admission.admitting import Admitted
from store.engine import Connection
from store.queries import catalog, sizes
from store.records import RunRecord

router = new_router(tag="archives")

_MAX_BYTES = "max_bytes"
#: What a selection may have grown by since it was in the catalog: a tenth, and so many bytes.
_GROWTH_BYTES = 64 * 1024 * 1024


def _started(model: type[Part]) -> dict[str, Any]:
    return documented("Started", status=202, body=body_of(model), headers=("Location",))


@router.post("/datasources/{name}/compress", **_started(CompressWish))
def compress_entries(name: str, parts: Given, who: Asking, body: Body, key: IdempotencyKey = None) -> Response:
    """Make an archive of files and folders."""
    return started(begin(parts, who, "compress", name, read_wish(body, CompressWish), key=key))


@router.post("/datasources/{name}/extract", **_started(ExtractWish))
def extract_archive(name: str, parts: Given, who: Asking, body: Body, key: IdempotencyKey = None) -> Response:
    """Unpack an archive into a folder, which is there when all of it is."""
    return started(begin(parts, who, "extract", name, read_wish(body, ExtractWish), key=key))


@router.post("/datasources/{name}/list-archive", **_started(ListWish))
def list_members(name: str, parts: Given, who: Asking, body: Body, key: IdempotencyKey = None) -> Response:
    """List what is in an archive; it is in the result of the run."""
    return started(begin(parts, who, "list-archive", name, read_wish(body, ListWish), key=key))


@router.post("/datasources/{name}/test-archive", **_started(ReadThroughWish))
def read_archive_through(name: str, parts: Given, who: Asking, body: Body, key: IdempotencyKey = None) -> Response:
    """Read an archive to its end; the run fails where it is damaged."""
    return started(begin(parts, who, "test-archive", name, read_wish(body, ReadThroughWish), key=key))


def begin(
    parts: Parts, who: Who, deed: str, name: str, wish: CompressWish | ReadWish, *, key: str | None = None
) -> Admitted:
    """Start one of `JOBS` about a datasource, with what somebody wishes of it, in their name.

    Raises NotFound for datasources that do not exist and for what is not theirs, QuotaExceeded for more than they may
    have under way.
    """
    given = wish.model_dump(mode="json", exclude_defaults=True, exclude={PASSWORD})
    secrets = {} if wish.password is None else {PASSWORD: wish.password.get_secret_value()}
    again = repeated(parts, who, JOBS[deed], key)
    with parts.store.reading() as conn:
        if again is None:
            check_places(conn, who, name, given)
        if isinstance(wish, CompressWish) and who.own_only and _MAX_BYTES not in given:
            given[_MAX_BYTES] = _reserved(conn, name, wish, again)
    terms = Terms(in_own_name=True, secrets=secrets)
    admitted = start_about(parts, who, JOBS[deed], name, given, key=key, terms=terms)
    write_down(parts, who, f"archives.{deed}", name, admitted, wish={**given, **dict.fromkeys(secrets, HIDDEN)})
    return admitted


def _reserved(conn: Connection, name: str, wish: CompressWish, again: RunRecord | None) -> int | None:
    """Return how many bytes a selection may have: what the catalog has of it and some more, or what was said before."""
    if again is not None:
        return again.params.get(_MAX_BYTES)
    selected = outermost(path.encode("utf-8", "surrogateescape") for path in wish.paths)
    rows = {path: catalog.find_entry(conn, name, path) for path in selected}
    files = sum(row.size for row in rows.values() if row is not None and row.kind == Kind.FILE)
    folders = [path for path, row in rows.items() if row is not None and row.kind == Kind.FOLDER]
    known = files + sizes.bytes_in(conn, name, folders)
    return known + known // 10 + _GROWTH_BYTES
