"""A real trained model behind the engine: ``HAMS_TEST_MODEL``, or that of the present data under ``var/models``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from api.cli.model import model_path

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def model() -> Path:
    given = os.environ.get("HAMS_TEST_MODEL")
    found = Path(given) if given else model_path(ROOT / "var")
    assert found.exists(), "train a model first: ./hams train"
    return found


@pytest.fixture(scope="session")
def engine(model: Path):
    from bot.engine import Engine
    from bot.quiet import hush_structlog

    loaded = Engine(model)
    hush_structlog()  # as bot/__main__.py does
    return loaded
