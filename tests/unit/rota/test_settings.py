"""Settings from defaults, file, environment and command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from rota.errors import InvalidDefinition
from rota.settings import Settings, load_settings, mask_password, resolve_secret


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def refused(**given: object) -> str:
    with pytest.raises(InvalidDefinition) as caught:
        load_settings(given)
    return str(caught.value)


def test_later_sources_win_and_unset_is_not_a_choice(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "rota.toml").write_text("port = 1\nthreads = 1\nprocesses = 1\nlease_seconds = 20\n")
    monkeypatch.setenv("ROTA_PORT", "2")
    monkeypatch.setenv("ROTA_THREADS", "2")
    monkeypatch.setenv("ROTA_HOST", "")

    settings = load_settings({"port": 3, "threads": None})

    assert (settings.port, settings.threads, settings.processes) == (3, 2, 1)
    assert (settings.lease_seconds, settings.grace_seconds, settings.host) == (20.0, 30.0, "127.0.0.1")


def test_the_file_is_named_or_in_the_working_folder_or_in_the_state_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = folder / "elsewhere"
    state.mkdir()
    (state / "rota.toml").write_text("port = 3\n")
    assert load_settings({"state_dir": state}).port == 3

    (folder / "rota.toml").write_text("port = 2\n")
    assert load_settings({"state_dir": state}).port == 2

    (folder / "named.toml").write_text("port = 1\n")
    monkeypatch.setenv("ROTA_CONFIG", "named.toml")
    assert load_settings({"state_dir": state}).port == 1

    monkeypatch.setenv("ROTA_CONFIG", "missing.toml")
    assert "missing.toml" in refused()


def test_an_unknown_name_in_the_file_is_an_error_with_what_was_meant(folder: Path) -> None:
    (folder / "rota.toml").write_text("lease_second = 20\n")

    assert "lease_second: is unknown; did you mean lease_seconds?" in refused()


@pytest.mark.parametrize("text", ["port = ", "port = 1\nport = 2", "\x00"])
def test_a_file_that_is_not_toml_is_an_error(folder: Path, text: str) -> None:
    (folder / "rota.toml").write_text(text)

    assert "is not TOML" in refused()


def test_settings_that_contradict_name_both_values() -> None:
    message = refused(lease_seconds=9, heartbeat_seconds=5)

    assert "lease_seconds (9)" in message
    assert "heartbeat_seconds (5)" in message
    assert "port (9000)" in refused(port=9000, metrics_port=9000)


def test_a_short_lease_alone_takes_a_fitting_heartbeat() -> None:
    assert load_settings({"lease_seconds": 2}).heartbeat_seconds == pytest.approx(2 / 3)
    assert load_settings().heartbeat_seconds == 5.0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"port": "x"}, "port: should be a valid integer"),
        ({"port": 70_000}, "port: should be less than or equal to 65535"),
        ({"prt": 5}, "did you mean port?"),
        ({"redis_url": "http://x"}, "redis_url: must start with redis:, rediss:, unix:"),
        ({"database_url": "env:MISSING"}, "MISSING, which is not set"),
        ({"database_url": "file:/missing"}, "cannot be read"),
        ({"log_level": "loud"}, "log_level: should be 'debug'"),
        ({"lease_seconds": "long"}, "lease_seconds: should be a valid number"),
        ({"state_dir": 5}, "state_dir"),
    ],
)
def test_a_wrong_value_names_its_setting(given: dict, message: str) -> None:
    assert message in refused(**given)


def test_names_are_split_at_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROTA_QUEUES", "default, archive,")

    assert load_settings({"actor_modules": ["a", "b"]}).queues == ("default", "archive")
    assert load_settings({"actor_modules": ["a", "b"]}).actor_modules == ("a", "b")


def test_folders_follow_the_state_folder(folder: Path) -> None:
    settings = load_settings({"state_dir": "s"})

    assert settings.state_dir == folder / "s"
    assert settings.definitions_dir == folder / "s" / "jobs"
    assert settings.store_url == f"sqlite:///{folder}/s/rota.db"
    assert load_settings().state_dir == folder / "state" / "rota"


def test_secrets_are_references_and_never_shown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE", "postgresql://ann:pa55@host/rota")
    (folder / "redis").write_text("redis://:pa55@host:6379/0\n")

    settings = load_settings({"database_url": "env:DATABASE", "redis_url": f"file:{folder}/redis"})

    assert settings.store_url == "postgresql+psycopg://ann:pa55@host/rota"
    assert settings.redis_url == "redis://:pa55@host:6379/0"
    assert "pa55" not in repr(settings)
    assert "pa55" not in str(settings.public())
    assert settings.public()["database_url"] == "postgresql+psycopg://ann:***@host/rota"


def test_a_wrong_address_is_not_repeated_in_the_message() -> None:
    assert "pa55" not in refused(redis_url="http://:pa55@host")


def test_a_plain_value_is_its_own_secret() -> None:
    assert resolve_secret("redis://host") == "redis://host"
    assert mask_password("sqlite:////a/b.db") == "sqlite:////a/b.db"
    assert mask_password("redis://ann:pa55/@x@host/0") == "redis://ann:***@host/0"
    assert mask_password("redis://host/0?password=x") == "redis://host/0?***"


def test_every_setting_says_what_it_does() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
