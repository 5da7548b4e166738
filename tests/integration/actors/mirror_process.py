"""A process that mirrors one folder onto another, made to be killed.

Arguments: the two folders and, if it shall not get far, how many bytes a second it may copy.
"""

from __future__ import annotations

import sys

from actors.datasources.storage import Datasource
from actors.mirror import MirrorParams, mirror
from actors.testing import RecordingRun

if __name__ == "__main__":
    source, target, *rate = sys.argv[1:]
    places = [Datasource(name="source", root=source), Datasource(name="target", root=target)]
    params = MirrorParams(datasource="source", target="target", max_bytes_per_second=int(rate[0]) if rate else None)
    result = mirror(RecordingRun(datasources=places), params)
    print(result.model_dump_json())
