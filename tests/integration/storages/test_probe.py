"""The way to a storage is tried and told, whatever its kind."""

from __future__ import annotations

from dataclasses import replace

from actors.probe import ProbeParams, probe
from actors.testing import RecordingRun
from tests.storages.served import Served


def test_storage_of_every_kind_is_tried_and_marked(served: Served) -> None:
    served.write(b"a.txt", b"a")
    datasource = served.datasource
    run = RecordingRun(datasources=[datasource])

    plain = probe(run, ProbeParams(datasource=datasource.name))
    there = set(served.walk())
    marked = probe(run, ProbeParams(datasource=datasource.name, mark=True))

    assert (plain.reachable, plain.entries, plain.writable, plain.marker) == (True, 1, True, "none"), plain.message
    assert there == {b"a.txt"}
    assert (marked.marker, set(served.walk())) == ("new", {b"a.txt", b".rota-marker"}), marked.message
    expecting = replace(datasource, marker=run.catalog(datasource.name).marker)  # type: ignore[attr-defined]
    again = probe(RecordingRun(datasources=[expecting]), ProbeParams(datasource=datasource.name))
    assert (again.reachable, again.marker, again.entries) == (True, "right", 1), again.message
    served.remove(b".rota-marker")
    gone = probe(RecordingRun(datasources=[expecting]), ProbeParams(datasource=datasource.name))
    assert (gone.reachable, "marker" in gone.message) == (False, True), gone.message
