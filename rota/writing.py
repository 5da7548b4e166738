"""Writes definitions as YAML that `rota.loaders` reads back as the same values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from rota.loaders import IMPLICIT_RESOLVERS

WIDTH = 100


class _Dumper(yaml.SafeDumper):
    """PyYAML's safe dumper, which quotes whatever either YAML 1.1 or 1.2 would take for something else than text."""

    def ignore_aliases(self, data: Any) -> bool:
        """Say that nothing is written as a reference to an equal value elsewhere."""
        return True


for _tag, _pattern, _first in IMPLICIT_RESOLVERS:
    _Dumper.add_implicit_resolver(_tag, _pattern, list(_first))


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # Other line breaks than \n, and what does not show, are only safe as escapes.
    odd = not text.replace("\n", "").isprintable()
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if odd else "|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def to_yaml(definition: Mapping[str, Any]) -> str:
    """Return a definition as a YAML text, its fields in the order given."""
    return yaml.dump(
        dict(definition),
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=False,
        allow_unicode=True,
        width=WIDTH,
    )
