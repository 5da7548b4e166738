"""The vocabulary of Rota: what a job, a trigger, a run and an event are, and when something is due.

Everything here is pure: no network, no database, no threads besides the ones that `rota.loop` is asked to start. Only
two places read a file, and only the file they are given: `rota.settings` (its `rota.toml`) and
`rota.definitions.read_definitions`. Every other room builds on this one, and it imports none of them.

Times inside are integer milliseconds since 1970 in UTC: instants are named `*_at` or `due`, lengths `*_ms`. People and
programs outside see RFC 3339 and ISO 8601 (`rota.times`).

Light modules, which import nothing but the standard library and msgspec, so that a command starts quickly:
`errors`, `clock`, `ids`, `times`, `loop`, `states`, `runs`, `messages`, `events`. The others need pydantic.
"""
