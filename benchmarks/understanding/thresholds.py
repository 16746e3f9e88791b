"""How the written thresholds stand among others: the choice made on half A of the development set, printed again.

    .venv/engine/bin/python -m benchmarks.understanding.thresholds --model var/models/… [--quick] [--data DIR]

Half A is judged once; every row decides anew on the same probabilities. Half B is not read. What is written is what the
model was trained with (``config.yml`` and the components' defaults), marked ``*``. False alarms are those of
``false_alarms``, on its data; ``--quick`` leaves them out. They are no second choice: the same talk reports them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.understanding.false_alarms import ordinary
from benchmarks.understanding.judge import Judge, Judged, calibration_error, development, flags_f1, right
from bot.components.alarm import CALM, Alarm, alarm_of, says_little
from bot.components.heads import Heads
from bot.components.normaliser import normalise
from bot.components.understanding import DANGER, FLAGS, INTENTS, Understanding, true_confidence
from bot.quiet import hush
from safety.self_harm import means_own_death

ROOT = Path(__file__).resolve().parents[2]
Chances = Mapping[str, Mapping[str, float]]
"""Group -> label -> probability, as the flags' thresholds see them; empty where no model was asked or heard."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One message of half A, before any threshold.

    Attributes:
        row: its record.
        understood: what the product makes of it at the written thresholds.
        chances: what the models said.
        by_rule: flags that rules see, whatever the models say.
    """

    row: dict[str, Any]
    understood: dict[str, Any]
    chances: Chances
    by_rule: frozenset[str]


def around(written: float, step: float, below: int, above: int) -> list[float]:
    """Values around the written one, that one among them, inside of 0 to 1; rounded to four places."""
    values = (round(written + at * step, 4) for at in range(-below, above + 1))
    return [value for value in values if 0.0 < value < 1.0]


def urgent_at(understood: Mapping[str, Any], rings_at: float) -> bool:
    """Whether the bell would ring, by rule or from another threshold (a probability); ``bar`` is the least for this message."""
    bar = max(rings_at, understood.get("bar", 0.0))
    return alarm_of(understood["rule"], understood["p_danger"] or 0.0, bar, bar) == "now"


def with_bar(text: str, understood: dict[str, Any], alarm: Mapping[str, Any]) -> dict[str, Any]:
    """The same with ``bar``: what is one word alone, or plain small talk, has a threshold of its own (``alarm``: as written)."""
    calm = understood["intent"] in CALM and understood["confidence"] >= alarm["answers_sure_at"]
    little = not understood["rule"] and says_little(normalise(text), calm)
    return {**understood, "bar": alarm["word_rings_at"] if little else 0.0}


def flags_at(chances: Chances, by_rule: frozenset[str], flag: float, now: float) -> set[str]:
    """The flags of a message at other thresholds (probabilities): ``now`` for danger, ``flag`` for the others."""
    needed = dict.fromkeys(FLAGS, flag) | {DANGER: now}
    return {name for name in FLAGS if name in chances and chances[name][name] >= needed[name]} | by_rule


def confidence_at(raw: float, slope: float, offset: float) -> float:
    """The confidence made of the likeliest intent's share."""
    return float(true_confidence([("", raw)], slope, offset)[0]["confidence"])


def fitted(raw: Sequence[float], hits: Sequence[bool]) -> tuple[float, float]:
    """Slope and offset under which ``hits`` are likeliest (Platt scaling without its prior).

    Raises:
        ValueError: all are right, or none.
    """
    chance = np.clip(np.asarray(raw), 1e-6, 1.0 - 1e-6)  # as true_confidence takes them
    line = LogisticRegression(C=1e9, tol=1e-8, max_iter=1000)  # as good as no penalty
    line.fit(np.log(chance / (1.0 - chance))[:, None], np.asarray(hits))
    return float(line.coef_[0, 0]), float(line.intercept_[0])


def overhear(heads: Heads) -> list[dict[str, dict[str, float]]]:
    """A list that holds the models' latest answer, with what the component does to it before it decides."""
    latest: list[dict[str, dict[str, float]]] = []
    score = heads.score

    def heard(*asked: Any) -> dict[str, dict[str, float]]:
        latest[:] = [score(*asked)]
        return latest[0]

    heads.score = heard  # type: ignore[assignment]
    return latest


