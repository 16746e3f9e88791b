"""rasa-sdk's action executor called in process: no action server, no socket, no echo of the request."""

from __future__ import annotations

from typing import Any

from rasa.core.nlg.generator import NaturalLanguageGenerator
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig
from rasa_sdk.executor import ActionExecutor


class InProcessActions(EndpointConfig):
    """An action endpoint that is a function call."""

    def __init__(self) -> None:
        # selective_domain: the whole domain is not copied into each call
        super().__init__(url="in-process", enable_selective_domain=True)
        self._executor = ActionExecutor()
        self._executor.register_package("actions")

    async def request(self, method: str = "post", **kwargs: Any) -> dict[str, Any] | None:
        """Run the action that Rasa asks for."""
        result: dict[str, Any] | None = await self._executor.run(kwargs["json"])
        return result


class NamesOnly(NaturalLanguageGenerator):
    """Answers with the name of a text and its values; the gateway renders the words."""

    async def generate(
        self, utter_action: str, tracker: DialogueStateTracker, output_channel: str, **values: Any
    ) -> dict[str, Any] | None:
        """A reply by name."""
        return {"text": None, "custom": {"name": utter_action.removeprefix("utter_"), "values": _ours(values)}}


VALUES = ("set", "item")
"""What a reply may carry beside its name. Rasa adds keywords of its own, its whole domain among them."""


def _ours(values: dict[str, Any]) -> dict[str, str]:
    return {name: str(values[name]) for name in VALUES if values.get(name)}
