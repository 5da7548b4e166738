"""Which certificates are trusted, wherever Rota connects to a server over TLS."""

from __future__ import annotations

import ssl


def trust() -> ssl.SSLContext:
    """Give a context that trusts what the machine trusts (SSL_CERT_FILE too), and the public authorities.

    A slim machine lacks the latter.
    """
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
