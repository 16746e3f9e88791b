"""Costs of Rasa 3.6 in training that buy nothing here, removed: two minutes of sixty thousand messages.

1. A message's fingerprint is taken of each of its values and then of those, in pure Python; one pass tells the same.
2. Training messages are read by a YAML parser in pure Python, twice (once to be validated). libyaml reads them, and only
   them: in Rasa's other files «yes» and «no» must not become true and false, as they would in YAML 1.1.
3. Merging training data copies every message, several times over, with ``copy.deepcopy`` and its memory of what it has
   seen. A message is a few plain values: they are copied as such.

``rasa train`` without this gives a model that answers the same, later.
"""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any

import yaml
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.utils import io


def apply() -> None:
    """Remove the costs; safe to call twice."""
    Message.fingerprint = _fingerprint
    io.read_yaml = _read_yaml
    Message.__deepcopy__ = _deepcopy


_slow_fingerprint, _slow_read_yaml = Message.fingerprint, io.read_yaml


def _fingerprint(self: Message) -> str:
    if self._cached_fingerprint is None:
        if self.features:
            return str(_slow_fingerprint(self))
        data = json.dumps(self.data, sort_keys=True, ensure_ascii=False, default=repr)
        self._cached_fingerprint = hashlib.md5(data.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
    return str(self._cached_fingerprint)


def _deepcopy(self: Message, memory: dict[int, Any]) -> Message:
    copied = Message(
        data=_copied(self.data, memory), output_properties=set(self.output_properties), time=self.time,
        features=copy.deepcopy(self.features, memory),
    )
    copied._cached_fingerprint = self._cached_fingerprint
    return copied


def _copied(value: Any, memory: dict[int, Any]) -> Any:
    if value is None or isinstance(value, str | int | float):
        return value
    if type(value) is dict:
        return {key: _copied(each, memory) for key, each in value.items()}
    if type(value) is list:
        return [_copied(each, memory) for each in value]
    return copy.deepcopy(value, memory)


def _read_yaml(content: str, reader_type: Any = "safe") -> Any:
    """Parse YAML; messages («examples: |» under «nlu:») with libyaml, the rest as Rasa does."""
    if "\nnlu:" in content and "examples: |" in content:
        return yaml.load(content, yaml.CSafeLoader)
    return _slow_read_yaml(content, reader_type)
