"""Rasa's own cross-validation of the training messages, written into ``docs/``.

    .venv/engine/bin/python -m benchmarks.understanding.cross_validation

Two folds: each half is asked of a model that learned the other half. It takes a quarter of an hour. Training messages
are written in pairs that share their words and not their intent, and no second answer is accepted: the figures are far
below those of the development set, and say which intents are taken for which, not how well messages are understood.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def run(out: Path) -> None:
    """``rasa test nlu --cross-validation`` into a folder."""
    command = [
        sys.executable, "-W", "ignore", "-m", "rasa", "test", "nlu", "--nlu", "nlu_data", "--config", "config.yml", "--domain",
        "domain.yml", "--cross-validation", "--folds", "2", "--runs", "1", "--out", str(out),
    ]
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "TQDM_DISABLE": "1", "RASA_TELEMETRY_ENABLED": "false"})


def report(found: dict[str, Any]) -> str:
    """A table of intents: precision, recall, F1, how many, and what they are taken for."""
    lines = [
        "# Cross-validation of the training messages", "",
        "Printed by `.venv/engine/bin/python -m benchmarks.understanding.cross_validation`: `rasa test nlu --cross-validation`, two folds. "
        "Each half of the training messages is asked of a model that learned the other half. Messages were written in pairs that share "
        "their words and not their intent, and no second answer is accepted here, so these figures are far below those of the "
        "development set (README). They show which intents are taken for which.", "",
        "![Confusion matrix of the intents](pictures/intent-confusion.png)", "",
        "| intent | precision | recall | F1 | messages | mostly taken for |", "|---|---|---|---|---|---|",
    ]
    intents = {name: row for name, row in found.items() if isinstance(row, dict) and row.get("support") and not name.endswith(" avg")}
    for name, row in sorted(intents.items(), key=lambda pair: -pair[1]["support"]):
        taken = ", ".join(f"{other or 'not sure'} ({count})" for other, count in (row.get("confused_with") or {}).items())
        lines.append(f"| {name} | {row['precision']:.2f} | {row['recall']:.2f} | {row['f1-score']:.2f} | {row['support']} | {taken} |")
    for name in ("macro avg", "weighted avg"):
        row = found[name]
        lines.append(f"| **{name}** | {row['precision']:.2f} | {row['recall']:.2f} | {row['f1-score']:.2f} | {row['support']} | |")
    return "\n".join([*lines, ""])


def main() -> int:
    """Run, or take an earlier run, and write the page and the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, help="a folder of an earlier run")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        results = chosen.results or Path(scratch)
        if chosen.results is None:
            run(results)
        page = report(json.loads((results / "intent_report.json").read_text(encoding="utf-8")))
        (DOCS / "cross-validation.md").write_text(page, encoding="utf-8")
        (DOCS / "pictures").mkdir(exist_ok=True)
        with Image.open(results / "intent_confusion_matrix.png") as picture:
            picture.convert("RGB").quantize(32).save(DOCS / "pictures" / "intent-confusion.png", optimize=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
