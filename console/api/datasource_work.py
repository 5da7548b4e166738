"""What a datasource can be told to do: sync it, test the way to it, confirm deletions that wait."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import Field, ValidationError
from starlette.responses import Response

from console.api.answers import documented
from console.api.deeds import deed
from console.api.identity import Asking, Who
from console.api.parts import Given, Parts
from console.api.problems import Problem, pointer
from console.api.requests import Body, Payload
from console.api.routing import new_router
from console.api.starting import PLAIN, IdempotencyKey, Terms, start_job, started
from rota.errors import Refused
from rota.fields import Count, Flag, Part
from rota.problems import problems_of
from scheduler.admission.admitting import Admitted
from store.queries import audit, datasources, jobs

router = new_router(tag="datasources")

SYNC_JOB = "sync-datasource"
PROBE_JOB = "probe-datasource"
_DATASOURCE = "datasource"
_MOST_PATHS = 500

Wish = TypeVar("Wish", bound=Part)


class SyncWish(Part):
    """How closely to look, and where."""

    path: str = Field(default="", max_length=8192, description="Only this folder or file and what is below it.")
    paths: tuple[str, ...] = Field(default=(), max_length=_MOST_PATHS, description="Only these, as `path`.")
    hash: Flag = Field(default=False, description="Read every file, to notice what size and time do not tell.")
    dry_run: Flag = Field(default=False, description="Tell what would change, and write nothing.")


class ProbeWish(Part):
    """What to do beside looking."""

    mark: Flag = Field(default=False, description="Write the marker that proves from now on that it is the right root.")


class Confirmation(Part):
    """How many deletions somebody has looked at and wants."""

    deleted: Count = Field(ge=1, description="As many as `doubt.deleted` of the datasource says.")


def body_of(model: type[Part]) -> dict[str, Any]:
    """Return what the OpenAPI document says of a body that holds such a wish."""
    return {"application/json": model.model_json_schema()}


@router.post(
    "/datasources/{name}/sync",
    **documented("Started", status=202, body=body_of(SyncWish), needs_body=False, headers=("Location",)),
)
def sync_datasource(name: str, parts: Given, who: Asking, body: Body, key: IdempotencyKey = None) -> Response:
    """Bring the catalog up to date now; what it found is in the result of the run and in `last_sync`."""
    return started(sync(parts, who, name, read_wish(body, SyncWish), key=key))


@router.post(
    "/datasources/{name}/test",
    **documented("Started", status=202, body=body_of(ProbeWish), needs_body=False, headers=("Location",)),
)
def probe_datasource(name: str, parts: Given, who: Asking, body: Body, key: IdempotencyKey = None) -> Response:
    """Try to reach a datasource from a worker; the result of the run says how that went."""
    return started(probe(parts, who, name, mark=read_wish(body, ProbeWish).mark, key=key))


@router.post(
    "/datasources/{name}/confirm",
    **documented("Started", status=202, body=body_of(Confirmation), headers=("Location",)),
)
def confirm_deletions(name: str, parts: Given, who: Asking, body: Body, key: IdempotencyKey = None) -> Response:
    """Confirm as many deletions as the last sync held back, which starts a sync; 409 if there are not that many."""
    return started(confirm(parts, who, name, read_wish(body, Confirmation).deleted, key=key))


def sync(parts: Parts, who: Who, name: str, wish: SyncWish, *, key: str | None = None) -> Admitted:
    """Start the sync of a datasource and return what became of it."""
    return start_about(parts, who, SYNC_JOB, name, wish.model_dump(mode="json", exclude_defaults=True), key=key)


def probe(parts: Parts, who: Who, name: str, *, mark: bool = False, key: str | None = None) -> Admitted:
    """Start a test of the way to a datasource and return what became of it."""
    return start_about(parts, who, PROBE_JOB, name, {"mark": True} if mark else {}, key=key)


def confirm(parts: Parts, who: Who, name: str, deleted: int, *, key: str | None = None) -> Admitted:
    """Start a sync that may delete as many entries as the last one held back.

    Raises Refused unless exactly that many wait: what somebody has not looked at is not confirmed.
    """
    with parts.store.reading() as conn:
        doubt = datasources.get(conn, name).doubt
    if doubt is None:
        raise Refused(f"no deletions of {name} wait to be confirmed")
    if doubt["deleted"] != deleted:
        raise Refused(f"{doubt['deleted']:,} deletions of {name} wait by now, not {deleted:,}; look at them again")
    wish: dict[str, Any] = {"confirmed_deletions": deleted}
    if doubt.get("path"):
        wish["path"] = doubt["path"]
    admitted = start_about(parts, who, SYNC_JOB, name, wish, key=key)
    write_down(parts, who, "datasource.confirm", name, admitted, deleted=deleted)
    return admitted


def write_down(parts: Parts, who: Who, action: str, name: str, admitted: Admitted, **detail: Any) -> None:
    """Write into the audit which deed started a run about a datasource; nothing for one that was started before."""
    if admitted.repeated:
        return
    said = deed(who, action, f"datasource:{name}", parts.clock.now_ms(), **detail, run=admitted.run)
    with parts.store.writing() as conn:
        audit.add(conn, [said])


def start_about(
    parts: Parts,
    who: Who,
    job: str,
    name: str,
    wish: Mapping[str, Any],
    *,
    key: str | None = None,
    terms: Terms = PLAIN,
) -> Admitted:
    """Start a job about one datasource and return what became of it.

    Raises NotFound without the datasource or the job, Refused if the job was edited and takes no such wish any more.
    """
    with parts.store.reading() as conn:
        datasources.get(conn, name)
        declared = jobs.get(conn, job).job().params
    unknown = [word for word in (*wish, *terms.secrets) if word not in declared]
    if unknown:
        raise Refused(f"the job {job} was edited and takes no {', '.join(unknown)} any more; restore what Rota brings")
    about = {_DATASOURCE: name} if _DATASOURCE in declared else {}
    return start_job(parts, who, job, {**about, **wish}, key=key, terms=terms)


def read_wish(body: Payload, model: type[Wish]) -> Wish:
    """Return what a body wishes for; a Problem names each field that is not valid."""
    try:
        return model.model_validate(body.mapping())
    except ValidationError as error:
        found = problems_of(error, model)
        listed = [{"pointer": pointer(each.path), "path": each.path, "message": each.message} for each in found]
        raise Problem(422, "the request is not valid", name="invalid-request", errors=listed) from error
