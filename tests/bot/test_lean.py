"""The process that answers has no TensorFlow in it, and answers all the same (``tests/journeys`` over the running engine)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.lean import leave_out_tensorflow, needs_no_tensorflow

ROOT = Path(__file__).resolve().parents[2]
OURS: dict[str, Any] = {"pipeline": [{"name": "bot.components.alarm.Alarm"}], "policies": [{"name": "RulePolicy"}]}


def test_the_shipped_configuration_needs_none() -> None:
    assert needs_no_tensorflow(yaml.safe_load((ROOT / "config.yml").read_bytes()))


@pytest.mark.parametrize(
    "more",
    [{"pipeline": [*OURS["pipeline"], {"name": "DIETClassifier"}]}, {"policies": [{"name": "RulePolicy"}, {"name": "TEDPolicy"}]},
     {"pipeline": [{"name": "rasa.nlu.extractors.crf_entity_extractor.CRFEntityExtractor"}]}],
)
def test_a_configuration_with_rasas_own_learners_keeps_all_of_rasa(more: dict[str, Any]) -> None:
    assert needs_no_tensorflow(OURS) and not needs_no_tensorflow({**OURS, **more})


def test_it_is_too_late_once_rasa_is_there() -> None:
    import rasa.core.agent  # noqa: F401

    with pytest.raises(RuntimeError):
        leave_out_tensorflow()


def test_the_engine_is_imported_without_it() -> None:
    code = (
        "import sys; from bot.lean import leave_out_tensorflow; leave_out_tensorflow()\n"
        "import bot.app, bot.engine; print(sorted({m.split('.')[0] for m in sys.modules} & {'tensorflow', 'keras'}))"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip().splitlines()[-1:] == ["[]"], done.stderr[-2000:]
