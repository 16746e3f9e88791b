"""Linear models over shared features, kept as one matrix: one product answers every question about a message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

Scores: TypeAlias = "NDArray[np.float32]"


@dataclass
class Heads:
    """Groups of one-against-rest logistic models.

    Attributes:
        groups: name of a group -> its labels, in the order of their columns.
        weights: features × columns, half precision on disk.
        bias: one a column.
    """

    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    weights: NDArray[np.float32] | None = None
    bias: Scores | None = None

    def learn(self, group: str, features: csr_matrix, labels: Sequence[Any], strength: float) -> None:
        """Fit a group: several classes, or True and False for one label named after the group."""
        # liblinear: deterministic, one-against-rest, minutes faster than the multinomial solvers on sparse n-grams
        model = LogisticRegression(C=strength, solver="liblinear", class_weight="balanced", random_state=0)
        model.fit(features, labels)
        names = (group,) if len(model.classes_) == 2 and True in model.classes_ else tuple(map(str, model.classes_))
        coefficients = model.coef_.T.astype(np.float32)
        if coefficients.shape[1] == 1 and len(names) == 2:  # two classes, one line between them
            coefficients = np.hstack([-coefficients, coefficients])
            intercept = np.array([-model.intercept_[0], model.intercept_[0]], dtype=np.float32)
        else:
            intercept = model.intercept_.astype(np.float32)
        self.groups[group] = names
        self.weights = coefficients if self.weights is None else np.hstack([self.weights, coefficients])
        self.bias = intercept if self.bias is None else np.concatenate([self.bias, intercept])

    def score(self, columns: NDArray[np.int64], values: Scores, sharpness: float = 1.0) -> dict[str, dict[str, float]]:
        """Group -> label -> probability; in a group of several labels they add up to one.

        Args:
            sharpness: exponent on the shares of such a group. One-against-rest models are too modest side by side;
                the exponent that makes their confidence true is chosen on the development set.
        """
        if self.weights is None or self.bias is None:
            return {}
        logits = values @ self.weights[columns] + self.bias
        chances = 1.0 / (1.0 + np.exp(-logits))
        found: dict[str, dict[str, float]] = {}
        start = 0
        for group, labels in self.groups.items():
            share = chances[start : start + len(labels)]
            if len(labels) > 1:
                share = share**sharpness
                share = share / share.sum()
            found[group] = dict(zip(labels, share.tolist(), strict=True))
            start += len(labels)
        return found

    def __getstate__(self) -> dict[str, Any]:
        weights = None if self.weights is None else self.weights.astype(np.float16)
        return {"groups": self.groups, "weights": weights, "bias": self.bias}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        self.groups, self.bias = kept["groups"], kept["bias"]
        self.weights = None if kept["weights"] is None else np.ascontiguousarray(kept["weights"].astype(np.float32))
