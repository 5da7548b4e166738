"""Says what an error of an extractor means for the file, and makes what an extractor gave fit to be told and kept."""

from __future__ import annotations

import errno
from collections.abc import Iterable

from actors.extracting.outcomes import Extracted, Failed, Reason, Unextractable
from actors.extracting.wire import MOST_MESSAGE, MOST_META, MOST_META_NAME, MOST_META_VALUE


def verdict_of(error: BaseException) -> Failed:
    """Give what this error of an extractor means."""
    match error:
        case Unextractable():
            return Failed(Reason(error.reason), tidy_message(error.message))
        case MemoryError():
            return Failed(Reason.MEMORY, "reading it needs more memory than a file may use")
        case RecursionError():
            return Failed(Reason.TOO_LARGE, "its parts are nested too deeply")
        # A number says that the system refused, and our own confinement refuses by these two.
        case OSError(errno=int() as number) if number not in {errno.EPERM, errno.EACCES}:
            return Failed(Reason.UNREADABLE, tidy_message(error.strerror or str(error)))
        case _:
            return Failed(Reason.FAILED, tidy_message(f"the extractor failed: {type(error).__name__}: {error}"))


def tidy(extracted: Extracted, most_text: int) -> Extracted:
    """Cut to the limits, and leave out what no database keeps: NUL, and halves of surrogate pairs.

    What is tidy stays as it is; by that the other side sees that an answer is one of ours.
    """
    text, meta = extracted
    return Extracted(_keepable(text[:most_text]), tuple(_tidy_meta(meta)))


def tidy_message(message: str) -> str:
    """Give a message as one short line."""
    return _line(message, MOST_MESSAGE)


def _tidy_meta(meta: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    lines = ((_line(name, MOST_META_NAME), _line(value, MOST_META_VALUE)) for name, value in meta)
    kept = dict.fromkeys((name, value) for name, value in lines if name and value)
    return list(kept)[:MOST_META]


def _line(text: str, most: int) -> str:
    # Cut first as well: splitting a text of megabytes to keep a line of it costs as much as the text.
    return " ".join(_keepable(text[: 4 * most]).split())[:most].rstrip()


def _keepable(text: str) -> str:
    if "\0" in text:
        text = text.replace("\0", " ")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
    return text
