"""``./hams bench``."""

from __future__ import annotations

import os
import sys

import typer

from api.cli.say import ROOT, become, not_yet


def bench(context: typer.Context) -> None:
    """The load benchmark: starts everything, prints a table; --json prints it as JSON."""
    load = ROOT / "benchmarks" / "load.py"
    if not load.exists():
        not_yet("the benchmark")
    become([sys.executable, str(load), *context.args], {**os.environ, "PYTHONPATH": str(ROOT)})
