"""The fields of the form for a datasource: drawn from the models that check what is sent, so that both always agree."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic.fields import FieldInfo

from console.pages import field_words
from console.pages.field_values import choices_of, holds, kind_of, may_be_none, text_of, value_of
from console.pages.form_fields import FormField, Section, section_of
from console.pages.forms import Form
from rota.bins import BinRules
from rota.datasources import OPTIONS, Datasource, Options
from rota.errors import Problem
from rota.fields import Part

_OPTION = "option."
_PATH = "options."
_BIN = "bin."
_IN_PART = re.compile(r"bin\.parts\[(?P<number>\d+)\]\.?(?P<field>.*)")
_FIRST = ("label", "root")
_RULES = ("include", "exclude", "max_deleted")
_SEARCH = ("index", "contents", "language", "largest_read")
_BIN_FIRST = ("enabled", "keep", "max_size", "max_items", "per")
_LOCAL_ONLY = ("watch",)
_REMOTE_ONLY = ("allow_private",)


def sections_of(kind: str, texts: Mapping[str, str], problems: Iterable[Problem] = ()) -> list[Section]:
    """Return the form of a kind, filled in; `texts` hold what is in each field by its name."""
    errors: dict[str, str] = {}
    for problem in problems:
        errors.setdefault(field_of(problem), _said(problem))

    def drawn(names: Iterable[str]) -> tuple[FormField, ...]:
        return tuple(_drawn(name, _info(kind, name), kind, texts, errors) for name in names)

    def section(title: str, names: Iterable[str], *, folded: bool = False) -> Section:
        return section_of(title, drawn(names), folded=folded)

    own = [_OPTION + name for name in OPTIONS[kind].model_fields if name not in Options.model_fields]
    patience = [_OPTION + name for name in OPTIONS[kind].model_fields if name in Options.model_fields]
    if kind == "local":
        own, patience = [], own
    guards = _LOCAL_ONLY if kind == "local" else _REMOTE_ONLY
    bin_fields = [_BIN + name for name in sorted(BinRules.model_fields, key=_place_in_bin)]
    found = [
        section("Place", _FIRST),
        section("Access", own),
        section("Rules", (*_RULES, *guards)),
        section("Search", _SEARCH),
        section("Recycle bin", (*bin_fields, "homes")),
        section("More", ("queue", "enabled", *patience), folded=True),
    ]
    return [each for each in found if each.fields]


def general_errors(kind: str, problems: Iterable[Problem]) -> list[str]:
    """Return what is wrong and belongs to no field of the form."""
    names = {field.name for section in sections_of(kind, {}) for field in section.fields}
    return [str(problem) for problem in problems if field_of(problem) not in names | {"name"}]


def field_of(problem: Problem) -> str:
    """Return the name of the field that a problem is about: `options.host_key` is `option.host_key`."""
    path = problem.path.partition("[")[0]
    if path.startswith(_PATH):
        return _OPTION + path.removeprefix(_PATH).partition(".")[0]
    return path


def _said(problem: Problem) -> str:
    """Return what is wrong; in a field that holds a whole list of parts also in which of them."""
    found = _IN_PART.match(problem.path)
    if found is None:
        return problem.message
    where = f"part {int(found['number']) + 1}"
    return f"in {where}, {found['field']}: {problem.message}" if found["field"] else f"in {where}: {problem.message}"


def texts_of(definition: Mapping[str, Any]) -> dict[str, str]:
    """Return what a definition puts into each field."""
    values = {name: value for name, value in definition.items() if name not in ("options", "bin")}
    values |= {_OPTION + name: value for name, value in (definition.get("options") or {}).items()}
    values |= {_BIN + name: value for name, value in (definition.get("bin") or {}).items()}
    kind = definition.get("kind", "local")
    return {name: text_of(kind_of(info, name), value) for name, value in values.items() if (info := _info(kind, name))}


def texts_in(form: Form, kind: str) -> dict[str, str]:
    """Return what somebody wrote into each field, to be shown again."""
    return {field.name: form.one(field.name) for section in sections_of(kind, {}) for field in section.fields}


def definition_in(form: Form, kind: str) -> dict[str, Any]:
    """Return the definition that a form holds; what was left empty takes its default, in the bin it sets no limit."""
    given: dict[str, Any] = {"kind": kind, "options": {}, "bin": {}}
    for section in sections_of(kind, {}):
        for field in section.fields:
            value = value_of(field.kind, form.one(field.name))
            into, name = given, field.name
            if name.startswith(_OPTION):
                into, name = given["options"], name.removeprefix(_OPTION)
            elif name.startswith(_BIN):
                into, name = given["bin"], name.removeprefix(_BIN)
            if value is not None or (into is given["bin"] and may_be_none(BinRules.model_fields[name])):
                into[name] = value
    return given


def _info(kind: str, name: str) -> FieldInfo | None:
    model: type[Part] = Datasource
    if name.startswith(_OPTION):
        model = OPTIONS[kind]
    elif name.startswith(_BIN):
        model = BinRules
    return model.model_fields.get(_plain(name))


def _plain(name: str) -> str:
    return name.removeprefix(_OPTION).removeprefix(_BIN)


def _place_in_bin(name: str) -> int:
    return _BIN_FIRST.index(name) if name in _BIN_FIRST else len(_BIN_FIRST)


def _drawn(
    name: str, info: FieldInfo | None, kind: str, texts: Mapping[str, str], errors: Mapping[str, str]
) -> FormField:
    assert info is not None, f"{name} is in no model"
    plain = _plain(name)
    drawn_as = kind_of(info, name)
    default = None if info.is_required() else info.get_default()
    hints = {
        "secret": field_words.REFERENCE_HINT,
        "lines": field_words.GLOB_HINTS.get(name, ""),
        "number": text_of("number", default) or field_words.NUMBER_HINTS.get(name, ""),
        "json": field_words.JSON_HINTS.get(name, field_words.OPTIONS_HINT),
        "text": field_words.TEXT_HINTS.get(name, ""),
    }
    return FormField(
        name=name,
        label=field_words.LABELS.get(name) or field_words.LABELS.get(plain) or plain.replace("_", " ").capitalize(),
        kind=drawn_as,
        help=field_words.ROOT_HELP.get(kind, field_words.ADDRESS_HELP)
        if name == "root"
        else field_words.HELP.get(name) or info.description or "",
        # What was refused as a reference may be the secret itself.
        value="" if drawn_as == "secret" and name in errors else texts.get(name, text_of(drawn_as, default)),
        placeholder=field_words.ROOT_HINTS[kind] if name == "root" else hints.get(drawn_as, ""),
        required=info.is_required(),
        whole=holds(info, int),
        choices=choices_of(info) if drawn_as == "choice" else (),
        error=errors.get(name, ""),
    )
