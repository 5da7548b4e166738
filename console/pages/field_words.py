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
}
REFERENCE_HINT = "env:NAME or file:/path"
GLOB_HINTS = {"include": "*.pdf\nreports/**", "exclude": "*.tmp\ncache/**"}
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
    "max_deleted": "From 0 to 1. When a sync misses more of the entries than this, it asks before it deletes them.",
}
ROOT_HELP = {
    "local": "An absolute path that the workers can reach.",
    "fsspec": "The address as the installed fsspec driver takes it, without a password.",
}
ADDRESS_HELP = "Its address, without a password."
