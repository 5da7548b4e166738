"""What the form for a datasource calls its fields, where the names and descriptions of the models are not enough."""

from __future__ import annotations

LABELS = {
    "root": "Where",
    "include": "Only these files",
    "exclude": "Not these",
    "max_deleted": "Largest share deleted unasked",
    "allow_private": "Allow private addresses",
    "watch": "Watch for changes",
    "index": "Searched",
    "contents": "Contents searched",
    "language": "Language",
    "largest_read": "Largest file that is read, in bytes",
    "enabled": "Switched on",
    "access_key_id": "Access key id",
    "any_host_key": "Accept any host key",
    "in_flight": "Requests at once",
    "sas_token": "SAS token",
    "service_account_key": "Service account's key",
    "timeout_seconds": "Timeout in seconds",
    "virtual_host": "Bucket in the host's name",
    "bin.enabled": "Deletions go to the bin",
    "bin.keep": "Kept for",
    "bin.max_size": "Most bytes kept",
    "bin.max_items": "Most items kept",
    "bin.per": "Limits are for each",
    "bin.parts": "Other rules for a folder or a user",
    "bin.hold": "Never purged",
    "bin.max_purged": "Largest share purged unasked",
    "homes": "Homes of users",
}
REFERENCE_HINT = "env:NAME or file:/path"
GLOB_HINTS = {
    "include": "*.pdf\nreports/**",
    "exclude": "*.tmp\ncache/**",
    "bin.hold": "contracts/**",
    "members": "*.pdf\nletters/**",
}
SIZES = ("split_bytes", "max_bytes", "max_bytes_per_second")
OPTIONS_HINT = '{"host": "…", "password": "env:NAME"}'
JSON_HINTS = {"bin.parts": '[{"folder": "scratch", "keep": "P1D"}, {"user": "anna", "max_size": 5000000000}]'}
NUMBER_HINTS = {"bin.max_size": "no limit", "bin.max_items": "no limit"}
TEXT_HINTS = {"bin.keep": "for ever", "homes": "users"}
ROOT_HINTS = {
    "local": "/srv/files",
    "s3": "s3://bucket/prefix",
    "gcs": "gs://bucket/prefix",
    "azure": "az://container/prefix",
    "sftp": "sftp://user@host/folder",
    "webdav": "https://host/folder",
    "fsspec": "ftp://host/folder",
}
HELP = {
    "include": "Patterns, one a line. If there are any, only files and links that one of them matches count.",
    "exclude": "Patterns, one a line. What one of them matches is left out, and so is all in a folder that it matches.",
    "index": "What is in it is found by the search.",
    "contents": "Files are read for the search. If not, they are found by their names only.",
    "language": "Whose words are reduced to their stems, so that reports finds report. With none, words are found as "
    "they are written. Another language builds the index anew.",
    "largest_read": "Files above this are found by their names only.",
    "bin.enabled": "If not, what Rota deletes is gone for good.",
    "bin.keep": "How long after its deletion an item stays, such as `P30D` for 30 days; for ever if nothing is said.",
    "bin.max_size": "When there is more, the items that were deleted first go first.",
    "bin.max_items": "When there are more, those that were deleted first go first.",
    "bin.per": "Both limits count in the whole datasource, for each user who deletes, or for each folder of its root.",
    "bin.parts": "A list in JSON; of several that fit what was deleted the first counts. Each names a `folder`, a "
    "`user` or both, and may have `keep`, `max_size`, `max_items` and `enabled`.",
    "bin.hold": "Patterns, one a line. What was deleted where one of them matches stays, whatever the rules say.",
    "bin.max_purged": "From 0 to 1. When a limit would take more of a bin than this at once, the purge asks before.",
    "max_deleted": "From 0 to 1. When a sync misses more of the entries than this, it asks before it deletes them.",
}
ROOT_HELP = {
    "local": "An absolute path that the workers can reach.",
    "fsspec": "The address as the installed fsspec driver takes it, without a password.",
}
ADDRESS_HELP = "Its address, without a password."
