"""How a command speaks: progress and complaints to standard error, results to standard output."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]
ENGINE_PYTHON = ROOT / ".venv/engine/bin/python"
TEST_PYTHON = ROOT / ".venv/test/bin/python"


class Failure(Exception):
    """A command cannot do what was asked; the message is the one line the person gets.

    Args:
        status: 1 if it was tried and failed, 2 if it cannot be tried.
    """

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


def say(line: str) -> None:
    """A line of progress."""
    print(f"hams: {line}", file=sys.stderr, flush=True)


def complain(line: str) -> None:
    """The one line of a failure."""
    print(f"hams: {' '.join(line.split())}", file=sys.stderr, flush=True)


def not_yet(what: str) -> NoReturn:
    """For a command whose part is not in this version."""
    raise Failure(f"{what} is not available yet in this version", 2)


def become(argv: list[str], environ: Mapping[str, str] = os.environ) -> NoReturn:
    """Let this process be another program: its signals and its exit status are then its own."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(argv[0], argv, dict(environ))  # noqa: S606 - no shell is wanted
