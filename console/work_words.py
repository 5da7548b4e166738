"""What runs about files and bins have done, in a sentence; light enough for the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from console.output import size

GOES = {
    "age": "by age",
    "size": "because the bin has too many bytes",
    "count": "because the bin has too many items",
    "due": "kept until a time that has come",
    "asked": "chosen",
    "leftover": "begun by an earlier purge",
}
"""Why an item goes, by the word of `rota.purging.Why`."""
STAYS = {
    "young": "not old enough",
    "within_limits": "within the limits",
    "held": "held",
    "waiting": "kept until a later time",
    "future": "deleted later than now: a clock is wrong",
    "claimed": "on their way out by another run",
    "doubtful": "held back until somebody confirms",
    "touched": "changed since they came",
    "foreign": "with another file system in them",
    "restored": "restored meanwhile",
    "failed": "failed",
}
"""Why an item stays."""


def counted(number: int, noun: str, many: str = "") -> str:
    """Return a number with its noun: `1 item`, `1,200 items`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {many or noun + 's'}"


def why_in_words(reasons: Mapping[str, int], words: Mapping[str, str] = STAYS) -> str:
    """Return counts by reason in words: `3 held, 200 not old enough`; the most frequent reason first."""
    ranked = sorted(reasons.items(), key=lambda reason: -reason[1])
    return ", ".join(f"{count:,} {words.get(why, why.replace('_', ' '))}" for why, count in ranked)


def purge_in_words(found: Mapping[str, Any], *, dry: bool) -> str:
    """Return what a purge has deleted for good, or would, and what stays and why."""
    removed = found.get("removed", 0)
    said = f"{counted(removed, 'item')}, {size(found.get('bytes', 0))}"
    if dry:
        first = f"Would delete {said}." if removed else "Nothing would go."
    else:
        first = f"Deleted {said} for good." if removed else "Nothing was deleted."
    kept = why_in_words(found.get("kept") or {})
    doubt = found.get("doubt")
    return " ".join(filter(None, (first, f"Stays: {kept}." if kept else "", f"Held back: {doubt}." if doubt else "")))


def deletion_in_words(found: Mapping[str, Any]) -> str:
    """Return what a deletion has moved to the bin, and what is gone for good."""
    removed, for_good, skipped = (found.get(word, 0) for word in ("removed", "for_good", "skipped"))
    amount = f"{counted(found.get('items', 0), 'entry', 'entries')}, {size(found.get('bytes', 0))}"
    parts = []
    if removed > for_good:
        parts.append(f"Moved to the bin: {amount}." if not for_good else f"Deleted: {amount}.")
    if for_good:
        parts.append(f"Gone for good: {amount if removed == for_good else counted(for_good, 'path')}.")
    if skipped:
        parts.append(f"Not there any more: {counted(skipped, 'path')}.")
    return " ".join(parts) or "Nothing was deleted."


def restore_in_words(found: Mapping[str, Any]) -> str:
    """Return what was restored, and how much stays in the bin."""
    restored, kept = found.get("restored", 0), len(found.get("kept") or ())
    said = f"{counted(restored, 'item')}, {size(found.get('bytes', 0))}"
    stays = f" {counted(kept, 'item stays', 'items stay')} in the bin." if kept else ""
    return (f"Restored {said}." if restored else "Nothing was restored.") + stays
