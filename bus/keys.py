"""Every Redis key of Rota, with its type, lifetime and owner.

All keys share one hash tag, so that a script may touch any of them on a cluster too. "Bus ms" are milliseconds of the
time of the bus, which is the server's but never goes back: see scripts/_server.lua.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LEVELS = ("high", "normal", "low")
#: Digits in front of the message id in a waiting set; scripts/_turns.lua says what for.
_SEQUENCE = 15


@dataclass(frozen=True, slots=True)
class Keys:
    """Makes the names of all keys in one namespace.

    `namespace` is the setting `redis_namespace`; the tag `{rota}` of the design is `{namespace}` here.
    """

    namespace: str = "rota"

    def _key(self, *parts: str) -> str:
        return ":".join((self.tag, *parts))

    @property
    def tag(self) -> str:
        """The part in braces that keeps all keys on one node; it names no key itself."""
        return "{" + self.namespace + "}"

    @property
    def messages(self) -> str:
        """Hash, message id to header line and body; while the message waits, is delayed or leased. Owner: scripts."""
        return self._key("messages")

    @property
    def leases(self) -> str:
        """Sorted set, message id by expiry (bus ms); while leased. Owner: fetch, heartbeat, settle, reap."""
        return self._key("leases")

    @property
    def held(self) -> str:
        """Hash, message id to `fence worker started`; while leased. Owner: fetch, settle, reap."""
        return self._key("held")

    @property
    def crashes(self) -> str:
        """Hash, message id to how many workers died while holding it; until it is settled. Owner: reap."""
        return self._key("crashes")

    @property
    def checkpoints(self) -> str:
        """Hash, message id to the last checkpoint (JSON); until it is settled for good. Owner: settle."""
        return self._key("checkpoints")

    @property
    def settled(self) -> str:
        """Hash, message id to fence; finished, not yet recorded in the store. Owner: settle, recorder."""
        return self._key("settled")

    @property
    def ended(self) -> str:
        """Sorted set, message id by its end for good (bus ms); about a minute. Owner: recorded, control, enqueue."""
        return self._key("ended")

    @property
    def reaped(self) -> str:
        """String, when leases were judged last (bus ms); for ever. Owner: reap."""
        return self._key("reaped")

    @property
    def reprieve(self) -> str:
        """String, until when (bus ms) no lease is judged because nobody could be heard; one lease. Owner: reap."""
        return self._key("reprieve")

    @property
    def skew(self) -> str:
        """String, by how much (ms) the time of the bus is ahead of the server's clock, which went back; for ever.

        Owner: every script that measures time, see scripts/_server.lua.
        """
        return self._key("skew")

    @property
    def timetable(self) -> str:
        """Sorted set, `t:job/trigger` or `w:window id` by due time (ms, trusted); until emitted. Owner: leader."""
        return self._key("timetable")

    @property
    def delayed(self) -> str:
        """Sorted set, message id by due time (bus ms); until due. Owner: enqueue, emit, settle, reap."""
        return self._key("timetable", "delayed")

    @property
    def seeded(self) -> str:
        """String, set once the timetable was filled from the store; for ever. Owner: leader."""
        return self._key("seeded")

    @property
    def queues(self) -> str:
        """Set of queue names ever used; for ever. Owner: enqueue."""
        return self._key("queues")

    @property
    def workers(self) -> str:
        """Sorted set, worker id by the time until which it is believed (bus ms). Owner: heartbeat, reap."""
        return self._key("workers")

    @property
    def outcomes(self) -> str:
        """Stream of outcomes; an entry until it is recorded. Owner: settle, recorder."""
        return self._key("outcomes")

    @property
    def events(self) -> str:
        """Stream of events; an entry until its runs are admitted. Owner: publishers, scheduler."""
        return self._key("events")

    @property
    def dead_events(self) -> str:
        """Stream of events that could not be read, with the reason; about 10,000 entries. Owner: scheduler."""
        return self._key("events", "dead")

    @property
    def dead(self) -> str:
        """Sorted set, dead letter id by time (ms); until redriven or discarded. Owner: settle, reap."""
        return self._key("dead")

    @property
    def dead_letters(self) -> str:
        """Hash, dead letter id to header, reason and bytes (JSON); as `dead`. Owner: settle, reap."""
        return self._key("dead", "letters")

    @property
    def control(self) -> str:
        """Hash, message id to cancel or pause; until the message is settled or terminated. Owner: control."""
        return self._key("control")

    @property
    def control_channel(self) -> str:
        """Channel that carries `kind id` the moment it is asked for; kind `lost`: the lease is gone. Owner: control."""
        return self._key("control", "channel")

    @property
    def leader(self) -> str:
        """String, owner id of the leading scheduler; expires with the leader's lease. Owner: elect."""
        return self._key("leader")

    @property
    def epoch(self) -> str:
        """String, number of the present leadership, growing; for ever. Owner: elect."""
        return self._key("epoch")

    @property
    def trusted(self) -> str:
        """String, the latest time (ms) that a leader took for true; for ever. Owner: leader."""
        return self._key("trusted")

    @property
    def fence(self) -> str:
        """String, last fence handed out, growing; for ever. Owner: fetch."""
        return self._key("fence")

    @property
    def counters(self) -> str:
        """Hash of counters for the fleet's metrics; for ever. Owner: scripts."""
        return self._key("counters")

    @property
    def present(self) -> str:
        """Sorted set, scheduler by the time until which it is believed (bus ms). Owner: presence."""
        return self._key("present")

    @property
    def founder(self) -> str:
        """String, the scheduler that came when no other was there; until it leaves. Owner: presence."""
        return self._key("present", "founder")

    @property
    def watched(self) -> str:
        """String, the folders that workers are to watch (JSON); as long as there is one. Owner: leader."""
        return self._key("watched")

    def queue(self, name: str, level: str) -> str:
        """Sorted set, `sequence message id` by turn, of what waits in a level. Owner: enqueue, settle, reap, fetch."""
        return self._key("waiting", name, level)

    def turns(self, name: str, level: str) -> str:
        """Sorted set, owner's digest by its next turn, `#` by sequence, `@` by turn; as `queue`. Owner: as `queue`."""
        return self._key("turns", name, level)

    def suspects(self, name: str) -> str:
        """List of message ids that wait and may have killed a worker. Owner: reap, settle, fetch."""
        return self._key("queue", name, "suspect")

    def former_queue(self, name: str, level: str) -> str:
        """List of message ids that an older version let wait; until they are adopted. Owner: reap."""
        return self._key("queue", name, level)

    def bell(self, name: str) -> str:
        """List with at most one token that wakes a blocked reader of a queue. Owner: enqueue, fetch."""
        return self._key("bell", name)

    def worker(self, worker_id: str) -> str:
        """Hash of what a worker says about itself; expires with three missed heartbeats. Owner: heartbeat."""
        return self._key("worker", worker_id)

    def worker_held(self, worker_id: str) -> str:
        """Set of message ids leased by a worker. Owner: fetch, settle, reap."""
        return self._key("worker", worker_id, "held")

    def worker_batch(self, worker_id: str) -> str:
        """String, number and answer of the last settled batch, so that it may be sent again; 10 minutes."""
        return self._key("worker", worker_id, "batch")

    def sealed(self, sealed_id: str) -> str:
        """String, the ciphertext of what a person typed, see rota/sealing.py; 7 days. Owner: console."""
        return self._key("sealed", sealed_id)

    @property
    def timetable_bell(self) -> str:
        """List with at most one token: the timetable has a new earliest entry. Owner: enqueue, settle."""
        return self._key("bell", "", "timetable")

    def prelude(self) -> str:
        """Return the Lua lines that give every script these names."""
        names = (
            "messages", "leases", "held", "crashes", "checkpoints", "settled", "timetable", "seeded", "queues",
            "workers", "outcomes", "dead", "dead_letters", "control", "control_channel", "leader", "epoch",
            "fence", "counters", "timetable_bell", "ended", "reaped", "reprieve", "delayed",
            "present", "founder", "skew",
        )  # fmt: skip
        lines = [f"local {name.upper()} = {_lua(getattr(self, name))}" for name in names]
        for name, key, places in (
            ("queue", self.queue, ("queue", "level")),
            ("turns", self.turns, ("queue", "level")),
            ("suspects", self.suspects, ("queue",)),
            ("former_queue", self.former_queue, ("queue", "level")),
            ("bell", self.bell, ("queue",)),
            ("worker", self.worker, ("worker",)),
            ("held", self.worker_held, ("worker",)),
            ("batch", self.worker_batch, ("worker",)),
        ):
            lines.append(f"local function {name}_key({', '.join(places)}) return {_lua_of(key, places)} end")
        return "\n".join(lines) + "\n"


def message_id(member: bytes) -> bytes:
    """Return the message id of a member of a waiting set."""
    return member[_SEQUENCE:]


def _lua(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


def _lua_of(key: Callable[..., str], places: Sequence[str]) -> str:
    """Return the Lua expression that makes a key of its variables."""
    text = _lua(key(*(f"\0{place}\0" for place in places)))
    for place in places:
        text = text.replace(f"\0{place}\0", f"' .. {place} .. '")
    return text
