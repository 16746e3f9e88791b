"""Linear models over shared features, kept as one matrix: one product answers every question about a message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

Scores: TypeAlias = "NDArray[np.float32]"


def _line(
    features: csr_matrix,
    target: NDArray[np.bool_],
    strength: float,
    counts: Scores | None = None,
    columns: NDArray[np.int64] | None = None,
) -> tuple[Scores, float]:
    if columns is not None:  # chosen here and not by who calls: many processes choose at the same time
        features = features[:, columns]
    # liblinear's dual solver: minutes faster than the others on sparse n-grams; a finer tolerance takes half as long again or
    # twice as long, and answers one message of the development set in a thousand differently
    model = LogisticRegression(
        C=strength, solver="liblinear", dual=True, tol=0.3, max_iter=300, class_weight="balanced", random_state=0
    )
    model.fit(features, target, sample_weight=counts)
    return model.coef_[0].astype(np.float32), float(model.intercept_[0])


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

    def learn(self, group: str, features: csr_matrix, labels: Sequence[str], strength: float) -> None:
        """Fit a group of several classes, one against the rest."""
        given = np.asarray(labels)
        names = tuple(map(str, np.unique(given)))
        self._add({group: names}, features, [given == name for name in names], strength)

    def learn_each(self, features: csr_matrix, targets: Mapping[str, NDArray[np.bool_]], strength: float) -> None:
        """Fit labels that exclude nothing: each is a group of its own, named after it."""
        self._add({name: (name,) for name in targets}, features, list(targets.values()), strength)

    def learn_in_parts(
        self, name: str, features: csr_matrix, target: NDArray[np.bool_], strength: float, counts: Scores,
        parts: int = 16, share: float = 0.3,
    ) -> None:
        """Fit one label many times, each time on another share of the columns, and keep the mean line (random subspaces).

        A line fitted on everything leans on the few features that fit best, and is blind or rings where they mislead. One
        that had to do without each of them most of the time has learned the others too. It costs nothing when asked.

        Args:
            counts: what each row counts, one a row.
            parts: how many fits; share: of the columns in each. Chosen on half A of the development set.
        """
        chance = np.random.RandomState(0)  # the same columns in every training
        width = features.shape[1]
        columns = [np.flatnonzero(chance.random_sample(width) < share) for _ in range(parts)]
        lines = Parallel(n_jobs=-1)(delayed(_line)(features, target, strength, counts, some) for some in columns)
        mean = np.zeros((width, 1), dtype=np.float32)
        for some, (weights, _) in zip(columns, lines, strict=True):
            mean[some, 0] += weights / parts
        self._keep({name: (name,)}, mean, np.array([np.mean([bias for _, bias in lines])], dtype=np.float32))

    def _add(
        self, groups: Mapping[str, tuple[str, ...]], features: csr_matrix, targets: Sequence[NDArray[np.bool_]], strength: float
    ) -> None:
        # processes, not threads: the solver shuffles with one generator for the whole process, and two lines learned at
        # the same time would draw from it by turns, never twice the same
        lines = Parallel(n_jobs=-1)(delayed(_line)(features, target, strength) for target in targets)
        coefficients = np.stack([weights for weights, _ in lines], axis=1)
        intercept = np.array([bias for _, bias in lines], dtype=np.float32)
        self._keep(groups, coefficients, intercept)

    def _keep(self, groups: Mapping[str, tuple[str, ...]], coefficients: Scores, intercept: Scores) -> None:
        self.groups.update(groups)
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
