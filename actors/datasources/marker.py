"""Checks the file in a root that proves that it is the right one and that it is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from actors.datasources.paths import text_of
from actors.datasources.storage import MARKER, Datasource
from rota.errors import PermanentError

_READ_BYTES = 4096


def check_marker(datasource: Datasource, open_file: Callable[[bytes], BinaryIO]) -> None:
    """Raise PermanentError unless the marker says what the datasource's says, or the datasource has none.

    `open_file` is the driver's; what else than FileNotFoundError it raises is the driver's to tell.
    """
    if datasource.marker is None:
        return
    try:
        with open_file(MARKER) as file:
            said = file.read(_READ_BYTES)
    except FileNotFoundError as error:
        raise PermanentError(f"datasource {datasource.name!r}: its marker {text_of(MARKER)} is not there") from error
    if said.strip() != datasource.marker.encode().strip():
        raise PermanentError(f"datasource {datasource.name!r}: {text_of(MARKER)} in it is another one's")
