from __future__ import annotations

import os

import pytest

from actors.datasources.credentials import hidden, is_reference, secret
from rota.errors import PermanentError


def test_references_lead_to_variables_and_files(monkeypatch, tmp_path):
    monkeypatch.setenv("STORAGE_KEY", "from-environment")
    (tmp_path / "key").write_text("from-a-file\n")

    assert secret("env:STORAGE_KEY", what="password") == "from-environment"
    assert secret(f"file:{tmp_path}/key", what="password") == "from-a-file"


@pytest.mark.parametrize("text", ["hunter2", "", "environment:X", "ENV:X"])
def test_what_is_no_reference_is_refused_and_not_quoted(text):
    assert not is_reference(text)
    with pytest.raises(PermanentError, match="password: must refer") as raised:
        secret(text, what="password")

    assert not text or text not in str(raised.value)


def test_rotas_own_settings_are_nobodys_secret(monkeypatch):
    monkeypatch.setenv("ROTA_DATABASE_URL", "postgresql://user:hidden@host")

    with pytest.raises(PermanentError, match="own settings") as raised:
        secret("env:ROTA_DATABASE_URL", what="password")

    assert "hidden" not in str(raised.value)


def test_nor_are_they_by_way_of_the_kernels_files(monkeypatch, tmp_path):
    (tmp_path / "link").symlink_to("/proc/self/environ")

    for place in ("/proc/self/environ", f"/proc/{os.getpid()}/environ", tmp_path / "link", "/etc/../proc/self/environ"):
        with pytest.raises(PermanentError, match="hold no secrets"):
            secret(f"file:{place}", what="password")


def test_a_secret_is_hidden_in_every_form_in_which_it_may_be_quoted():
    said = "a b/\n, a%20b%2F%0A, a+b%2F%0A, 'a b/\\n'"

    assert hidden(said, ("a b/\n", "")) == "***, ***, ***, '***'"


def test_references_that_lead_nowhere_name_the_field(monkeypatch, tmp_path):
    monkeypatch.delenv("NO_SUCH_VARIABLE", raising=False)
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    os.mkfifo(tmp_path / "fifo")

    for reference, said in {
        "env:NO_SUCH_VARIABLE": "not set",
        f"file:{tmp_path}/empty": "empty",
        f"file:{tmp_path}/binary": "cannot be read",
        f"file:{tmp_path}/fifo": "no regular file",
        f"file:{tmp_path}/missing": "no regular file",
        "file:relative": "no regular file",
    }.items():
        with pytest.raises(PermanentError, match=said) as raised:
            secret(reference, what="datasource 'files': password")
        assert "datasource 'files': password" in str(raised.value)


def test_a_file_is_read_up_to_a_bound(tmp_path):
    (tmp_path / "large").write_text("x" * 1_000_000)

    assert len(secret(f"file:{tmp_path}/large", what="key")) <= 16 * 1024
