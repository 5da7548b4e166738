"""What a form is drawn of: fields in sections, each with what is in it and what is wrong with that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from console.pages.field_values import FieldKind


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
    words: Mapping[str, str] = field(default_factory=dict)
    """What the choices are called that are not just written with a capital letter."""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Fields that belong together; those that few people need are folded away, unless something is wrong in them."""

    title: str
    fields: tuple[FormField, ...]
    folded: bool = False


def section_of(title: str, fields: tuple[FormField, ...], *, folded: bool = False) -> Section:
    """Return a section, unfolded where something is wrong in it."""
    return Section(title=title, fields=fields, folded=folded and not any(each.error for each in fields))
