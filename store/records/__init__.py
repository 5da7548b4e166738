"""What the store hands out and takes in: frozen values, free of SQLAlchemy."""

from __future__ import annotations

from store.records.admission import Closing, Fan, NewRun, NewTask, ReadyTask, SkippedTask
from store.records.announcements import LateRun, RunEnd
from store.records.bins import BinCounts, BinFilter, BinState
from store.records.catalog import (
    CatalogCounts,
    DatasourceRecord,
    EntryChange,
    EntryRecord,
    EventRecord,
    FolderChange,
    Matched,
    RecycledRecord,
)
from store.records.gathering import Gathered, WindowRecord
from store.records.history import (
    AttemptRecord,
    BranchRecord,
    LogRecord,
    OpenTask,
    RunDetail,
    RunRecord,
    RunSteps,
    StepRecord,
    TaskRecord,
)
from store.records.jobs import (
    Advance,
    ChangedJob,
    CurrentJob,
    JobRecord,
    JobVersion,
    LastRun,
    Pause,
    Revision,
    Switch,
    TickRecord,
)
from store.records.outcomes import CANCEL, PAUSE, Applied, ControlResult, EndedTask, Removed
from store.records.pages import Page
from store.records.people import Deed, HookRecord, TokenRecord, UserRecord
from store.records.search import IndexRecord, Lag, StaleFolder, UnreadRecord
from store.records.waiting import Ended, EndedRun, LineRecord, Promotion, SlotRecord, WaitingDetail, WaitingRun

__all__ = [
    "CANCEL",
    "PAUSE",
    "Advance",
    "Applied",
    "AttemptRecord",
    "BinCounts",
    "BinFilter",
    "BinState",
    "BranchRecord",
    "CatalogCounts",
    "ChangedJob",
    "Closing",
    "ControlResult",
    "CurrentJob",
    "DatasourceRecord",
    "Deed",
    "Ended",
    "EndedRun",
    "EndedTask",
    "EntryChange",
    "EntryRecord",
    "EventRecord",
    "Fan",
    "FolderChange",
    "Gathered",
    "HookRecord",
    "IndexRecord",
    "JobRecord",
    "JobVersion",
    "Lag",
    "LastRun",
    "LateRun",
    "LineRecord",
    "LogRecord",
    "Matched",
    "NewRun",
    "NewTask",
    "OpenTask",
    "Page",
    "Pause",
    "Promotion",
    "ReadyTask",
    "RecycledRecord",
    "Removed",
    "Revision",
    "RunDetail",
    "RunEnd",
    "RunRecord",
    "RunSteps",
    "SkippedTask",
    "SlotRecord",
    "StaleFolder",
    "StepRecord",
    "Switch",
    "TaskRecord",
    "TickRecord",
    "TokenRecord",
    "UnreadRecord",
    "UserRecord",
    "WaitingDetail",
    "WaitingRun",
    "WindowRecord",
]
