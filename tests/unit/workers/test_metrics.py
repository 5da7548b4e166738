"""Figures of several children become one page that Prometheus understands, and nothing decreases."""

from __future__ import annotations

import socket
import threading

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from rota import metrics as names
from workers.board import Board
from workers.exposition import WorkerCollector
from workers.figures import Figures, FiguresReader, write_figures
from workers.tallies import Tallies, ThreadTallies


def figures_of(tasks, *, seconds=0.01, threads=8.0):
    tallies = Tallies()
    for _ in range(tasks):
        tallies.count(names.TASKS, "sleep", "succeeded")
        tallies.observe(names.TASK_SECONDS, seconds, "sleep")
    return Figures(counted=tallies.snapshot(), gauges={names.THREADS.name: threads})


def page_of(board):
    registry = CollectorRegistry()
    registry.register(WorkerCollector(board.sums))
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value for family in families for sample in family.samples
    }


def test_children_are_summed_up():
    board = Board(lambda: 1000)
    board.update("a", figures_of(3))
    board.update("b", figures_of(4))

    page = page_of(board)

    assert page["rota_tasks_total", "sleep", "succeeded"] == 7
    assert page["rota_task_seconds_count", "sleep"] == 7
    assert page["rota_task_seconds_sum", "sleep"] == pytest.approx(0.07)
    assert page["rota_task_seconds_bucket", "0.005", "sleep"] == 0
    assert page["rota_task_seconds_bucket", "0.025", "sleep"] == 7
    assert page["rota_task_seconds_bucket", "+Inf", "sleep"] == 7
    assert page["rota_threads",] == 16
    assert page["rota_resident_memory_bytes",] == 1000


def test_a_dead_child_leaves_its_counts_and_takes_its_gauges():
    board = Board(lambda: 0)
    board.update("a", figures_of(3))
    board.depart("a", "crashed")
    board.update("b", figures_of(2))

    page = page_of(board)

    assert page["rota_tasks_total", "sleep", "succeeded"] == 5
    assert page["rota_threads",] == 8
    assert page["rota_child_exits_total", "crashed"] == 1


def test_a_newer_report_of_a_child_replaces_its_older_one():
    board = Board(lambda: 0)
    board.update("a", figures_of(3))
    board.update("a", figures_of(5))

    assert page_of(board)["rota_tasks_total", "sleep", "succeeded"] == 5


def test_every_name_of_the_table_is_on_the_page_and_no_other():
    page = page_of(Board(lambda: 0))
    wanted = {metric.name for metric in names.ALL if metric.kind is names.MetricKind.GAUGE} & {
        metric.name for metric in names.ALL if metric.source is names.Source.WORKER or metric is names.BUILD_INFO
    }

    assert {key[0] for key in page} == wanted


def test_threads_count_without_losing_any():
    tallies = ThreadTallies()

    def work():
        for _ in range(2_000):
            tallies.count(names.TASKS, "sleep", "failed")
            tallies.observe(names.TASK_SECONDS, 2.0, "sleep")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    counted = {name: cells for name, _, cells in tallies.snapshot()}
    assert counted["rota_tasks_total"] == [8_000]
    assert counted["rota_task_seconds"][-1] == 16_000


def test_figures_pass_through_a_socket_in_pieces():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        reader = FiguresReader(ours)
        assert list(reader.read()) == []

        write_figures(theirs, figures_of(3))
        write_figures(theirs, Figures(leaving="tasks"))

        first, second = reader.read()
        assert first == figures_of(3)
        assert second.leaving == "tasks"
        theirs.close()
        with pytest.raises(EOFError):
            list(reader.read())
