"""Rasa's trained graph, run node after node.

Rasa hands its graph to dask for every parse and every prediction: it builds the task graph anew, orders it, keeps a
scheduler's books, and formats the inputs (the message with them) into a debug line nobody reads. The graph never
changes after loading, so its order is worked out once per set of targets (measured in docs/decisions).
"""

from __future__ import annotations

from typing import Any

from rasa.engine.graph import GraphNode, GraphSchema
from rasa.engine.runner.dask import DaskGraphRunner


class StraightRunner:
    """Takes the place of a loaded :class:`DaskGraphRunner`; same nodes, same results."""

    def __init__(self, loaded: DaskGraphRunner) -> None:
        self._schema: GraphSchema = loaded._graph_schema
        self._nodes: dict[str, GraphNode] = loaded._instantiated_nodes
        self._orders: dict[tuple[str, ...], list[tuple[str, tuple[str, ...]]]] = {}

    def run(self, inputs: dict[str, Any] | None = None, targets: list[str] | None = None) -> dict[str, Any]:
        """Run what the targets need, parents first; inputs stand for nodes that are given."""
        wanted = tuple(targets or self._schema.target_names)
        order = self._orders.get(wanted)
        if order is None:
            order = self._orders[wanted] = self._order(wanted)
        results: dict[str, tuple[str, Any]] = {name: (name, value) for name, value in (inputs or {}).items()}
        for name, needs in order:
            results[name] = self._nodes[name](*(results[need] for need in needs))
        return {name: results[name][1] for name in wanted}

    def _order(self, wanted: tuple[str, ...]) -> list[tuple[str, tuple[str, ...]]]:
        nodes = self._schema.minimal_graph_schema(list(wanted)).nodes
        ordered: list[tuple[str, tuple[str, ...]]] = []
        placed: set[str] = set()

        def place(name: str) -> None:
            if name in placed or name not in nodes:
                return
            placed.add(name)
            needs = tuple(dict.fromkeys(nodes[name].needs.values()))
            for need in needs:
                place(need)
            ordered.append((name, needs))

        for name in wanted:
            place(name)
        return ordered
