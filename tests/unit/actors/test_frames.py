from __future__ import annotations

import io

import pytest

from actors.frames import framed, frames_of, take_frames

PAYLOADS = [b"", b"a", b"longer" * 1_000, b""]


def test_frames_are_read_as_they_were_made():
    assert list(frames_of(io.BytesIO(b"".join(map(framed, PAYLOADS))))) == PAYLOADS


@pytest.mark.parametrize("missing", [1, 4, 5, 6])
def test_frame_that_was_cut_off_is_not_told(missing):
    assert list(frames_of(io.BytesIO((framed(b"first") + framed(b"cut"))[:-missing]))) == [b"first"]


def test_frames_are_taken_from_whatever_has_come():
    received, taken = bytearray(), []
    for byte in b"".join(map(framed, PAYLOADS)):
        received.append(byte)
        taken += take_frames(received)

    assert (taken, received) == (PAYLOADS, b"")


def test_frame_that_announces_too_much_is_refused_before_it_comes_and_those_before_it_are_told():
    received, taken = bytearray(framed(b"good") + (11).to_bytes(4)), []

    with pytest.raises(ValueError, match="a frame of 11 bytes is announced, at most 10 are allowed"):
        taken.extend(take_frames(received, largest=10))

    assert taken == [b"good"]
