"""Secrets that a person typed: kept sealed, where neither the database nor Redis alone tells them. Pure.

A sealed secret is in two places. The ciphertext is in Redis, and goes by itself after a while; the key is in the run's
parameters in the database, as `sealed:<id>:<key>`. What a message carries, which is in Redis as well, is `sealed:<id>`
only: the worker looks up both.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from rota.ids import new_id

KEPT_SECONDS = 7 * 24 * 3600
"""How long the ciphertext is kept: a run that waited, was paused or is tried again later needs it still."""
HIDDEN = "***"
"""What is shown in place of a reference."""

_PREFIX = "sealed:"
_REFERENCE = re.compile(r"sealed:([0-9a-f-]{36})(?::([A-Za-z0-9_-]{43}))?", re.ASCII)
_NONCE_BYTES = 12
_KEY_BYTES = 32


class Sealed(NamedTuple):
    """A secret in its two parts; the third one says that they belong together."""

    id: str
    key: str
    ciphertext: bytes

    @property
    def reference(self) -> str:
        """What stands for it in the parameters of a run."""
        return f"{_PREFIX}{self.id}:{self.key}"


def seal(secret: str) -> Sealed:
    """Seal a secret with a key that is made for it alone."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key, nonce, name = os.urandom(_KEY_BYTES), os.urandom(_NONCE_BYTES), new_id()
    # The id is bound to it: no ciphertext can be put in the place of another.
    ciphertext = nonce + AESGCM(key).encrypt(nonce, secret.encode("utf-8", "surrogatepass"), name.encode())
    return Sealed(name, base64.urlsafe_b64encode(key).decode().rstrip("="), ciphertext)


def unseal(sealed: Sealed) -> str:
    """Give the secret; raises ValueError, which tells nothing of it, if the parts do not belong together."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce, content = sealed.ciphertext[:_NONCE_BYTES], sealed.ciphertext[_NONCE_BYTES:]
    try:
        key = base64.urlsafe_b64decode(f"{sealed.key}=")
        return AESGCM(key).decrypt(nonce, content, sealed.id.encode()).decode("utf-8", "surrogatepass")
    except (InvalidTag, ValueError) as error:
        raise ValueError("what was sealed does not open with this key") from error


def id_of(reference: str) -> str | None:
    """Give the id of what a reference names, with its key or without; None for any other text."""
    found = _REFERENCE.fullmatch(reference)
    return None if found is None else found[1]


def key_in(params: Mapping[str, Any], sealed_id: str) -> str | None:
    """Give the key of a sealed secret out of the parameters of its run; None if they have none."""
    for value in params.values():
        found = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
        if found is not None and found[1] == sealed_id:
            return found[2]
    return None


def keyless(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give parameters as messages may carry them: references without their keys."""
    return _replaced(params, lambda reference: f"{_PREFIX}{id_of(reference)}")


def shown(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give parameters as anybody may see them: `***` in place of references."""
    return _replaced(params, lambda _: HIDDEN)


def _replaced(params: Mapping[str, Any], by: Callable[[str], str]) -> Mapping[str, Any]:
    # Most parameters have none, and every run passes here: nothing is copied for them.
    found = [name for name, value in params.items() if isinstance(value, str) and id_of(value) is not None]
    return {**params, **{name: by(params[name]) for name in found}} if found else params
