"""How a trained component keeps and finds what it has learned, in Rasa's model storage."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import joblib
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage

_FILE = "learned.joblib"


def keep(storage: ModelStorage, resource: Resource, learned: Any) -> None:
    """Write what was learned under the component's resource."""
    with storage.write_to(resource) as directory:
        joblib.dump(learned, directory / _FILE, compress=3)


def find(storage: ModelStorage, resource: Resource) -> Any | None:
    """Read it back; None when this model was trained without the component.

    Raises:
        Exception: it was trained with it and cannot be read. Half a file must not pass for "nothing was learned": the
            model of danger would be missing without a word.
    """
    with ExitStack() as opened:
        try:
            directory = opened.enter_context(storage.read_from(resource))
        except ValueError:
            return None
        return joblib.load(directory / _FILE)
