"""A task as a Dramatiq message, and back.

The body is what Dramatiq's own JSON encoder would write: queue_name, actor_name, args, kwargs, options, message_id
and message_timestamp. The task itself travels whole in `options["rota"]`; args and kwargs stay empty.
"""

from __future__ import annotations

import time
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec
from dramatiq.broker import MessageProxy

from rota.messages import TaskMessage

if TYPE_CHECKING:
    from dramatiq import Message

    from bus.lease import Lease

#: The option that holds the task.
OPTION = "rota"

_encode = msgspec.json.Encoder().encode
#: Stands for the owner of what nobody owns.
_NOBODY = "-"
_SPACE = str.maketrans({" ": "_", "\n": "_", "\t": "_", "\r": "_"})


def body_of(message: TaskMessage) -> bytes:
    """Return a task as the bytes of a Dramatiq message."""
    return _encode(
        {
            "queue_name": message.queue,
            "actor_name": message.actor,
            "args": (),
            "kwargs": {},
            "options": {OPTION: message},
            "message_id": message.task,
            "message_timestamp": int(time.time() * 1000),
        }
    )


def header_of(message: TaskMessage) -> str:
    """Return the line that the scripts read: kind, level, queue, run, attempt and a digest of the owner."""
    owner = _digest(message.owner)
    return f"t {message.priority} {message.queue} {message.run} {message.attempt} {owner}"


def plain_header(queue: str) -> str:
    """Return the line for a Dramatiq message that is no task; white space in the queue's name is refused."""
    if not queue or queue != queue.translate(_SPACE):
        raise ValueError(f"queue name {queue!r}: a queue name has no white space")
    return f"p normal {queue} - 0 {_NOBODY}"


@lru_cache(maxsize=4096)
def _digest(owner: str) -> str:
    # Any text may be a name, a header has room for a word. Two owners with one digest would merely share their turns.
    if not owner:
        return _NOBODY
    return blake2b(owner.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


class LeasedMessage(MessageProxy):
    """A message together with the lease under which it was fetched, and the task that it carries."""

    def __init__(self, message: Message[Any], lease: Lease) -> None:
        super().__init__(message)
        self.lease = lease
        self.task = task_of(message)


def task_of(message: Message[Any] | MessageProxy) -> TaskMessage | None:
    """Return the task that a message carries, None for a plain one. Raises ValueError for a malformed one."""
    if isinstance(message, LeasedMessage):
        return message.task
    carried = message.options.get(OPTION)
    if carried is None:
        return None
    try:
        return msgspec.convert(carried, TaskMessage)
    except msgspec.ValidationError as error:
        raise ValueError(f"the message's {OPTION} option: {error}") from error
