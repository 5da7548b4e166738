"""Finds the datasource that an actor was asked to work on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rota.errors import NotFound, PermanentError

if TYPE_CHECKING:
    from actors.datasources.storage import Datasource
    from actors.run import Run


def find_datasource(run: Run, name: str, *, whole: bool = False) -> Datasource:
    """Give the datasource of that name, to be opened with everything that is in it if `whole`.

    Raises PermanentError without one: another attempt would not find it either.
    """
    try:
        datasource = run.datasource(name)
    except NotFound as error:
        raise PermanentError(str(error)) from error
    return replace(datasource, whole=True) if whole else datasource
