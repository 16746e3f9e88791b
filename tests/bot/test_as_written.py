"""What is written in config.yml is what the tests of the components test: their defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.components.alarm import Alarm
from bot.components.understanding import Understanding

ROOT = Path(__file__).resolve().parents[2]
WRITTEN: dict[str, dict[str, Any]] = {
    name.rpartition(".")[2]: settings
    for name, settings in ((step.pop("name"), step) for step in yaml.safe_load((ROOT / "config.yml").read_bytes())["pipeline"])
}


@pytest.mark.parametrize("component", [Alarm, Understanding])
def test_a_threshold_that_is_changed_in_the_file_is_changed_in_the_component_too(component: type[Any]) -> None:
    defaults = component.get_default_config()
    written = WRITTEN[component.__name__]
    assert written and written == {name: defaults[name] for name in written}


def test_what_rings_is_more_than_what_asks_and_an_answer_is_surer_than_the_rest() -> None:
    alarm = WRITTEN["Alarm"]
    assert 0.0 < alarm["asks_at"] < alarm["rings_at"] < 1.0
    assert 0.0 < alarm["sure_at"] < alarm["answers_sure_at"] < 1.0
