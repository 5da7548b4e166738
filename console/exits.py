"""How a command ends: the exit codes, and the one error that carries one."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a script can rely on."""

    OK = 0
    """Done."""
    FAILED = 1
    """It was tried and did not work: a run that failed, a check that failed, a part that did not start."""
    USAGE = 2
    """The command line or the settings cannot be understood."""
    NOT_FOUND = 3
    """The job, run or other thing that was named does not exist."""
    REFUSED = 4
    """Understood and not granted: not signed in, not allowed, not valid, or not possible now."""
    UNREACHABLE = 5
    """The console, Redis or the database does not answer."""
    TIMED_OUT = 124
    """`--wait` took longer than `--timeout`."""
    INTERRUPTED = 130
    """Ctrl-C."""


EXIT_CODES_HELP = """\
exit codes:
  0    done
  1    failed: a run or a check did, or a part did not start
  2    the command line or the settings cannot be understood
  3    what was named does not exist
  4    refused: not signed in, not allowed, not valid, or not possible now
  5    the console, Redis or the database does not answer
  124  --wait took longer than --timeout
  130  interrupted by Ctrl-C
"""


class CommandFailed(Exception):
    """Raised to end a command; the message is one line for a person and says what to do."""

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILED) -> None:
        self.code = code
        super().__init__(message)
