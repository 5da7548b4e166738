"""The fields of the form for a datasource: drawn from the models that check what is sent, so that both always agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

import msgspec
from pydantic.fields import FieldInfo

from console.pages import field_words
from console.pages.forms import Form
from rota.datasources import OPTIONS, Datasource, Options, Secret
from rota.errors import Problem
from rota.fields import Part

FieldKind = Literal["text", "secret", "number", "flag", "choice", "lines", "json"]

_OPTION = "option."
_PATH = "options."
_FIRST = ("label", "root")
_RULES = ("include", "exclude", "max_deleted")
_SEARCH = ("index", "contents", "language", "largest_read")
_LOCAL_ONLY = ("watch",)
_REMOTE_ONLY = ("allow_private",)


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One field: how it is drawn, what is in it, and what is wrong with that."""

    name: str
    label: str
    kind: FieldKind
    help: str
    value: str
    placeholder: str = ""
    required: bool = False
    whole: bool = False
    """Whether a number is a whole one."""
    choices: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Fields that belong together; those that few people need are folded away, unless something is wrong in them."""

    title: str
    fields: tuple[FormField, ...]
    folded: bool = False


def sections_of(kind: str, texts: Mapping[str, str], problems: Iterable[Problem] = ()) -> list[Section]:
    """Return the form of a kind, filled in; `texts` hold what is in each field by its name."""
    errors: dict[str, str] = {}
    for problem in problems:
        errors.setdefault(field_of(problem), problem.message)

    def drawn(names: Iterable[str]) -> tuple[FormField, ...]:
        return tuple(_drawn(name, _info(kind, name), kind, texts, errors) for name in names)

    def section(title: str, names: Iterable[str], *, folded: bool = False) -> Section:
        fields = drawn(names)
        return Section(title=title, fields=fields, folded=folded and not any(field.error for field in fields))

    own = [_OPTION + name for name in OPTIONS[kind].model_fields if name not in Options.model_fields]
    patience = [_OPTION + name for name in OPTIONS[kind].model_fields if name in Options.model_fields]
    if kind == "local":
        own, patience = [], own
    guards = _LOCAL_ONLY if kind == "local" else _REMOTE_ONLY
    found = [
        section("Place", _FIRST),
        section("Access", own),
        section("Rules", (*_RULES, *guards)),
        section("Search", _SEARCH),
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


def texts_of(definition: Mapping[str, Any]) -> dict[str, str]:
    """Return what a definition puts into each field."""
    values = {name: value for name, value in definition.items() if name != "options"}
    values |= {_OPTION + name: value for name, value in (definition.get("options") or {}).items()}
    kind = definition.get("kind", "local")
    return {name: _text(_kind_of(info, name), value) for name, value in values.items() if (info := _info(kind, name))}


def texts_in(form: Form, kind: str) -> dict[str, str]:
    """Return what somebody wrote into each field, to be shown again."""
    return {field.name: form.one(field.name) for section in sections_of(kind, {}) for field in section.fields}


def definition_in(form: Form, kind: str) -> dict[str, Any]:
    """Return the definition that a form holds; what was left empty takes its default."""
    given: dict[str, Any] = {"kind": kind, "options": {}}
    for section in sections_of(kind, {}):
        for field in section.fields:
            value = _value(field, form.one(field.name))
            if value is None:
                continue
            if field.name.startswith(_OPTION):
                given["options"][field.name.removeprefix(_OPTION)] = value
            else:
                given[field.name] = value
    return given


def _info(kind: str, name: str) -> FieldInfo | None:
    model: type[Part] = OPTIONS[kind] if name.startswith(_OPTION) else Datasource
    return model.model_fields.get(name.removeprefix(_OPTION))


def _drawn(
    name: str, info: FieldInfo | None, kind: str, texts: Mapping[str, str], errors: Mapping[str, str]
) -> FormField:
    assert info is not None, f"{name} is in no model"
    plain = name.removeprefix(_OPTION)
    drawn_as = _kind_of(info, name)
    default = None if info.is_required() else info.get_default()
    hints = {
        "secret": field_words.REFERENCE_HINT,
        "lines": field_words.GLOB_HINTS.get(name, ""),
        "number": _text("number", default),
    }
    return FormField(
        name=name,
        label=field_words.LABELS.get(plain) or plain.replace("_", " ").capitalize(),
        kind=drawn_as,
        help=field_words.ROOT_HELP.get(kind, field_words.ADDRESS_HELP)
        if name == "root"
        else field_words.HELP.get(plain) or info.description or "",
        # What was refused as a reference may be the secret itself.
        value="" if drawn_as == "secret" and name in errors else texts.get(name, _text(drawn_as, default)),
        placeholder=field_words.ROOT_HINTS[kind] if name == "root" else hints.get(drawn_as, ""),
        required=info.is_required(),
        whole=_holds(info, int),
        choices=get_args(info.annotation) if drawn_as == "choice" else (),
        error=errors.get(name, ""),
    )


def _kind_of(info: FieldInfo, name: str) -> FieldKind:
    if Secret in get_args(info.annotation):
        return "secret"
    if _holds(info, bool):
        return "flag"
    if _holds(info, int) or _holds(info, float):
        return "number"
    if name in ("include", "exclude"):
        return "lines"
    if get_origin(info.annotation) is Literal:
        return "choice"
    return "json" if "dict" in str(info.annotation) else "text"


def _holds(info: FieldInfo, kind: type) -> bool:
    return info.annotation is kind or kind in get_args(info.annotation)


def _text(kind: FieldKind, value: Any) -> str:
    if value is None:
        return ""
    if kind == "flag":
        return "true" if value else ""
    if kind == "lines":
        return "\n".join(value)
    if kind == "json":
        return msgspec.json.encode(value).decode() if value else ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _value(field: FormField, text: str) -> Any:
    """Return the value of a field, None for its default; what cannot be read stays text, which the model refuses."""
    text = text.strip()
    if field.kind == "flag":
        return text == "true"
    if field.kind == "lines":
        return [line.strip() for line in text.splitlines() if line.strip()]
    if not text:
        return None
    if field.kind in ("number", "json"):
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError:
            return text
    return text