async def listen(judging: Judge) -> list[Seen]:
    """Half A, each message judged once.

    Raises:
        RuntimeError: the written thresholds do not give back what the model answered (this file lags behind it).
    """
    understanding, alarm = judging.part(Understanding), judging.part(Alarm)._config
    written = understanding._config
    latest = overhear(understanding._learned.heads)
    seen = []
    for row in development("A"):
        latest.clear()
        understood = await judging.understand(row["text"])
        chances = latest[0] if latest and understood["script"] != "other" else {}
        said = ["self_harm"] if means_own_death(row["text"]) else []
        by_rule = frozenset(judging.with_rules(row["text"], {**understood, "flags": said})["flags"])
        understood = with_bar(row["text"], judging.with_rules(row["text"], understood), alarm)
        if urgent_at(understood, alarm["rings_at"]) != understood["urgent"]:
            raise RuntimeError(f"the bell of {row['id']} is not what the thresholds make of it")
        again = flags_at(chances, by_rule, written["flag_threshold"], written["flag_now_threshold"])
        if again != set(understood["flags"]):
            raise RuntimeError(f"flags of {row['id']} are not what the thresholds make of them")
        seen.append(Seen(row, understood, chances, by_rule))
    return seen


async def overhear_ordinary(judging: Judge, data: Path) -> list[dict[str, Any]]:
    """What decides about the bell, of each message of ordinary talk."""
    alarm = judging.part(Alarm)._config
    heard = []
    for _, text in ordinary(data):
        understood = with_bar(text, judging.with_rules(text, await judging.understand(text)), alarm)
        heard.append({name: understood[name] for name in ("rule", "p_danger", "bar")})
    return heard


def danger_table(judged: Judged, talk: Sequence[Mapping[str, Any]], written: float) -> Iterator[str]:
    """A row for each ringing threshold; ``talk`` is empty where false alarms are not asked for."""
    danger = [u for r, u in judged if r["kind"] == "danger"]
    alike = [u for r, u in judged if r["kind"] == "lookalike"]
    others = [u for r, u in judged if r["kind"] == "intent" and DANGER not in r["flags"]]
    beside = f"; {len(talk)} of ordinary talk" if talk else ""
    yield f"danger: {len(danger)} messages, {len(alike)} look-alikes, {len(others)} others{beside}"
    yield "  rings_at   recall   specificity   urgent among others" + ("   false alarms in 10,000" if talk else "")
    for value in around(written, 0.02, 5, 6):
        seen, rung, rings, false = (_share([urgent_at(u, value) for u in of]) for of in (danger, alike, others, talk))
        alarms = f"{10_000 * false:25.0f}" if talk else ""
        yield f"{_mark(value, written)}{value:8.2f}{seen:9.3f}{1 - rung:14.3f}{rings:22.3f}{alarms}"


def flags_table(seen: Sequence[Seen], name: str, written: Mapping[str, float]) -> Iterator[str]:
    """A row for each value of ``flag_threshold`` or ``flag_now_threshold``, the other one as written."""
    yield f"  {name:18}  micro-F1   without danger and look-alikes"
    for value in around(written[name], 0.05, 4, 4):
        at = {**written, name: value}
        flag, now = at["flag_threshold"], at["flag_now_threshold"]
        judged = [(one.row, {"flags": flags_at(one.chances, one.by_rule, flag, now)}) for one in seen]
        plain = [(row, understood) for row, understood in judged if row["kind"] == "intent"]
        yield f"{_mark(value, written[name])}{value:18.2f}{flags_f1(judged):10.3f}{flags_f1(plain):33.3f}"


