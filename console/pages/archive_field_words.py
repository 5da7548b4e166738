"""What the forms for archives call their fields, where the names and descriptions of the models are not enough."""

from __future__ import annotations

from collections.abc import Mapping

LABELS = {
    "name": "Name",
    "folder": "Folder",
    "target_datasource": "Datasource",
    "password_again": "Password once more",
    "include": "Only these files",
    "exclude": "Not these",
    "members": "Only these",
    "links": "Symbolic links",
    "level": "How hard to compress, 0 to 9",
    "split_bytes": "Divide into parts of",
    "manifest": "Write a checksum file beside it",
    "conflict": "If something is there already",
    "max_bytes": "Most content",
    "max_bytes_per_second": "Most in a second",
    "encoding": "Code page of its names",
    "max_entries": "Most entries",
    "max_ratio": "Most bytes out of one",
    "max_depth": "Most folders in one another",
    "max_time": "Longest time",
}
HINTS = {
    "level": "what suits the format",
    "split_bytes": "one file",
    "max_bytes": "no limit",
    "max_bytes_per_second": "no limit",
    "encoding": "found out",
    "max_time": "no limit",
}
HELP = {
    "format": "",
    "conflict": "",
    "include": "Patterns, one a line. If there are any, only files that one of them matches go in.",
    "exclude": "Patterns, one a line. What one of them matches stays out, and so does all in a folder that it matches.",
    "members": "Patterns, one a line; a folder's takes all that is in it. Everything if there are none.",
    "manifest": "Its lines are those of `sha256sum`, for all files in the archive.",
    "level": "0 packs without compressing; 9 takes longest.",
    "split_bytes": "Such as `2 GB`.",
    "max_bytes": "Such as `500 MB`. With more than this it fails.",
    "max_bytes_per_second": "Such as `20 MB`; so that others get on, too.",
    "max_time": "Such as `PT10M` for ten minutes.",
}
_CONFLICTS = {
    "number": "Give the new one a number",
    "fail": "Stop",
    "overwrite": "Replace it",
}
CHOICES: Mapping[str, Mapping[str, str]] = {
    "format": {"": "What the name says", "zip": "zip", "tar": "tar", "tar.gz": "tar.gz", "tar.zst": "tar.zst",
               "tar.xz": "tar.xz", "7z": "7z"},
    "links": {"skip": "Leave them out", "keep": "Keep them"},
    "conflict": {
        **_CONFLICTS,
        "skip": "Add what is missing, leave what is there",
        "newer": "Add what is missing, replace what is older",
    },
}  # fmt: skip
COMPRESS_HELP = {
    "password": "For zip and 7z. Without it nobody can read what is in the archive; nobody can find it out.",
    "links": "What a link leads to is never packed.",
}
EXTRACT_HELP = {
    "links": "Those that lead out of the folder are left out in any case.",
}
EXTRACT_CHOICES = {"overwrite": "Add what is missing, replace what is there"}
