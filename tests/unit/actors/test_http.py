from __future__ import annotations

import json
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from actors import http as module
from actors.http import HttpParams, http
from actors.testing import RecordingRun
from rota.errors import Cancelled, PermanentError, TemporaryError


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        length = int(self.headers.get("content-length", 0))
        self.server.requests.append((self.command, self.path, dict(self.headers.items()), self.rfile.read(length)))
        status, headers, body = self.server.answers.get(self.path, (200, {}, b"fine"))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = answer

    def log_message(self, *args):
        pass


@pytest.fixture
def service():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.requests, server.answers = [], {}
    server.handle_error = lambda *args: None  # a client that goes away on purpose
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def ask(service, path="/", *, run=None, **params):
    return http(run or RecordingRun(), HttpParams(url=service.url + path, allow_private=True, **params))


def test_answer_is_the_result(service):
    result = ask(service)

    assert (result.status, result.body) == (200, "fine")


def test_json_goes_out_and_comes_in(service):
    service.answers["/"] = (201, {"content-type": "application/json; charset=utf-8"}, b'{"id": 7}')

    result = ask(service, method="POST", json={"a": [1]})

    assert result.body == {"id": 7}
    method, _, headers, body = service.requests[0]
    assert (method, headers["content-type"], json.loads(body)) == ("POST", "application/json", {"a": [1]})


def test_each_attempt_has_the_same_idempotency_key(service):
    run = RecordingRun()
    ask(service, run=run)
    ask(service, run=run)

    keys = {headers["idempotency-key"] for _, _, headers, _ in service.requests}
    assert keys == {run.task}


def test_host_header_is_the_name_that_was_asked_for(service):
    http(RecordingRun(), HttpParams(url=f"http://localhost:{service.server_port}/", allow_private=True))

    assert service.requests[0][2]["host"] == f"localhost:{service.server_port}"


def test_loopback_is_refused_unless_allowed(service):
    with pytest.raises(PermanentError, match="allow_private"):
        http(RecordingRun(), HttpParams(url=service.url))

    assert service.requests == []


def test_name_is_resolved_once(service, monkeypatch):
    """A name that answers differently the second time gains nothing."""
    asked = []

    def resolver(host, port, **kwargs):
        asked.append(host)
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", _only_for(("service.test",), resolver))
    http(RecordingRun(), HttpParams(url=f"http://service.test:{service.server_port}/", allow_private=True))

    assert asked == ["service.test"]


def _only_for(names, resolver):
    real = socket.getaddrinfo

    def chosen(host, port, *args, **kwargs):
        if host in names:
            return resolver(host, port, **kwargs)
        return real(host, port, *args, **kwargs)

    return chosen


def test_next_address_is_tried_when_one_takes_no_connection(service, monkeypatch):
    def resolver(host, port, **kwargs):
        return [(2, 1, 6, "", (address, port)) for address in ("127.0.0.2", "127.0.0.1")]

    # The service listens on 127.0.0.1 only.
    monkeypatch.setattr(socket, "getaddrinfo", _only_for(("service.test",), resolver))
    result = http(RecordingRun(), HttpParams(url=f"http://service.test:{service.server_port}/", allow_private=True))

    assert result.status == 200


@pytest.mark.parametrize("status", [500, 502, 503, 408, 429])
def test_these_answers_are_temporary(service, status):
    service.answers["/"] = (status, {"Retry-After": "7"}, b"")

    with pytest.raises(TemporaryError, match=str(status)) as raised:
        ask(service)

    assert raised.value.delay_ms == 7000


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_these_answers_are_final(service, status):
    service.answers["/"] = (status, {}, b"no such thing")
    run = RecordingRun()

    with pytest.raises(PermanentError, match=str(status)):
        ask(service, run=run)

    assert "no such thing" in run.log.lines[-1][1]


def test_redirects_are_not_followed(service):
    service.answers["/"] = (302, {"Location": service.url + "/elsewhere"}, b"")

    with pytest.raises(PermanentError, match="redirects are not followed"):
        ask(service)

    assert len(service.requests) == 1


