"""Our pipeline, Rasa's default pipeline and a plain linear baseline on public sets, each trained and asked in one run.

    .venv/engine/bin/python -m benchmarks.understanding.public [--data ../shared/data] [--epochs 100] [--curve]

ArBanking77 (77 intents of a bank, trained on Standard Arabic and Palestinian, asked in five varieties) and ArSarcasm-v2
(the dialect and the sentiment of tweets). The folder is not part of the repository: SinaLab/ArBanking77 and
iabufarha/ArSarcasm-v2 have them. Every system runs in a process of its own, so that memory is its own; brackets are
blanked for all, since Rasa reads entities out of them. ``parse`` is the time of one message through Rasa, for the
baseline through scikit-learn.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from bot.quiet import hush, hush_structlog

ROOT = Path(__file__).resolve().parents[2]
Rows = list[tuple[str, str]]
"""Text and label."""

STOCK: list[dict[str, Any]] = [
    {"name": "WhitespaceTokenizer"},
    {"name": "RegexFeaturizer"},
    {"name": "LexicalSyntacticFeaturizer"},
    {"name": "CountVectorsFeaturizer"},
    {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4},
    {"name": "DIETClassifier", "epochs": 100, "constrain_similarities": True, "random_seed": 0},
    {"name": "EntitySynonymMapper"},
    {"name": "FallbackClassifier", "threshold": 0.0, "ambiguity_threshold": 0.0},
]
"""What ``rasa init`` writes (3.6), without the response selector, which would have nothing to learn, and without a
fallback, which would only lose answers."""

PUBLISHED = {
    "ArBanking77 MSA": "0.921 F1 (AraBERT fine-tuned, ArabicNLP 2023)",
    "ArBanking77 PAL": "0.900 F1 (AraBERT fine-tuned, ArabicNLP 2023)",
    "ArBanking77 unseen dialects": "0.877 micro-F1 (best system of AraFinNLP 2024)",
}


def read(path: Path, text: str, label: str) -> Rows:
    """Two columns of a CSV file; its head is optional, as in the test sets of ArBanking77."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    at = (rows[0].index(text), rows[0].index(label))
    return [(re.sub(r"[\[\](){}]", " ", row[at[0]]).replace("\n", " ").strip() or "؟", row[at[1]]) for row in rows[1:]]


def tasks(data: Path, most: int = 0) -> dict[str, tuple[Rows, dict[str, Rows]]]:
    """Name -> what to learn from, and the sets to be asked.

    Args:
        most: so many messages of a set at most, always the same ones; 0 for all.
    """
    bank, tweets = data / "arbanking77", data / "arsarcasm-v2"
    asked = {f"ArBanking77 {name}": read(bank / f"{name}_test.csv", "text", "label") for name in ("MSA", "PAL", "Saudi", "Moroccan", "Tunisian")}
    found = {"ArBanking77": (read(bank / "MSA_PAL_train.csv", "text", "label"), asked)}
    for column in ("dialect", "sentiment"):
        sets = [read(tweets / f"{name}_data.csv", "tweet", column) for name in ("training", "testing")]
        found[f"ArSarcasm-v2 {column}"] = (sets[0], {f"ArSarcasm-v2 {column}": sets[1]})
    return {name: (known, {of: _some(rows, most) for of, rows in sets.items()}) for name, (known, sets) in found.items()}


def _some(rows: Rows, most: int) -> Rows:
    if not most or len(rows) <= most:
        return rows
    return [rows[at] for at in sorted(np.random.default_rng(0).permutation(len(rows))[:most])]


def scores(truth: list[str], said: list[str]) -> dict[str, float]:
    from sklearn.metrics import accuracy_score, f1_score

    return {
        "accuracy": round(float(accuracy_score(truth, said)), 4),
        "macro-F1": round(float(f1_score(truth, said, average="macro", labels=sorted(set(truth)), zero_division=0)), 4),
    }


def through_rasa(pipeline: list[dict[str, Any]], known: Rows, directory: Path) -> Callable[[str], Awaitable[str]]:
    """Train a Rasa model of this pipeline; what comes back answers with a label."""
    from rasa.core.agent import Agent
    from rasa.model_training import train_nlu

    labels = sorted({label for _, label in known})
    blocks = [
        {"intent": f"label_{at}", "examples": [{"text": text} for text, given in known if given == label]}
        for at, label in enumerate(labels)
    ]
    (directory / "nlu.yml").write_text(
        yaml.dump({"version": "3.1", "nlu": blocks}, allow_unicode=True, width=10_000), encoding="utf-8"
    )
    config = {"recipe": "default.v1", "assistant_id": "public", "language": "ar", "pipeline": pipeline, "policies": []}
    (directory / "config.yml").write_text(yaml.dump(config), encoding="utf-8")
    model = train_nlu(str(directory / "config.yml"), str(directory / "nlu.yml"), str(directory), fixed_model_name="model")
    agent = Agent.load(model)

    async def label_of(text: str) -> str:
        parsed = await agent.parse_message(text)
        name = str((parsed.get("intent") or {}).get("name") or "label_0")
        return labels[int(name.removeprefix("label_"))] if name.startswith("label_") else ""

    return label_of


def linear(known: Rows) -> Callable[[str], Awaitable[str]]:
    """The plain baseline: character and word n-grams, TF-IDF, a linear support vector machine, light folding."""
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.svm import LinearSVC

    from safety.folding import fold

    vectorizers = (
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
        TfidfVectorizer(analyzer="word", ngram_range=(1, 2), sublinear_tf=True),
    )
    texts = [fold(text) for text, _ in known]
    model = LinearSVC(random_state=0).fit(hstack([v.fit_transform(texts) for v in vectorizers]), [label for _, label in known])

    async def label_of(text: str) -> str:
        return str(model.predict(hstack([v.transform([fold(text)]) for v in vectorizers]))[0])

    return label_of


