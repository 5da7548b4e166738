"""What `rota datasources show` says of a bin: its rules, and what is in it."""

from __future__ import annotations

from typing import Any

from console.output import local_time, size
from console.work_words import counted

Fields = list[tuple[str, object]]


def bin_rules(rules: dict[str, Any]) -> Fields:
    """Return the rules of a bin, as fields."""
    limits = {"user": " for each user", "folder": " for each folder of the root"}.get(rules["per"], "")
    return [
        ("bin", _kept(rules, limits) if rules["enabled"] else f"deletions are for good; {_kept(rules, limits)}"),
        ("bin parts", "\n".join(map(_part, rules["parts"])) or None),
        ("bin holds", "\n".join(rules["hold"]) or None),
        ("bin asks", f"when a limit takes more than {rules['max_purged']:.0%} at once"),
    ]


def bin_state(recycled: dict[str, Any]) -> Fields:
    """Return what is in a bin and how its last purge went, as fields."""
    last, doubt = recycled["last_purge"], recycled["doubt"]
    held = f", {recycled['held']:,} held" if recycled["held"] else ""
    removed = f"{counted(last.get('removed', 0), 'item')}, {size(last.get('bytes', 0))}" if last else ""
    return [
        ("recycled", f"{counted(recycled['items'], 'item')}, {size(recycled['bytes'])}{held}"),
        ("purged", f"{local_time(last['at'])}: {removed} (run {last['run']})" if last else None),
        ("held back", f"{counted(doubt['items'], 'item')}, to be confirmed: {doubt['reason']}" if doubt else None),
    ]


def _part(part: dict[str, Any]) -> str:
    about = " in ".join(word for word in (part["user"], f"{part['folder']}/" if part["folder"] else None) if word)
    return f"{about}: {_kept(part)}" + ("" if part["enabled"] else ", deletions are for good")


def _kept(rules: dict[str, Any], limits: str = "") -> str:
    most = [size(rules["max_size"])] if rules["max_size"] else []
    most += [counted(rules["max_items"], "item")] if rules["max_items"] else []
    kept = f"kept for {rules['keep']}" if rules["keep"] else "kept for ever"
    return kept + (f", at most {' and '.join(most)}{limits}" if most else "")
