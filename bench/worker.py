"""The worker process of a measurement: `python -m bench.worker KEY EXPECTED`, the address on standard input."""

from __future__ import annotations

import sys

from bench.contenders import CONTENDERS
from bench.tally import Tally, install


def main() -> None:
    key, expected = sys.argv[1:]
    url = sys.stdin.readline().strip()
    install(Tally(url, expected=int(expected)))
    CONTENDERS[key](url).work()


if __name__ == "__main__":
    main()
