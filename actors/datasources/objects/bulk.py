"""The request of S3 that deletes many objects at once, and its answer. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from xml.sax.saxutils import escape

from actors.datasources.objects.answers import root_of

_UNSPEAKABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Written as they are, the reader of the request would make others of them.
_ESCAPED = {"\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


def is_speakable(key: bytes) -> bool:
    """Say whether XML can hold a key at all: most control characters it cannot, in no form."""
    try:
        return not _UNSPEAKABLE.search(key.decode())
    except UnicodeDecodeError:
        return False


def delete_request(keys: Sequence[bytes]) -> bytes:
    """Give the body of the request; all that was deleted is left out of the answer."""
    objects = "".join(f"<Object><Key>{escape(key.decode(), _ESCAPED)}</Key></Object>" for key in keys)
    space = "http://s3.amazonaws.com/doc/2006-03-01/"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><Delete xmlns="{space}"><Quiet>true</Quiet>{objects}</Delete>'.encode()
    )


def refused_keys(body: bytes, keys: Collection[bytes]) -> dict[bytes, str]:
    """Give those of the keys that the answer says could not be deleted, and why.

    Raises ValueError or KeyError for what is no answer to this request.
    """
    asked = set(keys)
    refused: dict[bytes, str] = {}
    for child in root_of(body, "DeleteResult"):
        told = {each.tag.rpartition("}")[2]: each.text or "" for each in child}
        if child.tag.rpartition("}")[2] != "Error" or told.get("Code") == "NoSuchKey":
            continue
        key = told["Key"].encode()
        if key not in asked:
            raise ValueError(f"tells of {key[:200]!r}, which was not asked for")
        refused[key] = f"the service says: {told.get('Code', '')[:80]}"
    return refused
