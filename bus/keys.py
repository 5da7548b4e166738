"""Every Redis key of Rota, with its type, lifetime and owner.

All keys share one hash tag, so that a script may touch any of them on a cluster too.
"""

from __future__ import annotations

from dataclasses import dataclass

LEVELS = ("high", "normal", "low")


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
        """Sorted set, message id by expiry (server ms); while leased. Owner: fetch, heartbeat, settle, reap."""
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
        """Sorted set, message id by the time its end was recorded (ms); about a minute. Owner: recorded, enqueue."""
        return self._key("ended")

    @property
    def reaped(self) -> str:
        """String, when leases were judged last (ms); for ever. Owner: reap."""
        return self._key("reaped")

    @property
    def reprieve(self) -> str:
        """String, there while no lease is judged because nobody could be heard; one lease. Owner: reap."""
        return self._key("reprieve")

    @property
    def timetable(self) -> str:
        """Sorted set, `t:job:trigger` or `m:message id` by due time (ms); until due. Owner: leader, enqueue."""
        return self._key("timetable")

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
        """Sorted set, worker id by the time until which it is believed (ms). Owner: heartbeat, reap."""
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
        """Hash, message id to cancel or pause; until the message is settled. Owner: control."""
        return self._key("control")

    @property
    def control_channel(self) -> str:
        """Channel that carries `kind id` the moment it is asked for. Owner: control."""
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
    def fence(self) -> str:
        """String, last fence handed out, growing; for ever. Owner: fetch."""
        return self._key("fence")

    @property
    def counters(self) -> str:
        """Hash of counters for the fleet's metrics; for ever. Owner: scripts."""
        return self._key("counters")

    def queue(self, name: str, level: str) -> str:
        """List of message ids that wait; levels are suspect, high, normal and low. Owner: enqueue, fetch."""
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

    @property
    def timetable_bell(self) -> str:
        """List with at most one token: the timetable has a new earliest entry. Owner: enqueue, settle."""
        return self._key("bell", "", "timetable")

    def prelude(self) -> str:
        """Return the Lua lines that give every script these names."""
        names = (
            "messages", "leases", "held", "crashes", "checkpoints", "settled", "timetable", "seeded", "queues",
            "workers", "outcomes", "dead", "dead_letters", "control", "control_channel", "leader", "epoch",
            "fence", "counters", "timetable_bell", "ended", "reaped", "reprieve",
        )  # fmt: skip
        lines = [f"local {name.upper()} = {_lua(getattr(self, name))}" for name in names]
        queue, bell, worker = (_lua(self._key(kind, "")) for kind in ("queue", "bell", "worker"))
        lines += [
            f"local function queue_key(queue, level) return {queue} .. queue .. ':' .. level end",
            f"local function bell_key(queue) return {bell} .. queue end",
            f"local function worker_key(worker) return {worker} .. worker end",
            "local function held_key(worker) return worker_key(worker) .. ':held' end",
            "local function batch_key(worker) return worker_key(worker) .. ':batch' end",
        ]
        return "\n".join(lines) + "\n"


def _lua(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"
