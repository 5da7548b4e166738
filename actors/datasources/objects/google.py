"""Tokens for Google's services out of a service account's key; nothing else of the machine is asked for one."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from actors.datasources.endpoints import check_endpoint
from actors.datasources.objects.signing import Request, anonymous, encoded_query
from actors.datasources.objects.wire import Wire
from rota.errors import PermanentError, RotaError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
_TOKEN_ADDRESS = "https://oauth2.googleapis.com/token"  # noqa: S105
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFE_SECONDS = 3600
_SPARE_SECONDS = 300


class GoogleToken:
    """Gives a valid token, fetched when the last one is about to end; safe in several threads."""

    def __init__(
        self,
        key: str,
        *,
        name: str,
        allow_private: bool,
        timeout_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Read the JSON key of a service account; raises PermanentError, which never quotes it, if it is none."""
        self._name = name
        self._allow_private = allow_private
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""
        self._until = 0.0
        self._failures = 0
        self._failure: RotaError | None = None
        try:
            fields = json.loads(key)
            self._email, self._key = str(fields["client_email"]), _private_key(str(fields["private_key"]))
            self._address = str(fields.get("token_uri") or _TOKEN_ADDRESS)
            self._key_id = str(fields.get("private_key_id") or "")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise PermanentError(
                f"datasource {name!r}: options.service_account_key leads to no JSON key of a service account"
            ) from None

    def __call__(self) -> str:
        """Give a token; raises PermanentError if the key is refused.

        All that ask meanwhile share one attempt, and its failure: one after the other they would wait for each time
        limit.
        """
        before = self._failures
        with self._lock:
            if self._clock() > self._until - _SPARE_SECONDS:
                if self._failures > before and self._failure is not None:
                    raise self._failure
                try:
                    self._token, seconds = self._fetch()
                except RotaError as error:
                    self._failures, self._failure = self._failures + 1, error
                    raise
                self._until = self._clock() + seconds
            return self._token

    def _fetch(self) -> tuple[str, float]:
        endpoint = check_endpoint(self._address, allow_private=self._allow_private)
        body = encoded_query({"grant_type": _GRANT, "assertion": self._assertion()}).encode()
        wire = Wire(endpoint, anonymous, name=self._name, timeout_seconds=self._timeout_seconds, connections=1)
        try:
            path = urlsplit(self._address).path or "/"
            headers = {"content-type": "application/x-www-form-urlencoded"}
            answer = wire.ask(Request(method="POST", path=path, headers=headers, body=body), about_one=False)
            found = json.loads(answer.body)
            return str(found["access_token"]), float(found.get("expires_in", _LIFE_SECONDS))
        except (ValueError, KeyError, TypeError):
            raise PermanentError(f"datasource {self._name!r}: what gives tokens gave none") from None
        finally:
            wire.close()

    def _assertion(self) -> str:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        now = int(self._clock())
        claims = {"iss": self._email, "scope": _SCOPE, "aud": self._address, "iat": now, "exp": now + _LIFE_SECONDS}
        signed = f"{_part({'alg': 'RS256', 'typ': 'JWT', 'kid': self._key_id})}.{_part(claims)}"
        return f"{signed}.{_text(self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _private_key(pem: str) -> RSAPrivateKey:
    """Read a key; raises ValueError or TypeError if it is none or of another kind."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("no RSA key")
    return key


def _part(claims: dict[str, Any]) -> str:
    return _text(json.dumps(claims, separators=(",", ":")).encode())


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
