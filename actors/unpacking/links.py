"""Judges where links lead, before any is made: within the folder that is unpacked, or outside. Pure.

Links are made after all files, so no file ever goes through one. A link is judged with all the others in mind, as the
system would follow them: `..` behind a link leads to the folder above its target.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from actors.datasources.paths import split

_MOST_LINKS = 40  # as many as the kernel follows
_MOST_STEPS = _MOST_BYTES = 4096
_DRIVE = re.compile(rb"[A-Za-z]:")


def problem_of(path: bytes, links: Mapping[bytes, bytes]) -> str | None:
    """Say why the link at a path must not be made, in words that follow "it"; None if it stays inside.

    `links` are all that are to be made, by their paths; what else has a path is taken for a file or folder. A link that
    leads to nothing stays inside if nothing on the way leads out.
    """
    target = links[path]
    if not target or b"\0" in target:
        return "leads nowhere"
    at = [part for part in split(path)[0].split(b"/") if part]
    left = _steps(target)
    followed = steps = 0
    if left is None:
        return "leads outside"
    while left:
        steps += 1
        step = left.pop()
        if step == b"..":
            if not at:
                return "leads outside"
            at.pop()
            continue
        at.append(step)
        further = links.get(b"/".join(at))
        if further is None:
            continue
        followed += 1
        if followed > _MOST_LINKS or steps > _MOST_STEPS:
            return "leads in a circle, or over too many others"
        at.pop()
        onward = _steps(further)
        if onward is None:
            return "leads outside, over another link"
        left += onward
    return None


def _steps(target: bytes) -> list[bytes] | None:
    r"""Give the parts of a target, the first one last; None for one that leads outside wherever it is.

    As with names, a `\` is no slash here, but nobody who takes it for one is led outside.
    """
    if target.startswith((b"/", b"\\")) or _DRIVE.match(target) or len(target) > _MOST_BYTES:
        return None
    if b"\\" in target and b".." in target.replace(b"\\", b"/").split(b"/"):
        return None
    return [part for part in reversed(target.split(b"/")) if part not in {b"", b"."}]
