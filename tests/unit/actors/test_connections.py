from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from rota.connections import Connections


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.server.connections += 1

    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *args):
        pass


@pytest.fixture
def service():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.connections = 0
    server.handle_error = lambda *args: None
    server.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def client_of(most, *, pool=60.0):
    return httpx.Client(transport=Connections(most=most, verify=False), timeout=httpx.Timeout(60, pool=pool))


def test_threads_share_few_connections(service):
    with client_of(3) as client, ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda n: client.get(service.url).content, range(60)))

    assert answers == [b"hello"] * 60
    assert service.connections <= 3


def test_connection_is_kept(service):
    with client_of(8) as client:
        for _ in range(5):
            client.get(service.url)

    assert service.connections == 1


def test_request_waits_for_a_connection_no_longer_than_allowed(service):
    with client_of(1, pool=0.05) as client:
        with client.stream("GET", service.url), pytest.raises(httpx.PoolTimeout):
            client.get(service.url)
        assert client.get(service.url).content == b"hello"


def test_failed_request_gives_its_connection_back(service):
    with client_of(1, pool=0.05) as client:
        for _ in range(3):
            with pytest.raises(httpx.ConnectError):
                client.get("http://127.0.0.1:1/")
        assert client.get(service.url).content == b"hello"


def test_answer_may_be_read_after_the_client_was_closed(service):
    client = client_of(2)
    client.get(service.url)
    with client.stream("GET", service.url) as answer:
        client.close()
        assert answer.read() == b"hello"

    with pytest.raises(RuntimeError):
        client.get(service.url)
