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
    arguments = list(context.args)
    if not {"--model", "--help", "-h"} & set(arguments):
        from api.cli.model import ensure_model
        from api.settings import load_settings

        arguments += ["--model", str(ensure_model(load_settings(os.environ, ROOT).var))]
    become([sys.executable, str(load), *arguments], {**os.environ, "PYTHONPATH": str(ROOT)})
