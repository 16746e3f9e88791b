"""How well the trained model and the rules understand the development set.

    .venv/engine/bin/python -m benchmarks.understanding.report --model var/models/… [--half A|B]

Half A chose thresholds; half B is only ever reported. ``urgent`` is danger by rule or p(danger_now) above the higher
threshold. Figures of messages written for this purpose, not of people who look for help.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

import yaml

from benchmarks.understanding.judge import (
    Judge,
    Judged,
    calibration_error,
    development,
    finer_group_of,
    flags_f1,
    group_of,
    right,
)
from bot.quiet import hush

ROOT = Path(__file__).resolve().parents[2]


async def judge(model: Path, half: str) -> tuple[Judged, list[float], list[float]]:
    """Every message of a half with what was understood, the seconds each parse took, and those of very long messages."""
    judging = Judge(model)
    await judging.warm()
    judged: Judged = []
    seconds = []
    for row in development(half):
        began = time.perf_counter()
        understood = await judging.understand(row["text"])
        seconds.append(time.perf_counter() - began)
        judged.append((row, judging.with_rules(row["text"], understood)))
    long = []
    for text in very_long([row["text"] for row, _ in judged]):
        began = time.perf_counter()
        await judging.understand(text)
        long.append(time.perf_counter() - began)
    return judged, sorted(seconds), sorted(long)


def very_long(texts: list[str], how_many: int = 60) -> list[str]:
    """Messages of 1,600 characters, the provider's limit, each made of different short ones."""
    step = max(1, len(texts) // how_many)
    return [" ".join(texts[start:] + texts[:start])[:1600] for start in range(0, len(texts), step)][:how_many]


def share(hits: list[bool]) -> str:
    return f"{sum(hits) / len(hits):.3f}  ({len(hits)})" if hits else "–"


def figures(judged: Judged, seconds: list[float], long: list[float]) -> list[tuple[str, str]]:
    """Name and value of each figure."""
    intents = [(r, u) for r, u in judged if r["kind"] == "intent"]
    danger = [u["urgent"] for r, u in judged if r["kind"] == "danger"]
    alike = [not u["urgent"] for r, u in judged if r["kind"] == "lookalike"]
    return [
        ("intent, right or an accepted alternative", share([right(r, u) for r, u in intents])),
        ("  not sure enough: sent to the menu", share([u["confidence"] < SURE_AT for r, u in intents])),
        ("  right among the others", share([right(r, u) for r, u in intents if u["confidence"] >= SURE_AT])),
        ("urgent: recall", share(danger)),
        ("urgent: specificity on look-alikes", share(alike)),
        *((f"  {name}: recall / specificity", _urgent(judged, part)) for name, part in WRITTEN.items()),
        ("urgent on the other messages", share([u["urgent"] for r, u in intents if "danger_now" not in r["flags"]])),
        ("asked \"is it now?\": danger, look-alikes, others", " ".join(asked(judged, kind) for kind in ("danger", "lookalike", "intent"))),
        ("flags, micro-F1", f"{flags_f1(judged):.3f}"),
        ("  without the danger messages and look-alikes", f"{flags_f1(intents):.3f}"),
        ("exit: recall", share([u["exit"] for r, u in judged if r["kind"] == "exit"])),
        ("exit: false", str(sum(u["exit"] for r, u in judged if r["kind"] != "exit"))),
        ("dialect, five words and more", share(told(intents))),
        ("expected calibration error", f"{calibration_error(intents):.3f}"),
        ("parse p50 / p99", f"{1000 * seconds[len(seconds) // 2]:.1f} / {1000 * seconds[int(len(seconds) * 0.99)]:.1f} ms"),
        ("1,600 characters: p50 / longest of 60", f"{1000 * long[len(long) // 2]:.1f} / {1000 * long[-1]:.1f} ms"),
    ]


SURE_AT = next(part["sure_at"] for part in yaml.safe_load((ROOT / "config.yml").read_text())["pipeline"] if "sure_at" in part)
"""Below this confidence no rule is followed: a gentle menu instead (bot/components/alarm.py)."""


def asked(judged: Judged, kind: str) -> str:
    """The share of messages of a kind that are met with the one question instead of the bell."""
    met = [u["alarm"] == "maybe" and not u["urgent"] for r, u in judged if r["kind"] == kind]
    return f"{sum(met) / len(met):.3f}" if met else "–"


def told(judged: Judged) -> list[bool]:
    """Whether the dialect was named, of messages of five words and more; English has none."""
    longer = [(r, u) for r, u in judged if len(r["text"].split()) >= 5]
    return [u["dialect"] == r["dialect"] if r["dialect"] else u["language"] == "en" for r, u in longer]


def by_group(judged: Judged) -> list[str]:
    """A line for each group of dialects, its parts under it: intents, danger seen, look-alikes left alone, flags, dialect."""
    groups: dict[tuple[str, str], Judged] = defaultdict(list)
    for row, understood in judged:
        if row["kind"] != "exit":
            for part in {"", finer_group_of(row)}:
                groups[group_of(row), part].append((row, understood))
    lines = [f"{'':18}{'intent':>14}{'danger seen':>14}{'left alone':>14}{'flags':>8}{'dialect':>14}"]
    return lines + [_group_line(f"  {part}" if part else group, of) for (group, part), of in sorted(groups.items())]


def _group_line(name: str, of: Judged) -> str:
    intents = [(r, u) for r, u in of if r["kind"] == "intent"]
    cells = (
        share([right(r, u) for r, u in intents]), share([u["urgent"] for r, u in of if r["kind"] == "danger"]),
        share([not u["urgent"] for r, u in of if r["kind"] == "lookalike"]),
    )
    return f"{name:18}" + "".join(f"{cell:>14}" for cell in cells) + f"{flags_f1(of):>8.3f}{share(told(intents)):>14}"


def mistakes(judged: Judged, most: int = 6) -> list[str]:
    """Which intents were taken for which, the commonest first."""
    taken = Counter((r["intent"], u["intent"]) for r, u in judged if r["kind"] == "intent" and not right(r, u))
    return [f"  {meant} taken for {heard}: {count}" for (meant, heard), count in taken.most_common(most)]


WRITTEN = {"first 300": range(1375), "later, harder 320": range(1375, 1695), "written last": range(1695, 10_000)}
"""Numbers of messages by when they were written (dev/README.md)."""


def _urgent(judged: Judged, part: range) -> str:
    of = [(r, u) for r, u in judged if int(r["id"][1:]) in part]
    danger = [u["urgent"] for r, u in of if r["kind"] == "danger"]
    alike = [not u["urgent"] for r, u in of if r["kind"] == "lookalike"]
    return f"{sum(danger) / len(danger):.3f} / {sum(alike) / len(alike):.3f}" if danger and alike else "–"


def main() -> int:
    """Judge and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--half", choices=("A", "B", ""), default="B")
    chosen = parser.parse_args()
    hush()
    judged, seconds, long = asyncio.run(judge(chosen.model, chosen.half))
    print(f"development set, half {chosen.half or 'A and B'}: {len(judged)} messages; model {chosen.model.stat().st_size / 1e6:.1f} MB")
    for name, value in figures(judged, seconds, long):
        print(f"{name:44} {value}")
    print()
    print("\n".join(by_group(judged)))
    print("\nthe commonest mistakes of intent")
    print("\n".join(mistakes(judged)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
