"""``./hams train``."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from api.cli.say import ROOT


def train(
    again: Annotated[bool, typer.Option("--again", help="Train even if the model of the present data is there.")] = False,
) -> None:
    """Train the model of the present data and store it under var/models; prints where."""
    from api.cli.model import ensure_model
    from api.settings import load_settings

    print(ensure_model(load_settings(os.environ, ROOT).var, again=again))
