"""The forms that make an archive of what was chosen, and unpack, list or test one; what is typed is kept on errors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from pydantic import ValidationError
from starlette.responses import Response

from console.api.archive_wishes import CompressWish, ExtractWish, ListWish, ReadThroughWish, ReadWish
from console.api.archives import begin
from console.api.entries import PathText
from console.api.file_wishes import PathsWish
from console.api.homes import check_path, home_for
from console.api.identity import Asking, Who
from console.api.parts import Given, Parts
from console.api.problems import Problem, problem_of
from console.api.routing import new_router
from console.pages.archive_fields import (
    AGAIN,
    COMPRESS,
    DATASOURCE,
    EXTRACT,
    Plan,
    general_errors,
    sections_of,
    texts_in,
    wish_in,
)
from console.pages.archive_targets import archive_target, folder_of, folder_target, stem_of_archive, stem_of_selection
from console.pages.forms import Filled, Form
from console.pages.notices import Notice, go
from console.pages.showing import show
from rota.errors import BusUnavailable, InvalidDefinition, NotFound, Refused
from rota.errors import Problem as FieldProblem
from rota.problems import problems_of
from rota.states import RunState
from store.queries import datasources

router = new_router(prefix="", in_schema=False)

_SHOWN = 20
_DEEDS: dict[str, tuple[str, type[ReadWish]]] = {
    "extract": ("extract", ExtractWish),
    "list": ("list-archive", ListWish),
    "test": ("test-archive", ReadThroughWish),
}
"""The deeds of the form for an archive: which work each is, and what may be wished of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sheet:
    """One form: what it is about, and with which fields."""

    template: str
    plan: Plan
    name: str
    """Of the datasource."""
    paths: tuple[str, ...]

    def show(
        self,
        request: Request,
        parts: Parts,
        who: Who,
        texts: dict[str, str],
        problems: Iterable[FieldProblem] = (),
        *,
        said: str = "",
        status: int = 200,
    ) -> Response:
        """Show it, filled in, with what is wrong in it."""
        problems = list(problems)
        with parts.store.reading() as conn:
            record = datasources.get(conn, self.name)
            for path in self.paths:
                check_path(conn, who, self.name, path, itself=self.plan is COMPRESS)
            every = [
                each.name
                for each in datasources.list_datasources(conn)
                if not who.own_only or home_for(who, each) is not None
            ]
        context: dict[str, Any] = {
            "source": record,
            "paths": self.paths,
            "shown": _SHOWN,
            "sections": sections_of(self.plan, texts, problems, datasources=every),
            "errors": [*([said] if said else ()), *general_errors(self.plan, problems)],
            "place": folder_of(self.paths[0]),
        }
        return show(request, self.template, who, status=status, **context)


@router.post("/datasources/{name}/compress")
def compress(request: Request, name: str, parts: Given, who: Asking, form: Filled) -> Response:
    """Show the form for an archive of the chosen files and folders, or make it."""
    if not form.every("paths"):
        return go(form.back(f"/datasources/{name}"), Notice("Nothing was chosen.", good=False))
    sheet = _Sheet(template="compress.html", plan=COMPRESS, name=name, paths=_paths(form.every("paths")))
    stem = stem_of_selection(sheet.paths, name)
    if form.one("deed") != "start":
        texts = {"name": stem, "folder": folder_of(sheet.paths[0]), DATASOURCE: name, "format": "zip"}
        return sheet.show(request, parts, who, texts)
    given = wish_in(form, COMPRESS, CompressWish)
    folder = form.one("folder", folder_of(sheet.paths[0]))
    target = archive_target(folder, form.one("name").strip() or stem, given.get("format"))
    given |= {"paths": sheet.paths, "target": target}
    is_same = form.one("password") == form.one(AGAIN)
    wrong = [] if is_same else [FieldProblem(AGAIN, "must be the same as the password above")]
    return _start(request, parts, who, sheet, form, deed="compress", model=CompressWish, given=given, wrong=wrong)


@router.get("/datasources/{name}/extract")
def extract_page(request: Request, name: str, parts: Given, who: Asking, path: PathText = "") -> Response:
    """Show what can be done with an archive."""
    sheet = _Sheet(template="extract.html", plan=EXTRACT, name=name, paths=_paths([path]))
    (archive,) = sheet.paths
    texts = {"name": stem_of_archive(archive), "folder": folder_of(archive), DATASOURCE: name}
    return sheet.show(request, parts, who, texts)


@router.post("/datasources/{name}/extract")
def extract(request: Request, name: str, parts: Given, who: Asking, form: Filled) -> Response:
    """Unpack an archive, list it, or test it."""
    if form.one("deed") not in _DEEDS:
        raise Problem(400, "the form says nothing that can be done")
    sheet = _Sheet(template="extract.html", plan=EXTRACT, name=name, paths=_paths(form.every("path")[:1]))
    deed, model = _DEEDS[form.one("deed")]
    (archive,) = sheet.paths
    given = {**wish_in(form, EXTRACT, model), "path": archive}
    if model is ExtractWish:
        folder, stem = form.one("folder", folder_of(archive)), form.one("name").strip() or stem_of_archive(archive)
        given["target"] = folder_target(folder, stem)
    return _start(request, parts, who, sheet, form, deed=deed, model=model, given=given)


def _start(
    request: Request,
    parts: Parts,
    who: Who,
    sheet: _Sheet,
    form: Form,
    *,
    deed: str,
    model: type[CompressWish | ReadWish],
    given: dict[str, Any],
    wrong: Iterable[FieldProblem] = (),
) -> Response:
    """Start a run and go to its page, or show the form again with what is wrong; a password has to be typed anew."""
    if given.get(DATASOURCE) == sheet.name:
        del given[DATASOURCE]
    problems = list(wrong)
    try:
        wish = model.model_validate(given)
    except ValidationError as error:
        problems += problems_of(error, model)
    texts = texts_in(form, sheet.plan)
    if problems:
        return sheet.show(request, parts, who, texts, problems, status=422)
    try:
        admitted = begin(parts, who, deed, sheet.name, wish)
    except InvalidDefinition as error:
        return sheet.show(request, parts, who, texts, error.problems, status=422)
    except (NotFound, Refused, BusUnavailable) as error:
        told = problem_of(error)
        assert told is not None, "each of these is a problem to whoever asks"
        return sheet.show(request, parts, who, texts, said=f"Not started: {told.detail}.", status=told.status)
    if admitted.state is RunState.SKIPPED:
        return sheet.show(request, parts, who, texts, said=f"Not started: {admitted.reason}.", status=409)
    return go(f"/runs/{admitted.run}", Notice("Started."))


def _paths(given: list[str]) -> tuple[str, ...]:
    try:
        return PathsWish.model_validate({"paths": tuple(dict.fromkeys(given))}).paths
    except ValidationError as error:
        said = "; ".join(str(problem) for problem in problems_of(error, PathsWish))
        raise Problem(400, f"the form names nothing that can be worked on: {said}") from error
