"""A process that mirrors one folder onto another, made to be killed. Arguments: the two folders."""

from __future__ import annotations

import sys

from actors.datasources.storage import Datasource
from actors.mirror import MirrorParams, mirror
from actors.testing import RecordingRun

if __name__ == "__main__":
    places = [Datasource(name=name, root=root) for name, root in zip(("source", "target"), sys.argv[1:], strict=True)]
    result = mirror(RecordingRun(datasources=places), MirrorParams(datasource="source", target="target"))
    print(result.model_dump_json())
