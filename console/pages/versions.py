"""The definitions that a job has had: what each of them changed, and how an earlier one comes back."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.responses import Response

from console.api.definitions import find, save
from console.api.identity import Asking
from console.api.parts import Given, Parts
from console.api.problems import Problem
from console.api.routing import new_router
from console.api.wording import schedule_words
from console.pages.forms import Filled, Form
from console.pages.notices import Notice, go
from rota.definitions import parse_definition
from rota.differences import Difference, differences
from rota.errors import Conflict, InvalidDefinition, NotFound
from store.queries import jobs
from store.records import JobVersion

router: APIRouter = new_router(prefix="", in_schema=False)

NEWEST = 10
_MOST_CHANGES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow:
    """One definition, and what it changed of the one before; `left_out` counts the changes beyond those listed."""

    version: JobVersion
    changes: list[str]
    left_out: int
    oldest: bool


def versions_of(parts: Parts, name: str) -> tuple[list[VersionRow], bool]:
    """Return the newest definitions of a job, and whether there are older ones."""
    with parts.store.reading() as conn:
        page = jobs.versions(conn, name, limit=NEWEST)
        last = jobs.version_before(conn, name, page.items[-1].version) if page.items else None
    before = [*page.items[1:], last]
    return [_row(version, other) for version, other in zip(page.items, before, strict=True)], page.next is not None


def _row(version: JobVersion, before: JobVersion | None) -> VersionRow:
    changes = [] if before is None else differences(before.definition, version.definition)
    found = [words for change in changes for words in _words(change)]
    return VersionRow(
        version=version,
        changes=found[:_MOST_CHANGES],
        left_out=max(0, len(found) - _MOST_CHANGES),
        oldest=before is None,
    )


def _words(change: Difference) -> list[str]:
    """Return a change in words; triggers are told as everywhere else, one by one."""
    if change.path != "triggers":
        return [str(change)]
    before, after = schedule_words(change.before or ()), schedule_words(change.after or ())
    gone = [f"trigger removed: {words}" for words in before if words not in after]
    new = [f"trigger added: {words}" for words in after if words not in before]
    # What words leave out, such as parameters, may be all that differs.
    return gone + new or [str(change)]


@router.post("/jobs/{name}/restore")
def restore(name: str, parts: Given, who: Asking, form: Filled) -> Response:
    """Save an earlier definition once more, as a new version."""
    wanted, seen = _number(form, "version"), _number(form, "seen")
    here = f"/jobs/{name}"
    find(parts, who, name)
    try:
        with parts.store.reading() as conn:
            found = jobs.get_version(conn, name, wanted)
        job = parse_definition(found.definition, source=f"version {wanted}", actors=parts.actors)
        record = save(parts, who, job, expected_version=seen)
    except InvalidDefinition as error:
        said = "; ".join(map(str, error.problems))
        return go(here, Notice(f"Version {wanted} cannot be restored: {said}.", good=False))
    except NotFound:
        return go(here, Notice(f"Version {wanted} is not kept any more.", good=False))
    except Conflict:
        said = "Not restored: somebody else changed the job in the meantime. Look at it again."
        return go(here, Notice(said, good=False))
    return go(here, Notice(f"Version {record.version} says what version {wanted} said."))


def _number(form: Form, field: str) -> int:
    text = form.one(field)
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Problem(400, "the form says nothing that can be done")
    return int(text)
