"""The tables of thresholds and of groups: pure functions, no model."""

from __future__ import annotations

import random
from typing import Any

import pytest

from benchmarks.understanding.judge import finer_group_of, flags_f1
from benchmarks.understanding.report import by_group
from benchmarks.understanding.thresholds import (
    Seen,
    around,
    calibration_table,
    confidence_at,
    danger_table,
    fitted,
    flags_at,
    flags_table,
    urgent_at,
    with_bar,
)
from bot.components.alarm import Alarm


def _row(
    kind: str = "intent", text: str = "كلام", dialect: str | None = "gulf", flags: tuple[str, ...] = ()
) -> dict[str, Any]:
    said = {"intent": "greet", "also": [], "flags": list(flags), "dialect": dialect}
    return {"id": "x1", "text": text, "kind": kind, **said}


def _understood(p: float = 0.0, rule: str = "", intent: str = "greet", confidence: float = 0.9) -> dict[str, Any]:
    other = {"flags": [], "urgent": False, "dialect": None}
    return {"p_danger": p, "rule": rule, "intent": intent, "confidence": confidence, **other}


def test_candidates_rise_hold_the_written_value_and_stay_probabilities() -> None:
    assert around(0.18, 0.02, 2, 1) == [0.14, 0.16, 0.18, 0.2]
    assert around(0.04, 0.02, 5, 1) == [0.02, 0.04, 0.06]


@pytest.mark.parametrize(
    ("p", "rule", "rings"),
    [(0.2, "", True), (0.19, "", False), (0.0, "now", True), (0.1, "maybe", False), (None, "", False)],
)
def test_the_bell_rings_from_the_threshold_on_and_by_rule_at_any(p: float | None, rule: str, rings: bool) -> None:
    assert urgent_at({"p_danger": p, "rule": rule}, 0.2) is rings


@pytest.mark.parametrize(
    ("text", "rule", "intent", "confidence", "rings"),
    [("خلاص", "", "goodbye", 0.9, False), ("بنتي", "", "ask_legal", 0.9, False), ("بنتي", "maybe", "ask_legal", 0.9, True),
     ("yalla bye", "", "goodbye", 0.9, False), ("yalla bye", "", "goodbye", 0.5, True), ("بنتي معه", "", "ask_legal", 0.9, True)],
)
def test_a_word_alone_and_plain_small_talk_have_a_bar_of_their_own(text: str, rule: str, intent: str, confidence: float, rings: bool) -> None:
    understood = with_bar(text, _understood(0.3, rule, intent, confidence), Alarm.get_default_config())
    assert urgent_at(understood, 0.18) is rings and urgent_at({**understood, "p_danger": 0.6}, 0.18)


def test_danger_of_this_minute_has_a_threshold_of_its_own_and_rules_need_none() -> None:
    chances = {"danger_now": {"danger_now": 0.6}, "weapon": {"weapon": 0.6}, "injury": {"injury": 0.1}}
    assert flags_at(chances, frozenset({"self_harm"}), flag=0.5, now=0.7) == {"weapon", "self_harm"}
    assert flags_at(chances, frozenset(), flag=0.7, now=0.6) == {"danger_now"}
    assert flags_at({}, frozenset(), flag=0.0, now=0.0) == set()


def test_the_fit_finds_the_line_that_made_the_data() -> None:
    chance = random.Random(0)
    raw = [chance.uniform(0.02, 0.98) for _ in range(20_000)]
    hits = [chance.random() < confidence_at(share, 0.65, 1.12) for share in raw]
    assert fitted(raw, hits) == pytest.approx((0.65, 1.12), abs=0.06)


def test_what_has_no_two_kinds_cannot_be_fitted() -> None:
    with pytest.raises(ValueError, match="class"):
        fitted([0.2, 0.8], [True, True])


def _values(line: str) -> list[float]:
    return [float(cell) for cell in line.lstrip("* ").split()]


