"""Templates of Pydio Cells in parameters: `{{.JobParameters.Folder}}` becomes `${params.folder}`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from rota.pydio.report import NotCarried

_TEMPLATE = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
_PARAMETER = re.compile(r"\.JobParameters\.(\w{1,200})")
_KNOWN = {".Job.ID": "${job.name}", ".Task.ID": "${run.id}"}


def fill_in(text: str, params: Mapping[str, str]) -> str:
    """Return a text with its templates as expressions; `params` gives the new names of the job's parameters.

    NotCarried names the first template that has no counterpart.
    """
    made, at = "", 0
    for match in _TEMPLATE.finditer(text):
        made += _plain(text[at : match.start()]) + _expression(match[1], params)
        at = match.end()
    return made + _plain(text[at:])


def _plain(text: str) -> str:
    return text.replace("${", "$${")


def _expression(inner: str, params: Mapping[str, str]) -> str:
    found = _PARAMETER.fullmatch(inner)
    if found and found[1] in params:
        return f"${{params.{params[found[1]]}}}"
    if inner in _KNOWN:
        return _KNOWN[inner]
    raise NotCarried(
        f"the template {{{{{inner[:80]}}}}} has no counterpart", "write the value, or an expression such as ${params.x}"
    )
