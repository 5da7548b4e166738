"""Measure everything in one run and print the tables: `make bench`, or `python -m bench --quick`."""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import redis

from bench.contenders import CONTENDERS
from bench.harness import measure_rate, measure_start
from bench.measurement import Measurement, best_by_name, median_of, table
from bench.peers import rq_scheduler_ticks
from bench.rota_itself import ticks as rota_ticks
from bench.rota_itself.archives_tar import PIGZ, XZ, ZSTD, measure_tar_gz, measure_tar_xz, measure_tar_zst
from bench.rota_itself.archives_zip import ZIP, measure_zip
from bench.rota_itself.differing import measure_differing
from bench.rota_itself.flood import measure_flood
from bench.rota_itself.hashing import LARGE, measure_hashing
from bench.rota_itself.idle import measure_idle
from bench.rota_itself.index_build import FTS5, measure_index_build
from bench.rota_itself.index_queries import RARE, measure_index_queries
from bench.rota_itself.indexing import FIRST, measure_indexing
from bench.rota_itself.local_scan import measure_local_scan
from bench.rota_itself.million import measure_million
from bench.rota_itself.purging import FIND, RM, measure_purging
from bench.rota_itself.recorded import measure_events, measure_recorded
from bench.rota_itself.s3_listing import LIMIT as S3_LIMIT
from bench.rota_itself.s3_listing import measure_s3_listing
from bench.rota_itself.unpacking import TAR_GZ, TAR_ZST, UNZIP, measure_untar_gz, measure_untar_zst, measure_unzip
from bus.server import EmbeddedServer

