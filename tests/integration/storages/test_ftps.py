"""FTP over TLS: the password goes to nobody but the host of the datasource."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from actors.datasources.opening import open_storage
from rota.errors import PermanentError
from tests.storages.faulty import REMOTES, Behaviour, environment, listening


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that nobody vouches for, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a server")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    signed = builder.add_extension(address, critical=False).sign(key, hashes.SHA256())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = tmp_path / "certificate.pem"
    file.write_bytes(signed.public_bytes(serialization.Encoding.PEM) + pem)
    return file


def refusing(certificate: Path, heard: list[bytes]) -> Behaviour:
    """Be a server that begins TLS, and refuses the password."""

    def answer(connection: socket.socket, _done: threading.Event) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
        connection.sendall(b"220 Welcome\r\n")
        heard.append(connection.recv(100))
        connection.sendall(b"234 Begin\r\n")
        with context.wrap_socket(connection, server_side=True) as secured:
            while asked := secured.recv(1000):
                heard.append(asked)
                secured.sendall(b"331 Go on\r\n" if asked.startswith(b"USER") else b"530 No\r\n")

    return answer


@pytest.mark.parametrize("trusted", [True, False])
def test_a_password_is_sent_only_where_the_certificate_is_trusted(
    trusted: bool, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[bytes] = []
    with listening(refusing(certificate, heard)) as port:
        for variable, value in environment(port).items():
            monkeypatch.setenv(variable, value)
        if trusted:
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        options = {"password": "env:F_SECRET", "tls": True}
        with (
            closing(open_storage(REMOTES["fsspec"].at(f"127.0.0.1:{port}", storage_options=options))) as storage,
            pytest.raises(PermanentError, match="530 No" if trusted else "not trusted"),
        ):
            storage.verify()

    assert heard[0] == b"AUTH TLS\r\n"
    assert [asked[:4] for asked in heard[1:]] == ([b"USER", b"PASS"] if trusted else [])
