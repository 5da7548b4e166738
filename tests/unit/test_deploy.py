"""What deploy/ ships fits the code: names, numbers, commands and settings."""

from __future__ import annotations

import configparser
import importlib.util
import os
import re
import shutil
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from rota import messages, metrics, states
from rota.settings import Settings, read_config
from tests.servers import missing_server

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
GRACE_SECONDS = Settings.model_fields["grace_seconds"].default


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def read_unit(path: Path) -> dict[str, list[str]]:
    """The settings of a unit, all sections together; systemd lets a key stand several times."""
    settings: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        if line and line[0] not in "#[":
            key, _, value = line.partition("=")
            settings.setdefault(key, []).append(value)
    return settings


def run(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return load(DEPLOY / "compose.yaml")


@pytest.fixture(scope="module")
def rules() -> list[dict[str, Any]]:
    return [rule for group in load(DEPLOY / "prometheus/rules.yml")["groups"] for rule in group["rules"]]


def project_version() -> str:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return config["metadata"]["version"]


# compose.yaml


def test_compose_has_two_of_what_must_not_be_missing(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"valkey", "postgres", "upgrade", "scheduler", "worker", "console"}
    assert compose["services"]["scheduler"]["deploy"]["replicas"] == 2
    assert compose["services"]["worker"]["deploy"]["replicas"] >= 2


def test_compose_services_are_checked_and_restarted(compose: dict[str, Any]) -> None:
    lasting = {name: service for name, service in compose["services"].items() if name != "upgrade"}

    assert all("healthcheck" in service and "stop_grace_period" in service for service in lasting.values())
    assert {service["restart"] for service in lasting.values()} == {"always"}


def test_compose_refers_only_to_what_it_declares(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        volumes = [volume.split(":")[0] for volume in service.get("volumes", []) if volume[0] not in "$./"]
        assert set(volumes) <= set(compose["volumes"]), name
        assert set(service.get("secrets", [])) <= set(compose["secrets"]), name
        assert set(service["networks"]) <= set(compose["networks"]), name
        assert set(service.get("depends_on", [])) <= set(compose["services"]), name


def test_compose_stops_workers_after_their_grace_time(compose: dict[str, Any]) -> None:
    worker = compose["services"]["worker"]

    assert float(worker["environment"]["ROTA_GRACE_SECONDS"]) == GRACE_SECONDS
    assert float(worker["stop_grace_period"].removesuffix("s")) >= GRACE_SECONDS + 10


def test_compose_sets_settings_that_exist(compose: dict[str, Any]) -> None:
    known = {f"ROTA_{name.upper()}" for name in Settings.model_fields}

    for name in ("upgrade", "scheduler", "worker", "console"):
        assert set(compose["services"][name]["environment"]) <= known


def test_compose_takes_the_image_of_this_version(compose: dict[str, Any]) -> None:
    assert compose["services"]["worker"]["image"] == f"rota:{project_version()}"


def test_compose_publishes_only_the_console_and_only_on_loopback(compose: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}

    assert published == {"console": ["127.0.0.1:8420:8420"]}


def test_secrets_are_made_once_and_are_all_there(compose: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    made = run(DEPLOY / "make-secrets", folder)
    first = {path.name: path.read_text() for path in folder.iterdir()}

    again = run(DEPLOY / "make-secrets", folder)

    assert (made.returncode, again.returncode) == (0, 0)
    assert {path.name: path.read_text() for path in folder.iterdir()} == first
    assert set(first) == {Path(secret["file"]).name for secret in compose["secrets"].values()}
    assert first["valkey.conf"].split()[1] in first["redis_url"]
    assert first["postgres_password"] in first["database_url"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_secrets_are_accepted_by_the_settings(tmp_path: Path) -> None:
    run(DEPLOY / "make-secrets", tmp_path)

    settings = Settings(
        state_dir=tmp_path, redis_url=f"file:{tmp_path}/redis_url", database_url=f"file:{tmp_path}/database_url"
    )

    assert settings.redis_url == (tmp_path / "redis_url").read_text()
    assert settings.store_url.startswith("postgresql+psycopg://rota:")


# The image


def test_image_takes_every_package_and_no_test_tool() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    packages = config["options.packages.find"]["include"].split()

    for package in packages:
        assert f"COPY {package.removesuffix('*')} /src/" in dockerfile
        assert f"!{package.removesuffix('*')}\n" in (ROOT / ".dockerignore").read_text()
    assert "pytest" not in (DEPLOY / "requirements.lock").read_text()


def test_image_runs_as_nobody_special() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()

    assert lines.index("USER rota") > max(number for number, line in enumerate(lines) if line.startswith("FROM"))


def test_all_locks_agree_on_versions() -> None:
    pinned = {
        lock: dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / lock).read_text(), flags=re.MULTILINE))
        for lock in ("requirements.lock", "deploy/requirements.lock", "bench/requirements.lock")
    }

    for lock, versions in pinned.items():
        common = versions.keys() & pinned["requirements.lock"].keys()
        assert len(common) > 30, lock
        assert {name: versions[name] for name in common} == {name: pinned["requirements.lock"][name] for name in common}


def test_healthcheck_tells_success_from_failure(tmp_path: Path) -> None:
    page = tmp_path / "page"
    page.write_text("fine")
    check = DEPLOY / "healthcheck.py"

    assert run(sys.executable, check, urllib.request.pathname2url(f"file://{page}")).returncode != 0
    assert run(sys.executable, check, page.as_uri()).returncode == 0
    assert run(sys.executable, check, "http://127.0.0.1:1/health").returncode == 1


# systemd


def test_units_are_the_three_processes() -> None:
    assert [path.name for path in UNITS] == ["rota-console.service", "rota-scheduler.service", "rota-worker@.service"]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_unit_is_valid(path: Path, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze, an optional tool, is not here")
    # It wants the command to exist: point to one that does.
    copy = tmp_path / path.name
    copy.write_text(path.read_text().replace("ExecStart=/opt/rota/bin/rota", "ExecStart=/bin/true"))

    verified = run(analyze, "verify", copy)

    assert (verified.stdout, verified.stderr, verified.returncode) == ("", "", 0)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_unit_comes_back_for_ever(path: Path) -> None:
    unit = read_unit(path)

    assert unit["Restart"] == ["always"]
    assert unit["StartLimitIntervalSec"] == ["0"]


def test_worker_unit_stops_after_the_grace_time() -> None:
    unit = read_unit(DEPLOY / "systemd/rota-worker@.service")

    assert float(unit["TimeoutStopSec"][0]) >= read_config(DEPLOY / "rota.toml")["grace_seconds"] + 10
    assert unit["KillMode"] == ["mixed"]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_unit_sets_settings_that_exist(path: Path) -> None:
    known = {f"ROTA_{name.upper()}" for name in Settings.model_fields} | {"ROTA_CONFIG"}

    assert {value.partition("=")[0] for value in read_unit(path)["Environment"]} <= known


# Commands and settings


def commands() -> list[str]:
    """Every `rota …` that compose.yaml and the units start."""
    services = load(DEPLOY / "compose.yaml")["services"].values()
    from_compose = [" ".join(service["command"]) for service in services if service["image"].startswith("rota:")]
    from_units = [read_unit(path)["ExecStart"][0].partition("/rota ")[2] for path in UNITS]
    return sorted({*from_compose, *from_units})


@pytest.mark.parametrize("command", commands())
def test_command_exists(command: str) -> None:
    if importlib.util.find_spec("console.main") is None:
        missing_server("console.main is not here")

    shown = run(
        sys.executable,
        "-c",
        "import sys; from console.main import main; sys.exit(main())",
        *command.split(),
        "--help",
        cwd=ROOT,
    )

    assert shown.returncode == 0, shown.stderr


def test_example_settings_are_valid(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    values = read_config(DEPLOY / "rota.toml")
    monkeypatch.setenv("ROTA_TEST_ADDRESS", "redis://here")

    settings = Settings(**{**values, "redis_url": "env:ROTA_TEST_ADDRESS", "database_url": None, "state_dir": tmp_path})

    assert settings.port == 8420


def test_example_settings_show_true_defaults(tmp_path: Path) -> None:
    shown = dict(re.findall(r"^# (\w+) = (\d+) ", (DEPLOY / "rota.toml").read_text(), flags=re.MULTILINE))
    del shown["processes"]  # depends on the machine

    settings = Settings(state_dir=tmp_path)

    assert {name: float(value) for name, value in shown.items()} == {name: getattr(settings, name) for name in shown}
    assert len(shown) >= 3


# Metrics


def test_label_values_are_those_of_the_code() -> None:
    assert set(metrics.OPEN_STATES) == {state.value for state in states.OPEN}
    assert set(metrics.ATTEMPT_ENDS) <= {state.value for state in states.RunState}
    assert set(metrics.LEVELS) == set(messages.Priority.__args__)


def test_metric_names_tell_unit_and_kind() -> None:
    for metric in metrics.ALL:
        counts = metric.kind is metrics.MetricKind.COUNTER
        assert metric.name.startswith("rota_")
        assert metric.name.endswith("_total") == counts, metric.name
        assert bool(metric.buckets) == (metric.kind is metrics.MetricKind.HISTOGRAM), metric.name
        assert metric.help.endswith("."), metric.name
        assert {label for label, _ in metric.values} <= set(metric.labels), metric.name
    assert len({metric.name for metric in metrics.ALL}) == len(metrics.ALL)


def test_rules_ask_only_for_metrics_that_exist(rules: list[dict[str, Any]]) -> None:
    asked = {name for rule in rules for name in re.findall(r"\brota_\w+", rule["expr"])}

    assert asked <= metrics.sample_names()
    assert len(asked) >= 12


def test_rules_ask_only_for_labels_that_the_metrics_have(rules: list[dict[str, Any]]) -> None:
    of_scrapes = {"job", "instance"}
    labels = {name: {*metric.labels, *of_scrapes} for metric in metrics.ALL for name in metric.samples()}

    for rule in rules:
        names = re.findall(r"\brota_\w+", rule["expr"])
        for grouped in re.findall(r"by \((.*?)\)", rule["expr"]):
            assert all(set(grouped.split(", ")) <= labels[name] for name in names), rule["alert"]
        for name, matchers in re.findall(r"\b(rota_\w+)\{(.*?)\}", rule["expr"]):
            for label, value in re.findall(r'(\w+)=~?"(.*?)"', matchers):
                allowed = dict(next(metric for metric in metrics.ALL if name in metric.samples()).values)
                assert label in labels[name], rule["alert"]
                assert set(value.split("|")) <= set(allowed[label]), rule["alert"]


def test_every_alert_says_what_to_do(rules: list[dict[str, Any]]) -> None:
    for rule in rules:
        assert set(rule["annotations"]) == {"summary", "action"}, rule["alert"]
        assert rule["labels"]["severity"] in {"page", "ticket"}, rule["alert"]
    assert len({rule["alert"] for rule in rules}) == len(rules)


def test_prometheus_accepts_its_files() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool, an optional tool, is not here")

    for task in (("check", "config", "prometheus.yml"), ("test", "rules", "rules_test.yml")):
        checked = run(promtool, *task, cwd=DEPLOY / "prometheus")
        assert checked.returncode == 0, checked.stdout + checked.stderr


# Makefile


def test_make_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)
    assert phony is not None

    shown = run("make", "--no-print-directory", "-C", ROOT, env={"PATH": os.environ["PATH"]})

    assert re.findall(r"^  make (\S+)", shown.stdout, flags=re.MULTILINE) == phony.group(1).split()
