"""An FTP server of this process over a folder, reached through fsspec: pyftpdlib.

What it cannot hold: names that are not UTF-8, names with a line end, links (it shows what they lead to), and a
difference of the same size within one second.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer

from actors.datasources.storage import Datasource
from rota.datasources import Rules
from tests.storages.folders import ServedFolder

USER, PASSWORD = "rota", "open sesame"
VARIABLE = "FTP_PASSWORD"


@contextmanager
def serve(folder: Path, *, handler: type[FTPHandler] = FTPHandler) -> Iterator[ServedFolder]:
    """Serve a folder until the end of the block, with a handler that may misbehave."""
    top = folder / "top"
    top.mkdir()
    logger = logging.getLogger("pyftpdlib")
    logger.propagate = False
    if not logger.handlers:  # else it would set up one of its own, to the terminal
        logger.addHandler(logging.NullHandler())
    authorizer = DummyAuthorizer()
    authorizer.add_user(USER, PASSWORD, str(folder), perm="elradfmwMT")
    # Who gives a wrong password need not wait for it: nobody guesses here.
    own = type("Handler", (handler,), {"authorizer": authorizer, "use_sendfile": False, "auth_failed_timeout": 0})
    server = FTPServer(("127.0.0.1", 0), own)
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            server.ioloop.loop(timeout=0.02, blocking=False)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield ServedFolder(
            Datasource(
                name="files",
                kind="fsspec",
                root=f"ftp://{USER}@127.0.0.1:{server.address[1]}/top",
                options={"storage_options": {"password": f"env:{VARIABLE}"}, "timeout_seconds": 60},
                rules=Rules(allow_private=True),
            ),
            top,
            {VARIABLE: PASSWORD},
        )
    finally:
        done.set()
        thread.join()
        server.close_all()
