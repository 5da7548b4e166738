"""How a body ended, as a plain value: made where the body ran, judged where the lease is held."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import msgspec

from rota.errors import PermanentError, TemporaryError
from rota.runs import MAX_MESSAGE_BYTES, MAX_TEXT_BYTES, Failure
from workers.stops import Interruption, Stop, stop_of

_OWN_FOLDER = f"{Path(__file__).parent}{os.sep}"


class Ending(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one body ended.

    `done` has a result, `failed` a failure (`permanent`: another try cannot help; `delay_ms`: when it may), `stopped`
    the reason for which the body let go, and in `failure` where it was.
    """

    how: Literal["done", "failed", "stopped"]
    result: Any = None
    failure: Failure | None = None
    permanent: bool = False
    delay_ms: int | None = None
    stop: Stop | None = None


def ending_of(error: BaseException, asked: Stop | None) -> Ending:
    """Return the ending that an error stands for; `asked` is why the body was told to end, if it was."""
    stop = _stop_behind(error, asked)
    if stop is not None:
        failure = failure_of(error)
        told = stop.error()
        return Ending(
            how="stopped",
            stop=stop,
            failure=Failure(type=type(told).__name__, message=str(told), traceback=failure.traceback),
        )
    return Ending(
        how="failed",
        failure=failure_of(error),
        permanent=isinstance(error, PermanentError),
        delay_ms=error.delay_ms if isinstance(error, TemporaryError) else None,
    )


def failure_of(error: BaseException) -> Failure:
    """Return an error as text of at most 64 KB, cut in the middle, without the frames of this room."""
    own = error.with_traceback(_past_own_frames(error.__traceback__))
    return Failure.from_exception(own, limit=MAX_TEXT_BYTES - 2 * MAX_MESSAGE_BYTES)


def _stop_behind(error: BaseException, asked: Stop | None) -> Stop | None:
    for link in _chain(error):
        # An Interruption says only that somebody asked; and a body may wrap what it was told in an error of its own.
        stop = asked if isinstance(link, Interruption) else stop_of(link)
        if stop is not None:
            return asked or stop
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def _past_own_frames(frames: TracebackType | None) -> TracebackType | None:
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_OWN_FOLDER):
        frames = frames.tb_next
    return frames