def test_refused_connection_is_temporary():
    with pytest.raises(TemporaryError, match="ConnectError"):
        http(RecordingRun(), HttpParams(url="http://127.0.0.1:1/", allow_private=True))


def test_silence_is_temporary(service, monkeypatch):
    monkeypatch.setattr(module, "_READ_SECONDS", 0.05)
    waiting = threading.Event()
    monkeypatch.setattr(Service, "answer", lambda self: waiting.wait(60))
    monkeypatch.setattr(Service, "do_GET", Service.answer)

    try:
        with pytest.raises(TemporaryError, match="no answer in time"):
            ask(service)
    finally:
        waiting.set()


def test_long_answer_is_refused(service):
    service.answers["/"] = (200, {}, b"x" * (module.MAX_BODY_BYTES + 1))

    with pytest.raises(PermanentError, match="longer than"):
        ask(service)


def test_result_fits_into_a_report(service):
    service.answers["/"] = (200, {}, b"x" * module.MAX_BODY_BYTES)

    assert len(ask(service).body) <= module.MAX_RESULT_BYTES


def test_compressed_answer_is_refused(service):
    service.answers["/"] = (200, {"content-encoding": "gzip"}, b"...")

    with pytest.raises(PermanentError, match="compressed"):
        ask(service)


def test_slow_answer_ends_at_the_deadline(service):
    service.answers["/"] = (200, {}, b"x" * 500_000)

    with pytest.raises(TemporaryError, match="longer than"):
        ask(service, timeout_seconds=0.000001)


def test_cancel_ends_the_exchange(service):
    run = RecordingRun()
    run.interrupt(Cancelled("by a person"))

    with pytest.raises(Cancelled):
        ask(service, run=run)


def test_secret_goes_out_and_is_nowhere_else(service, monkeypatch):
    monkeypatch.setenv("SERVICE_TOKEN", "hush-hush-hush")
    service.answers["/"] = (200, {}, b"you said Bearer hush-hush-hush")
    service.answers["/bad"] = (500, {}, b"you said hush-hush-hush")
    monkeypatch.setenv("SERVICE_HEADER", "Bearer hush-hush-hush")
    run = RecordingRun()
    headers = {"Authorization": "env:SERVICE_HEADER", "X-Token": "env:SERVICE_TOKEN"}

    result = ask(service, run=run, headers=headers)
    with pytest.raises(TemporaryError) as raised:
        ask(service, "/bad", run=run, headers=headers)

    assert service.requests[0][2]["authorization"] == "Bearer hush-hush-hush"
    assert "hush" not in f"{result} {run.log.lines} {raised.value}"


@pytest.mark.parametrize(
    "url", ["ftp://host/", "file:///etc/passwd", "//host", "http://", "http://u:p@host/", "http://host:0/"]
)
def test_odd_addresses_are_refused(url):
    with pytest.raises(ValueError, match="url"):
        HttpParams(url=url)


def test_headers_of_the_connection_are_refused():
    with pytest.raises(ValueError, match="Host"):
        HttpParams(url="http://host/", headers={"Host": "other"})


@pytest.fixture
def secure_service(service, monkeypatch):
    """The service behind a certificate for `service.test`, which is trusted as an operator would do it."""
    certificate = Path(__file__).with_name("service.test.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    service.socket = context.wrap_socket(service.socket, server_side=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        _only_for(("service.test", "other.test"), lambda host, port, **kwargs: [(2, 1, 6, "", ("127.0.0.1", port))]),
    )
    return service


def test_certificate_is_checked_against_the_name(secure_service):
    port = secure_service.server_port

    result = http(RecordingRun(), HttpParams(url=f"https://service.test:{port}/", allow_private=True))
    with pytest.raises(TemporaryError, match="certificate"):
        http(RecordingRun(), HttpParams(url=f"https://other.test:{port}/", allow_private=True))

    assert result.status == 200
