"""`rota doctor`: check that everything is in order."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from console.connection import add_state_option
from console.exits import ExitCode
from console.output import add_json_option, print_json, print_table


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_state_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=_doctor)


def _doctor(options: argparse.Namespace) -> int:
    from console.doctor import examine
    from console.findings import FAIL

    findings = list(examine(options.state))
    if options.json:
        print_json([asdict(finding) for finding in findings])
    else:
        print_table(("", "what", "finding"), [(found.level, found.what, found.words()) for found in findings])
    return ExitCode.FAILED if any(found.level == FAIL for found in findings) else ExitCode.OK