def calibration_table(seen: Sequence[Seen], slope: float, offset: float) -> Iterator[str]:
    """A row for what is written, for the raw share, and for the line fitted here; then how far they are apart.

    A confidence the models did not give (a rule's, or that of another language) stays what it is in all of them.
    """
    intents = [one for one in seen if one.row["kind"] == "intent"]
    shares = [raw_share(one, slope, offset) for one in intents]
    hits = [right(one.row, one.understood) for one in intents]
    given = [(raw, hit) for raw, hit in zip(shares, hits, strict=True) if raw is not None]
    best = fitted([raw for raw, _ in given], [hit for _, hit in given])
    own = f"{len(given)} of them with a confidence of the models' own"
    yield f"calibration: {len(intents)} messages of the intents, {own}"
    yield "                      slope  offset   expected calibration error   mean log-likelihood"
    lines = {"* written": (slope, offset), "  raw": (1.0, 0.0), "  fitted here": best}
    for name, line in lines.items():
        judged = [_told_anew(one, raw, line) for one, raw in zip(intents, shares, strict=True)]
        likely = _share([_log_likelihood(confidence_at(raw, *line), hit) for raw, hit in given])
        yield f"{name:20}{line[0]:7.2f}{line[1]:8.2f}{calibration_error(judged):29.4f}{likely:22.4f}"
    apart = (round(slope - best[0], 2), round(offset - best[1], 2))
    differ = f"differ from the fitted by {apart[0]:+.2f} (slope) and {apart[1]:+.2f} (offset)"
    yield f"  the written ones {differ if any(apart) else 'are the fitted ones'}"


def raw_share(one: Seen, slope: float, offset: float) -> float | None:
    """The likeliest intent's share, or None where the message's confidence was not made of it."""
    if INTENTS not in one.chances:
        return None
    raw = max(one.chances[INTENTS].values())
    return raw if abs(confidence_at(raw, slope, offset) - one.understood["confidence"]) < 1e-9 else None


def _told_anew(one: Seen, raw: float | None, line: tuple[float, float]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Record and understanding, with the confidence another line makes of the share."""
    return one.row, one.understood if raw is None else {**one.understood, "confidence": confidence_at(raw, *line)}


def _log_likelihood(chance: float, hit: bool) -> float:
    return float(np.log(max(chance if hit else 1.0 - chance, 1e-12)))


def _share(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


def _mark(value: float, written: float) -> str:
    return "* " if value == round(written, 4) else "  "


def _flag_thresholds(config: Mapping[str, Any]) -> Iterator[str]:
    """The flags' thresholds as they are written, also any that this file knows nothing of."""
    flags = {"flag_threshold": "every flag without one of its own", "flag_now_threshold": DANGER}
    written = [(name, value) for name, value in config.items() if name.endswith("_threshold")]
    yield "flags: " + "; ".join(f"{name} {value} ({flags.get(name, 'not varied here')})" for name, value in written)


async def tables(model: Path, data: Path | None) -> list[str]:
    """The lines of all tables.

    Args:
        model: a trained model (``.tar.gz``).
        data: where the ordinary talk lies; None leaves false alarms out.
    """
    judging = Judge(model)
    await judging.warm()
    written = judging.part(Understanding)._config
    rings_at = judging.part(Alarm)._config["rings_at"]
    seen = await listen(judging)
    talk = await overhear_ordinary(judging, data) if data is not None else []
    judged = [(one.row, one.understood) for one in seen]
    return [
        f"development set, half A: {len(seen)} messages; * is written, model {model.stat().st_size / 1e6:.1f} MB", "",
        *danger_table(judged, talk, rings_at), "",
        *_flag_thresholds(written),
        *flags_table(seen, "flag_threshold", written),
        *flags_table(seen, "flag_now_threshold", written), "",
        *calibration_table(seen, written["true_slope"], written["true_offset"]),
    ]


def main() -> int:
    """Judge half A and print; the exit status is 2 where the ordinary talk is not there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--quick", action="store_true", help="without false alarms on ordinary talk")
    chosen = parser.parse_args()
    if not chosen.quick and not (chosen.data / "shami").is_dir():
        print(f"{chosen.data}: no public sets there (see false_alarms.py); --quick does without", file=sys.stderr)
        return 2
    hush()
    print("\n".join(asyncio.run(tables(chosen.model, None if chosen.quick else chosen.data))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
