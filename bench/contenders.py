"""All contenders by their key; each is made with the address of Redis, and imports its library only then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from bench.harness import Contender
from bench.peers.celery_redis import CeleryRedis
from bench.peers.huey_threads import HueyThreads
from bench.peers.rq_simple import RqSimple
from bench.peers.stock_dramatiq import StockDramatiq
from bench.rota_itself.on_the_bus import RotaBus

CONTENDERS: Mapping[str, Callable[[str], Contender]] = {
    "dramatiq": StockDramatiq,
    "rota-bus": RotaBus,
    "celery-prefork": partial(CeleryRedis, pool="prefork"),
    "celery-threads": partial(CeleryRedis, pool="threads"),
    "celery-solo": partial(CeleryRedis, pool="solo"),
    "rq": RqSimple,
    "huey": HueyThreads,
}
