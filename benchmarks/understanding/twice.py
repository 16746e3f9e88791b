"""Whether two models answer the same on the whole development set: trained twice on the same data, they must.

    .venv/engine/bin/python -m bot.train --out var/models/one.tar.gz        (and the same with two.tar.gz)
    .venv/engine/bin/python -m benchmarks.understanding.twice --model var/models/one.tar.gz --other var/models/two.tar.gz
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from bot.quiet import hush

DEV = Path(__file__).parent / "dev"


async def answers(model: Path) -> list[dict[str, Any]]:
    """What a model understands of every message, both halves."""
    from benchmarks.understanding.judge import Judge

    judging = Judge(model)
    await judging.warm()
    lines = [line for file in sorted(DEV.glob("*.jsonl")) for line in file.read_text(encoding="utf-8").splitlines()]
    return [await judging.understand(json.loads(line)["text"]) for line in lines]


def main() -> int:
    """Compare and print; the exit status is 1 where one answer differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--other", type=Path, required=True)
    chosen = parser.parse_args()
    hush()
    one, other = (asyncio.run(answers(model)) for model in (chosen.model, chosen.other))
    different = sum(a != b for a, b in zip(one, other, strict=True))
    print(f"{len(one)} messages, {different} answered differently")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
