"""A WebDAV server of this process over a folder: WsgiDAV on Cheroot.

What it cannot hold: names that are not UTF-8, links (it leaves them out), and a difference within one second (its etag
is made of inode, second and size).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cheroot import wsgi
from wsgidav.wsgidav_app import WsgiDAVApp

from actors.datasources.storage import Datasource
from rota.datasources import Rules
from tests.storages.folders import ServedFolder

USER, PASSWORD = "rota", "open sesame: \u00fc"
VARIABLE = "WEBDAV_PASSWORD"

Wrapper = Callable[[Any], Any]
"""Puts a WSGI application around another."""


@contextmanager
def serve(folder: Path, *, wrapper: Wrapper = lambda app: app) -> Iterator[ServedFolder]:
    """Serve a folder below `/dav files/` until the end of the block."""
    app = WsgiDAVApp(
        {
            "provider_mapping": {"/dav files": str(folder)},
            "simple_dc": {"user_mapping": {"*": {USER: {"password": PASSWORD}}}},
            "http_authenticator": {"accept_basic": True, "accept_digest": False, "default_to_digest": False},
            "verbose": 0,
            "logging": {"enable": False},
            "lock_storage": None,
            "property_manager": None,
        }
    )
    logging.getLogger("wsgidav").setLevel(logging.CRITICAL)
    with serve_app(wrapper(app)) as address:
        yield ServedFolder(
            Datasource(
                name="files",
                kind="webdav",
                root=f"{address}/dav%20files",
                options={"username": USER, "password": f"env:{VARIABLE}", "timeout_seconds": 60},
                rules=Rules(allow_private=True),
            ),
            folder,
            {VARIABLE: PASSWORD},
        )


@contextmanager
def serve_app(app: Any) -> Iterator[str]:
    """Run a WSGI application on a free port and give its address."""
    # With a queue of the usual 5, some connections are turned away for a second where it gets no turn.
    server = wsgi.Server(("127.0.0.1", 0), app, numthreads=10, request_queue_size=128, timeout=30, shutdown_timeout=0)
    server.expiration_interval = 0.02  # how long its loop sleeps before it sees that it shall stop
    server.error_log = lambda *args, **kwargs: None
    server.prepare()
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.bind_addr[1]}"
    finally:
        server.stop()
        thread.join()
