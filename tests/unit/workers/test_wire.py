"""What passes between a worker and an isolated body."""

from __future__ import annotations

import socket
import struct

import pytest

from rota.errors import BusUnavailable, InvalidEvent, LeaseLost, PermanentError
from rota.events import Event
from rota.messages import TaskMessage
from rota.runs import Failure, Progress
from workers.endings import Ending
from workers.reports import Taken
from workers.stops import Stop
from workers.wire import (
    MAX_FRAME_BYTES,
    Answer,
    Asked,
    Begin,
    Channel,
    Ended,
    Pressed,
    Question,
    Report,
    answer_of,
    error_of,
)

TASK = TaskMessage(task="t", run="r", job="j", step="s", actor="a", queue="q", params={"x": [1, 2]})


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Channel(ours), Channel(theirs), theirs


@pytest.mark.parametrize(
    "frame",
    [
        Begin(task=TASK, state={"at": 3}),
        Asked(stop=Stop.CANCELLED),
        Asked(stop=None),
        Pressed(),
        Answer(n=3, error="LeaseLost", message="gone"),
        Report(taken=Taken(progress=Progress(done=2))),
        Question(n=1, event=Event(id="1", source="s", type="t", data={"a": 1}, chain=("j",))),
        Question(n=2),
        Question(n=3, sealed="an id"),
        Answer(n=3, sealed=b"\x00\xff"),
        Ended(ending=Ending(how="failed", failure=Failure(type="ValueError", message="x"), permanent=True)),
    ],
)
def test_every_frame_arrives_as_it_was_sent(ends, frame):
    here, there, _ = ends

    here.send(frame)

    assert there.receive()
    assert list(there.frames()) == [frame]


def test_frames_may_come_in_pieces(ends):
    here, _, raw = ends
    data = b'{"type":"pressed"}'
    whole = struct.pack("!I", len(data)) + data

    seen = []
    for start in range(0, len(whole), 5):
        raw.sendall(whole[start : start + 5])
        here.receive()
        seen += here.frames()

    assert seen == [Pressed()]


@pytest.mark.parametrize("data", [struct.pack("!I", MAX_FRAME_BYTES + 1), struct.pack("!I", 3) + b"abc"])
def test_nonsense_is_refused(ends, data):
    here, _, raw = ends
    raw.sendall(data)
    here.receive()

    with pytest.raises(ValueError):
        list(here.frames())


def test_the_end_of_the_other_side_is_seen(ends):
    here, there, _ = ends
    there.close()

    assert not here.receive()


@pytest.mark.parametrize(
    ("error", "raised"),
    [(LeaseLost("x"), LeaseLost), (BusUnavailable("x"), BusUnavailable), (InvalidEvent("x"), PermanentError)],
)
def test_a_refusal_is_the_same_error_on_the_other_side(error, raised):
    told = error_of(answer_of(1, error))

    assert type(told) is raised
    assert str(told) == "x"
    assert error_of(Answer(n=1)) is None
