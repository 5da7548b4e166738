"""Event names of Pydio Cells, and the types of events that jobs listen for here."""

from __future__ import annotations

from dataclasses import dataclass

ENTRY_EVENTS = {
    "NODE_CHANGE:0": "entry.created",
    "NODE_CHANGE:2": "entry.moved",
    "NODE_CHANGE:3": "entry.updated",
    "NODE_CHANGE:5": "entry.deleted",
}
"""What `sync` publishes, by what Cells calls it."""

FOREIGN_EVENTS = {
    **{
        f"IDM_CHANGE:{kind}:{number}": f"idm.{kind.lower()}.{word}"
        for kind in ("USER", "ROLE", "WORKSPACE", "ACL")
        for number, word in enumerate(("created", "read", "updated", "deleted"))
    },
    "IDM_CHANGE:USER:4": "idm.user.login",
    "IDM_CHANGE:USER:5": "idm.user.logout",
    "CHAT_EVENT:MESSAGE:PUT": "chat.message.put",
    "CHAT_EVENT:MESSAGE:DELETE": "chat.message.deleted",
    "CHAT_EVENT:ROOM:PUT": "chat.room.put",
    "CHAT_EVENT:ROOM:DELETE": "chat.room.deleted",
}
"""What Rota does not know of itself: another service has to publish these types."""

UNHEARD_EVENTS = {
    "NODE_CHANGE:1": "that a file was read is no event in Rota",
    "NODE_CHANGE:4": "changes of metadata are no event in Rota, which looks at names, sizes and times",
    "NODE_CHANGE:6": "changes of users' metadata are no event in Rota",
}
"""What nothing stands for here, and why."""

STARTED = "rota.started"


@dataclass(frozen=True, slots=True)
class Heard:
    """What a name of Cells means here: a type of event, None with the reason if there is none."""

    name: str
    type: str | None
    reason: str = ""

    @property
    def is_entry(self) -> bool:
        """Whether `sync` publishes it, with entries."""
        return self.name in ENTRY_EVENTS

    @property
    def is_foreign(self) -> bool:
        """Whether another service has to publish it."""
        return self.name in FOREIGN_EVENTS


def heard(name: str) -> Heard:
    """Return what an event name means here."""
    known = ENTRY_EVENTS.get(name) or FOREIGN_EVENTS.get(name)
    return Heard(name, known, "" if known else UNHEARD_EVENTS.get(name, "is no event that Rota knows of"))
