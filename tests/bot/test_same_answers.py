"""Trained twice on the same messages, every part of the model is the same.

The second time in another process, with another order in sets and one line after the other: neither may show. The
answers on the whole development set are compared by benchmarks/understanding/twice.py.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import yaml
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.components import understanding
from bot.components.normaliser import Normaliser
from bot.components.stored import find
from bot.components.understanding import DANGER, DIALECTS, FLAGS, INTENTS, Understanding, read_ordinary

ROOT = Path(__file__).resolve().parents[2]

AGAIN = """
import json
import joblib
from tests.bot.test_same_answers import trained
with joblib.parallel_config(backend="sequential"):
    print(json.dumps(trained()))
"""


def messages() -> list[Message]:
    """Some of every fourth block of one file, with what they teach."""
    blocks = yaml.load((ROOT / "nlu_data" / "danger.yml").read_bytes(), yaml.CSafeLoader)["nlu"]
    return [
        Message.build(line[2:], block["intent"], intent_metadata=block["metadata"])
        for block in blocks[::4] for line in block["examples"].splitlines()[:4]
    ]


def plain(part: Any) -> Any:
    """What there is in a part; sets and dictionaries that are equal are one, however they were filled."""
    if isinstance(part, dict):
        # scikit-learn keeps where its None lay in memory
        return sorted([str(name), plain(each)] for name, each in part.items() if name != "_stop_words_id")
    if isinstance(part, frozenset | set):
        return sorted(map(plain, part))
    if isinstance(part, list | tuple):
        return [plain(each) for each in part]
    if isinstance(part, np.ndarray | np.generic):
        return [str(part.dtype), part.shape, hashlib.sha256(part.tobytes()).hexdigest()]
    if is_dataclass(part):
        return plain({field.name: getattr(part, field.name) for field in fields(part)})
    return plain(vars(part)) if hasattr(part, "__dict__") and not callable(part) else repr(part)


def digest(part: Any) -> str:
    return hashlib.sha256(repr(plain(part)).encode()).hexdigest()


def trained() -> dict[str, Any]:
    """A training: a digest of each part of what it keeps, and what it makes of some messages."""
    resource, ordinary = Resource("understanding"), read_ordinary()[:500]
    with tempfile.TemporaryDirectory() as folder, patch.object(understanding, "read_ordinary", return_value=ordinary):
        storage, context = LocalModelStorage(Path(folder)), ExecutionContext(GraphSchema({}))
        component = Understanding.create(Understanding.get_default_config(), storage, resource, context)
        component.train(Normaliser().process_training_data(TrainingData(messages())))
        kept = find(storage, resource)
    parts = {**vars(kept.features), **vars(kept.heads), "groups": list(kept.heads.groups.items())}
    asked = component.process(Normaliser().process([Message({"text": each.get("text")}) for each in messages()[::25]]))
    return {
        "parts": {name: digest(part) for name, part in parts.items()},
        "groups": list(kept.heads.groups),
        "answers": [[each.get(what) for what in ("intent_ranking", "flags", "p_danger", "dialects")] for each in asked],
    }


def trained_elsewhere() -> dict[str, Any]:
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", AGAIN], cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": "1"},
        capture_output=True, text=True, check=False,
    )
    assert ended.returncode == 0, ended.stderr[-800:]
    return json.loads(ended.stdout.splitlines()[-1])


def test_two_trainings_give_one_model() -> None:
    one, other = json.loads(json.dumps(trained())), trained_elsewhere()
    assert {INTENTS, DIALECTS, DANGER, *FLAGS} == set(one["groups"]), "every kind of line was learned"
    assert one["parts"] == other["parts"]
    assert one["answers"] == other["answers"]