def test_a_higher_ringing_threshold_sees_less_and_leaves_more_alone_and_one_row_is_marked() -> None:
    judged = [(_row(kind), _understood(p / 100)) for kind in ("danger", "lookalike", "intent") for p in range(0, 60, 3)]
    head, _, *rows = danger_table(judged, [{"rule": "", "p_danger": 0.2}, {"rule": "", "p_danger": 0.0}], 0.18)
    assert head == "danger: 20 messages, 20 look-alikes, 20 others; 2 of ordinary talk"
    assert [_values(row)[0] for row in rows if row.startswith("*")] == [0.18]
    _, recall, specificity, others, alarms = zip(*map(_values, rows), strict=True)
    assert list(recall) == sorted(recall, reverse=True) and list(specificity) == sorted(specificity)
    assert others == recall and set(alarms) == {5000, 0}
    assert all(len(_values(row)) == 4 for row in list(danger_table(judged, [], 0.18))[2:])


def test_flags_are_counted_anew_at_each_threshold() -> None:
    chances = {"weapon": {"weapon": 0.5}, "danger_now": {"danger_now": 0.1}}
    seen = [Seen(_row(flags=("weapon",)), _understood(), chances, frozenset())]
    _, *rows = flags_table(seen, "flag_threshold", {"flag_threshold": 0.55, "flag_now_threshold": 0.7})
    printed = {_values(row)[0]: _values(row)[1] for row in rows}
    assert printed == {value: float(value <= 0.5) for value in around(0.55, 0.05, 4, 4)}


def _seen(raw: float, hit: bool, confidence: float | None = None) -> Seen:
    given = confidence_at(raw, 0.65, 1.12) if confidence is None else confidence
    understood = _understood(intent="greet" if hit else "thanks", confidence=given)
    return Seen(_row(), understood, {"intents": {"greet": raw, "thanks": 1 - raw}}, frozenset())


def test_calibration_names_how_far_the_written_line_is_from_the_best_and_keeps_what_a_rule_said() -> None:
    chance = random.Random(1)
    shares = [chance.uniform(0.5, 0.99) for _ in range(4_000)]
    seen = [_seen(raw, chance.random() < raw) for raw in shares] + [_seen(0.6, True, confidence=1.0)]
    head, _, written, raw, best, said = calibration_table(seen, 0.65, 1.12)
    assert head == "calibration: 4001 messages of the intents, 4000 of them with a confidence of the models' own"
    cells = [[float(cell) for cell in line.split()[-4:]] for line in (written, raw, best)]
    errors, likely = [row[2] for row in cells], [row[3] for row in cells]
    assert errors[0] > 0.1 > max(errors[1:]) and likely[2] >= likely[1] > likely[0]
    assert said.startswith("  the written ones differ from the fitted by -0.")


@pytest.mark.parametrize(("text", "dialect", "part"), [
    ("عايزه محامي", "egyptian", "Egyptian"), ("أحتاج محامياً", "msa", "MSA"), ("abi mu7ami", "gulf", "Arabizi"),
    ("i need a lawyer", None, "English"), ("بدي lawyer", "levantine", "mixed"), ("بدي محامي", "levantine", ""),
    ("10", None, ""),
])
def test_parts_of_the_groups_are_told_by_dialect_and_letters(text: str, dialect: str | None, part: str) -> None:
    assert finer_group_of(_row(text=text, dialect=dialect)) == part


def test_a_group_is_followed_by_its_parts_whose_counts_add_up() -> None:
    texts = [("عايزه محامي", "egyptian"), ("أحتاج محامياً", "msa"), ("أين أنتم", "msa"), ("بدي محامي", "levantine")]
    _, *lines = by_group([(_row(text=text, dialect=dialect), _understood()) for text, dialect in texts])
    assert [(line[:18].rstrip(), line.split("(")[1].split(")")[0]) for line in lines] == [
        ("Levantine", "1"), ("MSA and Egyptian", "3"), ("  Egyptian", "1"), ("  MSA", "2"),
    ]


def test_no_flag_found_is_no_division_by_nothing() -> None:
    assert flags_f1([(_row(), _understood())]) == 0.0
