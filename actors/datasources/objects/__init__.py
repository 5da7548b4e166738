"""The driver for object stores: S3 and what speaks it, Google Cloud Storage, Azure's Blob Storage.

`storage` is the driver. It asks a `service` (`s3`, `azure`), which sends `signing`'s requests over a `wire` and reads
`answers`. `scanning` lists with a `crew` of threads and groups keys into folders (`grouping`). Where the service tells
of unfinished uploads (`uploads`), `resumable` is the driver, with drafts that survive a restart (`drafting`).
"""

from __future__ import annotations

from actors.datasources.objects.resumable import ResumableStorage
from actors.datasources.objects.storage import ObjectStorage

__all__ = ["ObjectStorage", "ResumableStorage"]