RATES = "No-op tasks per second, from the first one done to the last"
STARTS = "Message sent to task started, one at a time on an idle system"
TICKS = "Ticks per second, all due at once"
MILLION = "Lateness of ticks among a million periodic jobs, a thousand a second"
FLOOD = "Events per second against 100 jobs that listen"
LOCAL_SCAN = "Files per second of an unchanged tree of folders of 100 files on disk"
DIFFERING = "Entries per second, prepared listings compared with a catalog and the differences written"
S3_LISTING = "Objects per second of a bucket, listed and grouped into folders"
INDEX_BUILD = "Small documents indexed per second, with English stems"
INDEX_QUERIES = "Queries in an index of a million names and 50,000 texts"
INDEXING = "Files per second brought into the search index, from the catalog on"
HASHING = "MiB per second, checksums of one large file and of many of 4 KiB, all in memory"
PURGING_MEMORY = "Files per second deleted for good, in folders of 1,000 in memory"
PURGING_DISK = "Files per second deleted for good, in folders of 1,000 on disk"
PURGING_SMALL = "Files per second deleted for good, each an item of the bin, in memory"
ARCHIVES_ZIP = "MiB per second packed into a zip archive, of mixed real files in memory"
ARCHIVES_TAR_GZ = "MiB per second packed into a tar.gz archive, of mixed real files in memory"
ARCHIVES_TAR_ZST = "MiB per second packed into a tar.zst archive, of mixed real files in memory"
ARCHIVES_TAR_XZ = "MiB per second packed into a tar.xz archive, of mixed real files in memory"
UNPACKING_ZIP = "MiB per second unpacked from a zip archive, of mixed real files in memory"
UNPACKING_TAR_GZ = "MiB per second unpacked from a tar.gz archive, of mixed real files in memory"
UNPACKING_TAR_ZST = "MiB per second unpacked from a tar.zst archive, of mixed real files in memory"
IDLE = "An idle `rota up`"
BASELINES = {
    LOCAL_SCAN: "find -printf",
    S3_LISTING: S3_LIMIT,
    DIFFERING: "rota, SQLite, 1 % in all folders",
    INDEX_BUILD: FTS5,
    INDEX_QUERIES: RARE,
    INDEXING: FIRST,
    HASHING: LARGE,
    PURGING_MEMORY: FIND,
    PURGING_DISK: RM,
    PURGING_SMALL: FIND,
    ARCHIVES_ZIP: ZIP,
    ARCHIVES_TAR_GZ: PIGZ,
    ARCHIVES_TAR_ZST: ZSTD,
    ARCHIVES_TAR_XZ: XZ,
    UNPACKING_ZIP: UNZIP,
    UNPACKING_TAR_GZ: TAR_GZ,
    UNPACKING_TAR_ZST: TAR_ZST,
    RATES: "dramatiq",
    STARTS: "dramatiq",
    TICKS: "rq-scheduler",
    FLOOD: "rota",
    MILLION: "rota",
}
TREES: dict[str, tuple[str, Callable[..., Sequence[Measurement]]]] = {
    "local-scan": (LOCAL_SCAN, measure_local_scan),
    "s3-listing": (S3_LISTING, measure_s3_listing),
    "differing": (DIFFERING, measure_differing),
    "index-build": (INDEX_BUILD, measure_index_build),
    "index-queries": (INDEX_QUERIES, measure_index_queries),
    "indexing": (INDEXING, measure_indexing),
    "hashing": (HASHING, measure_hashing),
    "purging-memory": (PURGING_MEMORY, partial(measure_purging, in_memory=True, of_folders=True)),
    "purging-disk": (PURGING_DISK, partial(measure_purging, in_memory=False, of_folders=True)),
    "purging-small": (PURGING_SMALL, partial(measure_purging, in_memory=True, of_folders=False)),
    "archives-zip": (ARCHIVES_ZIP, measure_zip),
    "archives-tar-gz": (ARCHIVES_TAR_GZ, measure_tar_gz),
    "archives-tar-zst": (ARCHIVES_TAR_ZST, measure_tar_zst),
    "archives-tar-xz": (ARCHIVES_TAR_XZ, measure_tar_xz),
    "unpacking-zip": (UNPACKING_ZIP, measure_unzip),
    "unpacking-tar-gz": (UNPACKING_TAR_GZ, measure_untar_gz),
    "unpacking-tar-zst": (UNPACKING_TAR_ZST, measure_untar_zst),
}


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="rota-bench-") as folder:
        server = EmbeddedServer(Path(folder) / "redis")
        try:
            url = server.start()
            print(_machine(url), flush=True)
            for what, measured in _all(url, options):
                print(f"\n## {what}\n\n{table(measured, baseline=BASELINES[what])}", flush=True)
            if not options.only:
                print(f"\n## {IDLE}\n\n{measure_idle(seconds=options.idle).table()}", flush=True)
        finally:
            server.stop()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--tasks", type=int, default=5000, help="tasks of a rate (default %(default)s)")
    parser.add_argument("--ticks", type=int, default=2000, help="ticks of a rate (default %(default)s)")
    parser.add_argument("--jobs", type=int, default=1_000_000, help="periodic jobs (default %(default)s)")
    parser.add_argument("--events", type=int, default=100_000, help="events of a flood (default %(default)s)")
    parser.add_argument("--samples", type=int, default=300, help="messages of a latency (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds; the median counts (default %(default)s)")
    parser.add_argument(
        "--idle", type=float, default=30.0, help="seconds of watching an idle one (default %(default)s)"
    )
    parser.add_argument("--files", type=int, default=1_000_000, help="files of a tree (default %(default)s)")
    parser.add_argument(
        "--only", nargs="*", default=[], metavar="KEY", help=f"some of {', '.join((*CONTENDERS, *TREES))}"
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of all that, one round")
    options = parser.parse_args()
    if options.quick:
        for name in ("tasks", "ticks", "events", "samples", "jobs", "files"):
            setattr(options, name, getattr(options, name) // 10)
        options.rounds = 1
    return options


def _all(url: str, options: argparse.Namespace) -> Iterator[tuple[str, Sequence[Measurement]]]:
    for key, (what, measure) in TREES.items():
        if not options.only or key in options.only:
            yield what, measure(entries=options.files, rounds=options.rounds, what=what)
    if options.only and not CONTENDERS.keys() & options.only:
        return
    made = [CONTENDERS[key](url) for key in CONTENDERS if not options.only or key in options.only]
    # Rounds are interleaved: what else the machine does hits all contenders alike.
    rounds = [
        [measure_rate(contender, url, count=options.tasks, what=RATES) for contender in made]
        for _ in range(options.rounds)
    ]
    rates = [median_of(column) for column in zip(*rounds, strict=True)]
    starts = [measure_start(contender, url, samples=options.samples, what=STARTS) for contender in made]
    if options.only:
        yield RATES, best_by_name(rates)
        yield STARTS, best_by_name(starts)
        return
    recorded = [measure_recorded(url, count=2 * options.tasks, what=RATES) for _ in range(options.rounds)]
    yield RATES, best_by_name([*rates, median_of(recorded)])
    yield STARTS, best_by_name([*starts, measure_events(url, samples=options.samples, what=STARTS)])
    kinds: tuple[Literal["interval", "cron"], ...] = ("interval", "cron")
    passes = [
        [
            *(rq_scheduler_ticks.measure_ticks(url, count=options.ticks, what=TICKS, kind=kind) for kind in kinds),
            rota_ticks.measure_ticks(url, count=2 * options.ticks, what=TICKS),
        ]
        for _ in range(options.rounds)
    ]
    yield TICKS, [median_of(column) for column in zip(*passes, strict=True)]
    yield MILLION, [measure_million(url, count=options.jobs, what=MILLION)]
    yield FLOOD, [measure_flood(url, count=options.events, what=FLOOD)]


def _machine(url: str) -> str:
    with redis.Redis.from_url(url) as client:
        info = client.info("server")
    server = f"{info.get('server_name', 'redis')} {info.get('valkey_version') or info['redis_version']}"
    return f"Python {platform.python_version()}, {os.cpu_count()} cores, {server} on a Unix socket"


if __name__ == "__main__":
    main()
