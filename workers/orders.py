"""What a supervisor tells each of its processes first, through the socket between them."""

from __future__ import annotations

import json
import os
import socket
from typing import Any


def read_orders(connection: socket.socket) -> dict[str, Any]:
    """Return what the supervisor orders, one line of JSON; ends the process if there is no supervisor any more."""
    data = bytearray()
    while not data.endswith(b"\n"):
        some = connection.recv(65_536)
        if not some:
            os._exit(1)
        data += some
    orders: dict[str, Any] = json.loads(data)
    return orders
