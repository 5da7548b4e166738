"""The fields of the forms for archives: drawn from the models that check what is sent, so that both always agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import Field

from actors.unpacking.order import ExtractParams
from console.api.archive_jobs import PASSWORD
from console.api.archive_wishes import CompressWish, ExtractWish, Password
from console.api.file_paths import FolderOrRoot
from console.output import size
from console.pages import archive_field_words as words
from console.pages.field_values import FieldKind, choices_of, holds, kind_of, text_of, value_of
from console.pages.field_words import GLOB_HINTS
from console.pages.form_fields import FormField, Section, section_of
from console.pages.forms import Form
from rota.errors import Problem
from rota.fields import Part

AGAIN = "password_again"
DATASOURCE = "target_datasource"
_SECRETS: Final = (PASSWORD, AGAIN)
_TARGET, _NAME = "target", "name"


class _CompressFields(CompressWish):
    """What is asked in the place of a path, and a password that nobody sees is typed twice."""

    name: str = Field(default="", description="What the archive is called; what names its format may be left out.")
    folder: FolderOrRoot = Field(default="", description="Relative to the datasource; made if it is not there.")
    password_again: Password | None = Field(default=None, description="The same, for nobody sees what is typed.")


class _ExtractFields(ExtractWish):
    """What is asked in the place of a path."""

    name: str = Field(default="", description="What the folder is called that is made; of a single file, the file.")
    folder: FolderOrRoot = Field(default="", description="Where it is made, relative to the datasource.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Which fields a form has, in which sections, and what they are called where that is another thing than usual."""

    model: type[Part]
    sections: Sequence[tuple[str, Sequence[str], bool]]
    """The title of each, its fields, and whether it is folded away."""
    words: Mapping[str, Mapping[str, str]]
    help: Mapping[str, str]
    hints: Mapping[str, str]

    @property
    def names(self) -> list[str]:
        """All fields."""
        return [name for _, names, _ in self.sections for name in names]

    def kind(self, name: str) -> FieldKind:
        """Return how a field is drawn."""
        return "choice" if name == DATASOURCE else kind_of(self.model.model_fields[name], name)


COMPRESS = Plan(
    model=_CompressFields,
    sections=(
        ("Archive", ("format", _NAME, "folder", DATASOURCE, "conflict"), False),
        ("Password", _SECRETS, False),
        ("What goes in", ("include", "exclude", "links"), True),
        ("More", ("level", "split_bytes", "manifest", "max_bytes", "max_bytes_per_second"), True),
    ),
    words=words.CHOICES,
    help={**words.HELP, **words.COMPRESS_HELP},
    hints=words.HINTS,
)


def _limits() -> dict[str, str]:
    """Return the limits of an archive that nobody sets any for."""
    values = {name: info.default for name, info in ExtractParams.model_fields.items() if isinstance(info.default, int)}
    return {name: size(value) if name.endswith("bytes") else f"{value:,}" for name, value in values.items()}


EXTRACT = Plan(
    model=_ExtractFields,
    sections=(
        ("Where to", (_NAME, "folder", DATASOURCE, "conflict"), False),
        ("Password", (PASSWORD,), False),
        ("What comes out", ("members", "links", "encoding"), True),
        ("Limits", ("max_entries", "max_bytes", "max_ratio", "max_depth", "max_time"), True),
    ),
    words={**words.CHOICES, "conflict": {**words.CHOICES["conflict"], **words.EXTRACT_CHOICES}},
    help={**words.HELP, **words.EXTRACT_HELP},
    hints={**words.HINTS, **_limits()},
)


def sections_of(
    plan: Plan, texts: Mapping[str, str], problems: Iterable[Problem] = (), *, datasources: Sequence[str]
) -> list[Section]:
    """Return a form, filled in with `texts`; it asks for a datasource where there are several to choose from."""
    errors: dict[str, str] = {}
    for problem in problems:
        errors.setdefault(_field_of(problem), problem.message)

    def drawn(name: str) -> FormField:
        info, kind = plan.model.model_fields[name], plan.kind(name)
        return FormField(
            name=name,
            label=words.LABELS.get(name) or name.capitalize(),
            kind=kind,
            help=plan.help.get(name, info.description or ""),
            value="" if kind == "password" else texts.get(name, text_of(kind, info.get_default())),
            placeholder=GLOB_HINTS.get(name, "") if kind == "lines" else plan.hints.get(name, ""),
            whole=holds(info, int),
            choices=tuple(datasources) if name == DATASOURCE else choices_of(info),
            words={each: each for each in datasources} if name == DATASOURCE else plan.words.get(name, {}),
            error=errors.get(name, ""),
        )

    skipped = () if len(datasources) > 1 else (DATASOURCE,)
    return [
        section_of(title, tuple(drawn(name) for name in names if name not in skipped), folded=folded)
        for title, names, folded in plan.sections
    ]


def general_errors(plan: Plan, problems: Iterable[Problem]) -> list[str]:
    """Return what is wrong and belongs to no field of the form."""
    return [str(problem) for problem in problems if _field_of(problem) not in plan.names]


def texts_in(form: Form, plan: Plan) -> dict[str, str]:
    """Return what somebody wrote into each field, to be shown again; never a password."""
    return {name: form.one(name) for name in plan.names if name not in _SECRETS}


def wish_in(form: Form, plan: Plan, model: type[Part]) -> dict[str, Any]:
    """Return what a form says of the fields of a model; what was left empty takes its default."""
    given = {
        name: form.one(name) if name == PASSWORD else value_of(plan.kind(name), form.one(name))
        for name in plan.names
        if name in model.model_fields
    }
    return {name: value for name, value in given.items() if value not in (None, "", [])}


def _field_of(problem: Problem) -> str:
    # The path is asked for as a name and a folder.
    path = problem.path.partition("[")[0]
    return _NAME if path == _TARGET else path
