"""CAMeL Tools' dialect model (Model-6 of Salameh et al. 2018) beside ours, for operators who have its data.

Off: it is no part of config.yml. To use it, put it after ``understanding`` and name the folder that ``camel_data`` filled
(and set nothing else: CAMeL's own variable is set from it)::

    - name: bot.components.camel_dialect.CamelDialect
      data: /srv/camel_tools

Its shares and ours are multiplied, for Arabic script only, and only the varieties we tell apart. What it adds is for the
operator to measure (``benchmarks/understanding/report.py``). CAMeL Tools tries to download as soon as the module is
imported without data; so it is imported here, after the look at the folder, and nowhere else.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.training_data.message import Message

VARIETIES = {"BEI": "levantine", "DOH": "gulf", "CAI": "egyptian", "MSA": "msa"}
"""CAMeL's label -> ours; Rabat and Tunis are none of ours."""

_LEAST = 0.02
"""No share counts for less: one model alone does not rule a variety out."""


class CamelDataNotUsable(Exception):
    """The folder holds no dialect model that this version of CAMeL Tools can read; says what is missing."""


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class CamelDialect(GraphComponent):
    """Corrects ``dialect`` by a second opinion.

    Raises:
        CamelDataNotUsable: at the start, not with a message.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {"data": ""}

    def __init__(self, data: Path) -> None:
        self._model = _model(data)

    @classmethod
    def create(
        cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext
    ) -> CamelDialect:
        return cls(Path(config["data"]))

    def process(self, messages: list[Message]) -> list[Message]:
        """Second opinion on the messages of one call."""
        for message in messages:
            ours = message.get("dialects")
            if ours and message.get("dialect") and message.get("script") == "arabic":
                message.set("dialect", agreed(ours, self._opinion(message.get("text"))), add_to_output=True)
        return messages

    def _opinion(self, text: str) -> dict[str, float]:
        (prediction,) = self._model.predict([text])
        return {VARIETIES[label]: float(share) for label, share in prediction.scores.items() if label in VARIETIES}


def agreed(ours: Mapping[str, float], theirs: Mapping[str, float]) -> str:
    """The variety that both models together find likeliest."""
    return max(theirs, key=lambda name: (ours.get(name, 0.0) + _LEAST) * (theirs[name] + _LEAST))


def _model(data: Path) -> Any:
    if not (data / "catalogue.json").is_file():  # without it CAMeL Tools would try to fetch one
        raise CamelDataNotUsable("CamelDialect: data: no catalogue.json there (fill the folder with camel_data dialectid-model6)")
    os.environ["CAMELTOOLS_DATA"] = str(data)
    try:
        from camel_tools.dialectid import DIDModel6
    except Exception as error:
        raise CamelDataNotUsable(f"CamelDialect: data: the catalogue cannot be read ({type(error).__name__})") from None
    try:
        return DIDModel6.pretrained()
    except Exception as error:  # pickled by another Python or scikit-learn, or files missing
        raise CamelDataNotUsable(f"CamelDialect: data: no model for this Python in it ({type(error).__name__})") from None
