"""What is taken away from Rasa is what we think it is: its source is frozen, and read here."""

from __future__ import annotations

import ast
import inspect

import pytest
from rasa.core import processor
from rasa.core.actions import forms
from rasa.core.policies import rule_policy

LOGGERS = {"structlogger", "logger"}


@pytest.mark.parametrize("module", [processor, forms, rule_policy], ids=lambda m: m.__name__)
def test_deep_copies_are_made_for_debug_lines_only(module) -> None:
    tree = ast.parse(inspect.getsource(module))
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    uses = [
        node for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "copy"
    ]
    assert uses
    for use in uses:
        assert use.attr == "deepcopy"
        node = parents[parents[use]]
        while not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            node = parents[node]
        assert node.func.attr == "debug" and node.func.value.id in LOGGERS, ast.unparse(node)
