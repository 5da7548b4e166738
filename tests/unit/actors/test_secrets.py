from __future__ import annotations

import os

import pytest

from actors.secrets import Secrets
from rota.errors import PermanentError


def test_references_are_resolved_and_hidden(monkeypatch, tmp_path):
    monkeypatch.setenv("SERVICE_TOKEN", "from-environment")
    (tmp_path / "token").write_text("from-a-file\n")
    secrets = Secrets()

    assert secrets.header("X-A", "env:SERVICE_TOKEN") == "from-environment"
    assert secrets.header("X-B", f"file:{tmp_path}/token") == "from-a-file"
    assert secrets.hide("a from-environment b from-a-file c") == "a *** b *** c"


def test_plain_values_stay():
    assert Secrets().header("Accept", "text/plain; charset=utf-8") == "text/plain; charset=utf-8"


@pytest.mark.parametrize("variable", ["ROTA_REDIS_URL", "ROTA_DATABASE_URL"])
def test_rotas_own_settings_are_never_sent(variable, monkeypatch):
    monkeypatch.setenv(variable, "redis://:secret@host")

    with pytest.raises(PermanentError, match="own settings"):
        Secrets().header("X", f"env:{variable}")


def test_missing_references_are_told(tmp_path):
    with pytest.raises(PermanentError, match="not set"):
        Secrets().header("X", "env:NO_SUCH_VARIABLE")
    with pytest.raises(PermanentError, match="no regular file"):
        Secrets().header("X", "file:/no/such/file")
    with pytest.raises(PermanentError, match="no regular file"):
        Secrets().header("X", "file:relative")
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(PermanentError, match="no regular file"):
        Secrets().header("X", f"file:{tmp_path}/fifo")


def test_a_value_that_cannot_be_sent_is_not_quoted(monkeypatch):
    monkeypatch.setenv("SERVICE_TOKEN", "secret\r\nX-Other: 1")

    with pytest.raises(PermanentError) as raised:
        Secrets().header("X", "env:SERVICE_TOKEN")

    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\n", "ä"])
def test_odd_header_names_are_refused(name):
    with pytest.raises(PermanentError, match="name"):
        Secrets().header(name, "v")
