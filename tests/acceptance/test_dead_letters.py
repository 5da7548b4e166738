"""What is set aside can be looked at: every kind of dead letter, made by a real worker, shown by the command line."""

from __future__ import annotations

import json

from console.connection import Connection, write_connection
from console.main import main
from rota.messages import TaskMessage
from rota.settings import load_settings
from tests.integration.console.serving import serving
from tests.waiting import wait_until


def test_every_kind_of_dead_letter_is_listed_with_its_reason_and_its_neighbours_run(cluster, capsys):
    cluster.define(name="good", steps=[{"id": "only", "actor": "ledger"}])
    cluster.define(name="killer", steps=[{"id": "only", "actor": "killer"}])
    before = cluster.admit("good", 5)
    cluster.bus.sender.put([("broken", "p normal ledger - 0", b"\x80", 0)])
    cluster.bus.sender.send([TaskMessage(task="lost", run="r", job="j", step="s", actor="nobody", queue="ledger")])
    [bad] = cluster.admit("killer", 1)
    after = cluster.admit("good", 5)

    cluster.start("scheduler", "s1")
    cluster.start("worker", "w1")
    cluster.wait_for_end([*before, *after], timeout=60)
    cluster.wait_for_end([bad], timeout=60, state="failed")
    wait_until(lambda: cluster.bus.dead.count() == 3, timeout=30, what="three dead letters")

    settings = load_settings(
        {"state_dir": cluster.folder, "database_url": cluster.database_url, "redis_url": cluster.server.url}
    )

    def rota(*arguments: str) -> str:
        capsys.readouterr()
        assert main([*arguments, "--state", str(cluster.folder)]) == 0
        return capsys.readouterr().out

    with serving(settings) as console:
        write_connection(cluster.folder / "console.json", Connection(url=console.url, token=console.token("admin")))
        table = rota("dead", "list")
        letters = {letter["id"]: letter for letter in json.loads(rota("dead", "list", "--json"))}
        shown = {name: json.loads(rota("dead", "show", name, "--json")) for name in letters}

    [killed] = letters.keys() - {"broken", "lost"}
    assert letters["broken"]["reason"].startswith("cannot be read: ")
    assert "nobody" in letters["lost"]["reason"]
    assert "died 3 times" in letters[killed]["reason"]
    assert (letters[killed]["run"], letters[killed]["crashes"]) == (bad, 3)
    assert {letter["queue"] for letter in letters.values()} == {"ledger"}
    assert all(name in table and letters[name]["reason"] in table for name in letters)
    assert shown["broken"]["body"] == "\\x80"
    assert json.loads(shown["lost"]["body"])["actor_name"] == "nobody"
    assert json.loads(shown[killed]["body"])["actor_name"] == "killer"
