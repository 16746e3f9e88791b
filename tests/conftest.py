"""Tests of ``bot`` and ``actions`` run in the engine's environment, all others in the gateway's."""

from __future__ import annotations

import importlib.util

collect_ignore = [] if importlib.util.find_spec("rasa") else ["bot", "actions"]
if importlib.util.find_spec("fastapi") is None:
    collect_ignore += ["api", "journeys", "faults", "browser", "leaks", "test_bootstrap.py"]
