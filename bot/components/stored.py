"""How a trained component keeps and finds what it has learned, in Rasa's model storage."""

from __future__ import annotations

import logging
from typing import Any

import joblib
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage

logger = logging.getLogger(__name__)
_FILE = "learned.joblib"


def keep(storage: ModelStorage, resource: Resource, learned: Any) -> None:
    """Write what was learned under the component's resource."""
    with storage.write_to(resource) as directory:
        joblib.dump(learned, directory / _FILE, compress=3)


def find(storage: ModelStorage, resource: Resource) -> Any | None:
    """Read it back; None when this model was trained without the component."""
    try:
        with storage.read_from(resource) as directory:
            return joblib.load(directory / _FILE)
    except ValueError:
        return None
