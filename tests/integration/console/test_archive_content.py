"""Downloads: what is sent, to whom, in which parts, and what becomes of slow and lost clients."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from console.api.downloads import MOST_OPEN
from tests.integration.console.archived import homes
from tests.integration.console.serving import Console
from tests.integration.console.sources import add_source
from tests.storages.served import serve
from tests.waiting import wait_until

__all__ = ["homes"]

URL = "/api/v1/datasources/docs/content"
LARGE = 96 * 1024 * 1024


def get(client: httpx.Client, path: str, *, method: str = "GET", name: str = "docs", **headers: str) -> httpx.Response:
    sent = {word.replace("_", "-"): value for word, value in headers.items()}
    return client.request(method, f"/api/v1/datasources/{name}/content", params={"path": path}, headers=sent)


def test_a_file_is_sent_to_be_stored_and_never_shown(homes: Console, admin: httpx.Client) -> None:
    answer = get(admin, "homes/eve/a.txt")

    assert (answer.status_code, answer.content) == (200, b"0123456789")
    assert answer.headers["content-length"] == "10"
    assert answer.headers["content-disposition"] == "attachment; filename=\"a.txt\"; filename*=UTF-8''a.txt"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["last-modified"].endswith("GMT")


def test_a_large_file_comes_whole(homes: Console, admin: httpx.Client) -> None:
    assert get(admin, "/homes/eve/photos/b.bin").content == b"b" * 3_000_000


def test_a_part_is_sent_and_what_is_known_is_not_sent_again(
    homes: Console, admin: httpx.Client, tmp_path: Path
) -> None:
    tag = get(admin, "homes/eve/a.txt").headers["etag"]

    part = get(admin, "homes/eve/a.txt", range="bytes=3-5", if_range=tag)
    beyond = get(admin, "homes/eve/a.txt", range="bytes=10-")
    known = get(admin, "homes/eve/a.txt", if_none_match=tag)

    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"345", "bytes 3-5/10")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */10")
    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", tag)
    (tmp_path / "docs/homes/eve/a.txt").write_bytes(b"9876543210+")
    changed = get(admin, "homes/eve/a.txt", range="bytes=3-5", if_range=tag)
    assert (changed.status_code, changed.content) == (200, b"9876543210+")


def test_head_tells_what_a_download_would(homes: Console, admin: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "docs/empty").touch()
    told, sent = (get(admin, "homes/eve/a.txt", method=method) for method in ("HEAD", "GET"))

    assert (told.status_code, told.content) == (200, b"")
    for header in ("content-length", "etag", "last-modified", "content-disposition"):
        assert told.headers[header] == sent.headers[header]
    assert get(admin, "homes/eve/a.txt", method="HEAD", range="bytes=2-4").headers["content-length"] == "3"
    empty = get(admin, "empty")
    assert (empty.status_code, empty.content, empty.headers["content-length"]) == (200, b"", "0")


def test_a_name_that_is_not_utf8_is_asked_for_in_raw(homes: Console, admin: httpx.Client, tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path / "docs") + b"/\xff.txt")).write_text("odd")

    answer = admin.get(URL, params={"raw": "_y50eHQ"})

    assert answer.text == "odd"
    assert answer.headers["content-disposition"].endswith("filename*=UTF-8''%EF%BF%BD.txt")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("none", 404),
        ("homes/eve/a.txt/x", 404),
        ("", 404),
        ("../outside", 404),
        ("homes//eve/a.txt", 404),
        (".rota/bin/x", 404),
        ("x.hidden", 404),
        ("leading/out", 404),
        ("homes", 409),
        ("link", 409),
    ],
)
def test_what_is_no_file_of_the_datasource_is_refused(
    homes: Console, admin: httpx.Client, tmp_path: Path, *, path: str, status: int
) -> None:
    root = tmp_path / "docs"
    (tmp_path / "outside").write_text("outside")
    (root / "x.hidden").write_text("left out by the rules")
    (root / ".rota/bin").mkdir(parents=True)
    (root / ".rota/bin/x").write_text("own")
    (root / "link").symlink_to("homes/eve/a.txt")
    (root / "leading").symlink_to(tmp_path)
    (tmp_path / "out").write_text("out")

    answer = get(admin, path)

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert str(tmp_path) not in answer.text


def test_a_storage_that_is_away_or_not_for_the_console_is_told(homes: Console, admin: httpx.Client) -> None:
    add_source(homes, "away", root="/no/such/folder")
    add_source(homes, "site", root="/srv/site", queue="site")

    away, site = get(admin, "x", name="away"), get(admin, "x", name="site")

    assert (away.status_code, away.headers["retry-after"]) == (503, "5")
    assert "/no/such/folder" not in away.text
    assert (site.status_code, "only the workers of its own queue" in site.json()["detail"]) == (409, True)
    assert get(admin, "x", name="nothing").status_code == 404


def test_user_downloads_from_their_home_only(homes: Console) -> None:
    eve = homes.as_("user", name="eve")

    assert get(eve, "homes/eve/photos/b.bin").status_code == 200
    for path in (
        "homes/ada/secret.txt",
        "homes/eve2/x.txt",
        "shared/c.txt",
        "homes/eve",
        "homes/eve/../ada/secret.txt",
    ):
        assert get(eve, path).status_code == 404
    assert get(homes.as_("viewer"), "shared/c.txt").status_code == 403
    assert get(homes.as_("operator"), "homes/ada/secret.txt").status_code == 200
    assert get(homes.anyone(), "homes/eve/a.txt").status_code == 401


@pytest.mark.parametrize("kind", ["webdav", "fsspec"])
def test_a_part_comes_from_a_storage_that_gives_files_from_their_start_only(
    homes: Console, admin: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, kind: str
) -> None:
    (tmp_path / "served").mkdir()
    content = bytes(range(256)) * 12_000
    with serve(kind, tmp_path / "served") as served:
        served.write(b"b.bin", content)
        for name, value in served.environment.items():
            monkeypatch.setenv(name, value)
        source = served.datasource
        add_source(homes, "far", kind=kind, root=source.root, options=source.options, rules={"allow_private": True})

        whole = get(admin, "b.bin", name="far")
        part = get(admin, "b.bin", name="far", range="bytes=2500001-2500009", if_range=whole.headers["etag"])
        end = get(admin, "b.bin", name="far", range="bytes=-3")
        odd = get(admin, "b.bin\r\nDELE b.bin", name="far")

    assert whole.content == content
    assert (part.status_code, part.content) == (206, content[2_500_001:2_500_010])
    assert end.content == content[-3:]
    assert odd.status_code == 404


def dripping(console: Console, token: str, path: str) -> socket.socket:
    """A client that asks for a file and takes nothing of it yet."""
    parts = urlsplit(console.url)
    client = socket.create_connection((parts.hostname, parts.port))
    head = f"GET {URL}?path={path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n"
    client.sendall(head.encode())
    return client


def open_files(path: Path) -> int:
    """How many descriptors this process, which the console is part of, has on a file."""
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        try:
            found += link.readlink() == path
        except OSError:
            continue
    return found


def test_slow_clients_hold_up_nobody_and_leave_nothing_open(
    homes: Console, admin: httpx.Client, tmp_path: Path
) -> None:
    file = tmp_path / "docs/large"
    with file.open("wb") as large:
        large.truncate(LARGE)
    token = homes.token("admin")

    slow = [dripping(homes, token, "large") for _ in range(24)]
    try:
        wait_until(lambda: open_files(file) == len(slow))
        assert get(admin, "homes/eve/a.txt").content == b"0123456789"
    finally:
        for client in slow:
            client.close()
    wait_until(lambda: open_files(file) == 0)


def test_one_person_has_so_many_downloads_at_a_time_and_no_more(homes: Console, tmp_path: Path) -> None:
    file = tmp_path / "docs/homes/eve/large"
    with file.open("wb") as large:
        large.truncate(LARGE)
    eve, ada = (homes.as_("user", name=name) for name in ("eve", "ada"))
    token = homes.token("user", name="eve")

    slow = [dripping(homes, token, "homes/eve/large") for _ in range(MOST_OPEN)]
    try:
        wait_until(lambda: open_files(file) == len(slow))
        beyond = get(eve, "homes/eve/a.txt")
        assert (beyond.status_code, beyond.headers["retry-after"]) == (429, "5")
        assert get(ada, "homes/ada/secret.txt").status_code == 200
    finally:
        for client in slow:
            client.close()

    def is_answered(path: str, status: int, **headers: str) -> bool:
        """Whether it is answered so, once there is a place; those that were let go come back one after the other."""
        found = get(eve, path, **headers).status_code
        assert found in (status, 429)
        return found == status

    # What is refused, or has nothing to send, gives back its place as well.
    for _ in range(MOST_OPEN + 1):
        wait_until(lambda: is_answered("none", 404))
        wait_until(lambda: is_answered("homes/eve/a.txt", 416, range="bytes=99-"))
    wait_until(lambda: is_answered("homes/eve/a.txt", 200))


def test_a_file_that_shrinks_while_it_is_sent_ends_the_connection(
    homes: Console, admin: httpx.Client, tmp_path: Path
) -> None:
    file = tmp_path / "docs/large"
    with file.open("wb") as large:
        large.truncate(LARGE)
    client = dripping(homes, homes.token("admin"), "large")
    wait_until(lambda: open_files(file) == 1)
    os.truncate(file, 0)

    received = 0
    client.settimeout(30)
    with client:
        while piece := client.recv(1 << 20):
            received += len(piece)

    assert received < LARGE
    wait_until(lambda: open_files(file) == 0)
