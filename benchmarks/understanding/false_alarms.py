"""How often ordinary talk of real people would ring the bell or cut somebody off.

    .venv/engine/bin/python -m benchmarks.understanding.false_alarms --model var/models/… [--data ../shared/data]

The last fifth of each file of the Shami corpus (the rest may be learned from, nlu_data/ordinary/README.md) and the test
sets of ArBanking77. The folder is not part of the repository: SinaLab/ArBanking77 and GU-CLASP/shami-corpus have them.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import sys
from collections.abc import Iterator
from pathlib import Path

from bot.quiet import hush

ROOT = Path(__file__).resolve().parents[2]


def ordinary(data: Path) -> Iterator[tuple[str, str]]:
    """Name of the set and message."""
    for path in sorted((data / "shami").glob("*.txt")):
        lines = path.read_text(encoding="utf-8").splitlines()
        yield from (("Shami", line) for line in lines[int(len(lines) * 0.8) :] if line.strip())
    for path in sorted((data / "arbanking77").glob("*_test.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            yield from (("ArBanking77", row["text"]) for row in csv.DictReader(file))  # the label comes first


async def count(model: Path, data: Path) -> dict[str, list[int]]:
    """Set -> messages, bells by rule, bells by rule or model, exits."""
    from benchmarks.understanding.judge import Judge

    judging = Judge(model)
    await judging.warm()
    counts: dict[str, list[int]] = {}
    for name, text in ordinary(data):
        seen = judging.with_rules(text, await judging.understand(text))
        row = counts.setdefault(name, [0, 0, 0, 0])
        for column, happened in enumerate((True, seen["rule"] == "now", seen["urgent"], seen["exit"])):
            row[column] += happened
    return counts


def main() -> int:
    """Count and print, per 10,000."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    chosen = parser.parse_args()
    if not (chosen.data / "shami").is_dir():
        print(f"{chosen.data}: no public sets there; see the head of this file", file=sys.stderr)
        return 2
    hush()
    counts = asyncio.run(count(chosen.model, chosen.data))
    counts["together"] = [sum(column) for column in zip(*counts.values(), strict=True)]
    for name, (messages, by_rule, urgent, left) in counts.items():
        each = 10_000 / messages
        print(f"{name:12} {messages:6} messages; per 10,000: urgent {urgent * each:.0f}, by rule alone {by_rule * each:.0f}, exits {left * each:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
