"""What the store hands out and takes in: frozen values, free of SQLAlchemy."""

from __future__ import annotations

from store.records.admission import Closing, NewRun, NewTask, ReadyTask, SkippedTask
from store.records.catalog import (
    CatalogCounts,
    DatasourceRecord,
    EntryChange,
    EntryRecord,
    EventRecord,
    FolderChange,
    FolderDigest,
    Matched,
)
from store.records.history import (
    AttemptRecord,
    LogRecord,
    OpenTask,
    RunDetail,
    RunRecord,
    RunSteps,
    StepRecord,
    TaskRecord,
)
from store.records.jobs import Advance, JobHead, JobRecord, JobVersion, LastRun, TickRecord
from store.records.outcomes import CANCEL, PAUSE, Applied, ControlResult, EndedTask, Removed
from store.records.pages import Page
from store.records.people import Deed, TokenRecord, UserRecord

__all__ = [
    "CANCEL",
    "PAUSE",
    "Advance",
    "Applied",
    "AttemptRecord",
    "CatalogCounts",
    "Closing",
    "ControlResult",
    "DatasourceRecord",
    "Deed",
    "EndedTask",
    "EntryChange",
    "EntryRecord",
    "EventRecord",
    "FolderChange",
    "FolderDigest",
    "JobHead",
    "JobRecord",
    "JobVersion",
    "LastRun",
    "LogRecord",
    "Matched",
    "NewRun",
    "NewTask",
    "OpenTask",
    "Page",
    "ReadyTask",
    "Removed",
    "RunDetail",
    "RunRecord",
    "RunSteps",
    "SkippedTask",
    "StepRecord",
    "TaskRecord",
    "TickRecord",
    "TokenRecord",
    "UserRecord",
]