async def one(system: str, task: str, data: Path, epochs: int, most: int, share: float) -> dict[str, Any]:
    """Learn one task with one system, then ask it everything."""
    known, sets = tasks(data, most)[task]
    if share < 1:
        order = np.random.default_rng(0).permutation(len(known))
        known = [known[at] for at in order[: int(share * len(known))]]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as scratch:
        began = time.perf_counter()
        if system == "linear":
            label_of = linear(known)
        elif system == "ours":
            ours = [{"name": "bot.components.normaliser.Normaliser"}, {"name": "bot.components.understanding.Understanding"}]
            label_of = through_rasa(ours, known, Path(scratch))
        else:
            stock = [{**part, "epochs": epochs} if "epochs" in part else part for part in STOCK]
            label_of = through_rasa(stock, known, Path(scratch))
        learned = time.perf_counter() - began
        found: dict[str, Any] = {"seconds": round(learned), "messages": len(known)}
        took: list[float] = []
        for name, rows in sets.items():
            said = []
            for text, _ in rows:
                began = time.perf_counter()
                said.append(await label_of(text))
                took.append(time.perf_counter() - began)
            found[name] = scores([label for _, label in rows], said)
    took.sort()
    found["parse"] = [round(1000 * took[int(len(took) * q)], 1) for q in (0.5, 0.99)]
    found["memory"] = round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
    return found


def run(system: str, task: str, data: Path, epochs: int, most: int, share: float) -> dict[str, Any]:
    """:func:`one` in a process of its own."""
    command = [
        sys.executable, "-W", "ignore", "-m", "benchmarks.understanding.public", "--data", str(data),
        "--epochs", str(epochs), "--most", str(most), "--only", system, "--task", task, "--share", str(share),
    ]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if ended.returncode:
        raise SystemExit(f"{system} on {task}: {ended.stderr[-600:]}")
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def table(data: Path, systems: list[str], epochs: int, most: int, share: float, wanted: list[str]) -> None:
    asked = f"{most} messages of each set" if most else "all messages of each set"
    print(f"default pipeline: {epochs} epochs; {asked}; macro-F1 (accuracy)")
    for task in wanted or tasks(data):
        found = {system: run(system, task, data, epochs, most, share) for system in systems}
        print(f"\n{task}: {found[systems[0]]['messages']} messages to learn from")
        print(f"{'':28}" + "".join(f"{system:>18}" for system in systems) + "   published")
        for name in (name for name in found[systems[0]] if name.startswith("Ar")):
            cells = (f"{found[system][name]['macro-F1']:.3f} ({found[system][name]['accuracy']:.3f})" for system in systems)
            print(f"{name:28}" + "".join(f"{cell:>18}" for cell in cells) + f"   {PUBLISHED.get(name, '')}")
        for name, unit in (("seconds", "learning, s"), ("parse", "parse p50 / p99, ms"), ("memory", "memory above start, MB")):
            cells = (" / ".join(map(str, v)) if isinstance(v := found[system][name], list) else str(v) for system in systems)
            print(f"{unit:28}" + "".join(f"{cell:>18}" for cell in cells), flush=True)
    print(f"\npublished on the dialects not learned from: {PUBLISHED['ArBanking77 unseen dialects']}")


def curve(data: Path, epochs: int, most: int, systems: list[str]) -> None:
    print("\nlearning curve, ArBanking77: macro-F1 MSA / PAL / Saudi by messages learned from")
    for share in (0.1, 0.25, 0.5, 1.0):
        for system in systems:
            found = run(system, "ArBanking77", data, epochs, most, share)
            row = " / ".join(f"{found[f'ArBanking77 {name}']['macro-F1']:.3f}" for name in ("MSA", "PAL", "Saudi"))
            print(f"{found['messages']:8} {system:10} {row}", flush=True)


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--epochs", type=int, default=100, help="of the default pipeline's DIET (its own default: 100)")
    parser.add_argument("--most", type=int, default=0, help="ask at most so many messages of each set (0: all); DIET takes long")
    parser.add_argument("--curve", action="store_true", help="and learning curves of the two fast ones")
    parser.add_argument("--systems", default="ours,stock,linear", help="which, by comma")
    parser.add_argument("--only", choices=("ours", "stock", "linear"), help=argparse.SUPPRESS)
    parser.add_argument("--task", help="one task only: ArBanking77, ArSarcasm-v2 dialect, ArSarcasm-v2 sentiment")
    parser.add_argument("--share", type=float, default=1.0, help="learn from this share of each set (DIET takes hours for all)")
    chosen = parser.parse_args()
    if not (chosen.data / "arbanking77").is_dir():
        print(f"{chosen.data}: no public sets there; see the head of this file", file=sys.stderr)
        return 2
    if chosen.only:
        os.environ.setdefault("TQDM_DISABLE", "1")
        hush()
        import rasa.model_training  # noqa: F401  its loggers are hushed after it is loaded

        hush_structlog()
        print(json.dumps(asyncio.run(one(chosen.only, chosen.task, chosen.data, chosen.epochs, chosen.most, chosen.share))))
        return 0
    systems = chosen.systems.split(",")
    table(chosen.data, systems, chosen.epochs, chosen.most, chosen.share, [chosen.task] if chosen.task else [])
    if chosen.curve:
        curve(chosen.data, chosen.epochs, chosen.most, [system for system in systems if system != "stock"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
