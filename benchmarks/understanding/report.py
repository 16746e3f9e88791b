"""How well the trained model and the rules understand the development set.

    .venv/engine/bin/python -m benchmarks.understanding.report --model var/models/… [--half A|B]

Half A chose thresholds; half B is only ever reported. ``urgent`` is danger by rule or p(danger_now) above the higher
threshold. Figures of messages written for this purpose, not of people who look for help.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from bot.quiet import hush

DEV = Path(__file__).parent / "dev"
Judged = list[tuple[dict[str, Any], dict[str, Any]]]


async def judge(model: Path, half: str) -> tuple[Judged, list[float]]:
    """Every message of a half with what was understood, and the seconds each parse took."""
    from benchmarks.understanding.judge import Judge

    judging = Judge(model)
    await judging.warm()
    judged: Judged = []
    seconds = []
    for file in sorted(DEV.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if half and row["half"] != half:
                continue
            began = time.perf_counter()
            understood = await judging.understand(row["text"])
            seconds.append(time.perf_counter() - began)
            judged.append((row, judging.with_rules(row["text"], understood)))
    return judged, sorted(seconds)


def right(row: dict[str, Any], understood: dict[str, Any]) -> bool:
    return understood["intent"] in (row["intent"], *row["also"])


def share(hits: list[bool]) -> str:
    return f"{sum(hits) / len(hits):.3f}  ({len(hits)})" if hits else "–"


def figures(judged: Judged, seconds: list[float]) -> list[tuple[str, str]]:
    """Name and value of each figure."""
    from benchmarks.understanding.judge import group_of

    intents = [(r, u) for r, u in judged if r["kind"] == "intent"]
    groups: dict[str, list[bool]] = defaultdict(list)
    for row, understood in intents:
        groups[group_of(row)].append(right(row, understood))
    danger = [u["urgent"] for r, u in judged if r["kind"] == "danger"]
    alike = [not u["urgent"] for r, u in judged if r["kind"] == "lookalike"]
    flagged = [(set(r["flags"]), set(u["flags"])) for r, u in judged if r["kind"] in ("intent", "danger", "lookalike")]
    hit = sum(len(a & b) for a, b in flagged)
    missed, false = sum(len(a - b) for a, b in flagged), sum(len(b - a) for a, b in flagged)
    longer = [(r, u) for r, u in intents if len(r["text"].split()) >= 5]
    told = [u["dialect"] == r["dialect"] if r["dialect"] else u["language"] == "en" for r, u in longer]
    return [
        ("intent, right or an accepted alternative", share([right(r, u) for r, u in intents])),
        *((f"  {name}", share(hits)) for name, hits in sorted(groups.items())),
        ("urgent: recall", share(danger)),
        ("urgent: specificity on look-alikes", share(alike)),
        *((f"  {name}: recall / specificity", _urgent(judged, later)) for name, later in (("first 300", False), ("later, harder 320", True))),
        ("urgent on the other messages", share([u["urgent"] for r, u in intents if "danger_now" not in r["flags"]])),
        ("flags, micro-F1", f"{2 * hit / (2 * hit + missed + false):.3f}" if hit else "–"),
        ("exit: recall", share([u["exit"] for r, u in judged if r["kind"] == "exit"])),
        ("exit: false", str(sum(u["exit"] for r, u in judged if r["kind"] != "exit"))),
        ("dialect, five words and more", share(told)),
        ("expected calibration error", f"{calibration_error(intents):.3f}"),
        ("parse p50 / p99", f"{1000 * seconds[len(seconds) // 2]:.1f} / {1000 * seconds[int(len(seconds) * 0.99)]:.1f} ms"),
    ]


LATER = 1374
"""Messages with a higher number were written later and harder (dev/README.md)."""


def _urgent(judged: Judged, later: bool) -> str:
    of = [(r, u) for r, u in judged if (int(r["id"][1:]) > LATER) is later]
    danger = [u["urgent"] for r, u in of if r["kind"] == "danger"]
    alike = [not u["urgent"] for r, u in of if r["kind"] == "lookalike"]
    return f"{sum(danger) / len(danger):.3f} / {sum(alike) / len(alike):.3f}"


def calibration_error(judged: Judged) -> float:
    """Ten bins of confidence against how often it was right."""
    bins: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for row, understood in judged:
        bins[min(9, int(understood["confidence"] * 10))].append((understood["confidence"], right(row, understood)))
    gaps = (abs(sum(c for c, _ in b) - sum(ok for _, ok in b)) for b in bins.values())
    return sum(gaps) / len(judged)


def main() -> int:
    """Judge and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--half", choices=("A", "B", ""), default="B")
    chosen = parser.parse_args()
    hush()
    judged, seconds = asyncio.run(judge(chosen.model, chosen.half))
    print(f"development set, half {chosen.half or 'A and B'}: {len(judged)} messages")
    for name, value in figures(judged, seconds):
        print(f"{name:44} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
