"""What a leader emits of admitted runs: others make way, and messages are sent; refused when its epoch is over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scheduler.admission.admitting import Admitted, delays_of, stop_others
from store.batches import batches

if TYPE_CHECKING:
    from bus.connection import Bus
    from bus.timetable import WindowAdvance


def emit_admitted(bus: Bus, epoch: int, admitted: Sequence[Admitted], *, windows: Sequence[WindowAdvance] = ()) -> None:
    """Send the messages of admitted runs, and with the last of them move these windows on.

    Raises StaleEpoch, and BusUnavailable. What is left unsent then is queued in the store, and the sweeper sends it.
    """
    stop_others(bus, admitted)
    delays = delays_of(admitted)
    *first, last = list(batches(message for one in admitted for message in one.messages)) or [[]]
    for messages in first:
        bus.timetable.emit(epoch, (), messages, delays=delays)
    if last or windows:
        bus.timetable.emit(epoch, (), last, windows=windows, delays=delays)
