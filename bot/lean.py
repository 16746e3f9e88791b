"""The engine without TensorFlow, which Rasa imports for components that ``config.yml`` does not name: 320 MB and two seconds.

Three of Rasa's modules are replaced before Rasa is imported, in the process that answers and nowhere else (training,
``rasa test`` and the tests of components have all of Rasa):

1. ``rasa.engine.recipes.default_components`` only imports every component Rasa has, so that each may be named without its
   path. Ours are named by path; the one policy is imported here.
2. ``rasa.utils.train_utils`` is used by DIET, TED, CRF and the dense featurizers; ``rasa.nlu.extractors.extractor``
   imports it for a function of theirs.
3. ``rasa.graph_components.validators.default_recipe_validator`` checks a configuration before training. A model's
   metadata names it, and naming it imports DIET.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any


def needs_no_tensorflow(config: Mapping[str, Any]) -> bool:
    """Whether a configuration (``config.yml``) has components of ours and rules only."""
    steps = [*(config.get("pipeline") or []), *(config.get("policies") or [])]
    return all(step["name"] == "RulePolicy" or str(step["name"]).startswith("bot.components.") for step in steps)


def leave_out_tensorflow() -> None:
    """To be called before anything of Rasa is imported.

    Raises:
        RuntimeError: something of Rasa is there already.
    """
    if "rasa.core.agent" in sys.modules:
        raise RuntimeError("Rasa has been imported: too late to leave anything out")
    components = ModuleType("rasa.engine.recipes.default_components")
    components.__dict__["DEFAULT_COMPONENTS"] = []
    validators = ModuleType("rasa.graph_components.validators.default_recipe_validator")
    validators.__dict__["DefaultV1RecipeValidator"] = type("DefaultV1RecipeValidator", (), {"__doc__": "Checks before training."})
    for module in (components, ModuleType("rasa.utils.train_utils"), validators):
        sys.modules[module.__name__] = module

    import rasa.core.policies.rule_policy  # noqa: F401  registers the one policy, as the list of components would have
