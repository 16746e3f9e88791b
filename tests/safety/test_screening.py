"""The default screening sets against an oracle written from screening.md, and the loop that asks them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from safety.screening import (
    Instruments,
    choose_sets,
    evaluate,
    gather_facts,
    load_instruments,
    next_item,
    offer_due,
)

FOLDER = Path(__file__).parents[2] / "scripts" / "screening"
PARSED: dict[str, Any] = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.yml"))}
INSTRUMENTS: Instruments = load_instruments(PARSED)
SETS = ("now", "lethality", "child", "self_harm", "exploitation", "honour")
LEVEL = {"RED": 3, "HIGH": 2, "ELEVATED": 1, "UNKNOWN": 0, "NONE_DISCLOSED": 0}
VARIANTS = ("lev", "gulf", "msa", "en")
Given = dict[str, str]


def indicators(name: str) -> list[str]:
    return [item.id for item in INSTRUMENTS.sets[name].items if item.kind == "indicator"]


def band(answers: dict[str, Given], **facts: Any) -> str:
    return evaluate(INSTRUMENTS, answers, facts).band


# -- the table of screening.md, written a second time in plain Python ---------------------------------------------


def _now(yes: set[str], kept: set[str]) -> int:
    return 3 if yes else 0


def _lethality(yes: set[str], kept: set[str]) -> int:
    critical = len(yes & {"P1", "P2", "P3", "P4"})
    other = len(yes) - critical
    if critical >= 2:
        return 3
    return 2 if critical or other >= 4 else 1 if other else 0


def _child(yes: set[str], kept: set[str]) -> int:
    return 3 if "K2" in yes else 2 if yes & {"K4", "K5"} else 0


def _self_harm(yes: set[str], kept: set[str]) -> int:
    return 3 if yes & {"S2", "S3"} else 2 if "S1" in yes or kept else 0


def _exploitation(yes: set[str], kept: set[str]) -> int:
    if "T6" in yes:
        return 3
    if "T4" in yes or ("T2" in yes and yes & {"T1", "T3", "T5"}):
        return 2
    return 1 if yes else 0


def _honour(yes: set[str], kept: set[str]) -> int:
    if yes & {"H2", "H4"} or {"H1", "H3"} <= yes:
        return 3
    return 2 if yes else 0


ORACLE: dict[str, Callable[[set[str], set[str]], int]] = {
    "now": _now,
    "lethality": _lethality,
    "child": _child,
    "self_harm": _self_harm,
    "exploitation": _exploitation,
    "honour": _honour,
}


def combinations(name: str) -> Iterator[Given]:
    """Every combination of answers; the eleven items of lethality with no, yes and one of skip, unsure, unasked."""
    items = indicators(name)
    values = ("yes", "no", "skip", "unsure", "")
    if len(items) > 6:
        for number, row in enumerate(product(("yes", "other"), repeat=len(items))):
            other = values[1 + number % 4]
            yield {i: v if v == "yes" else other for i, v in zip(items, row, strict=True) if v == "yes" or other}
        return
    for row in product(values, repeat=len(items)):
        yield {item: value for item, value in zip(items, row, strict=True) if value}


@pytest.mark.parametrize("name", SETS)
def test_every_combination_has_the_band_the_specification_gives_it(name: str) -> None:
    for given_ in combinations(name):
        yes = {item for item, value in given_.items() if value == "yes"}
        kept = {item for item, value in given_.items() if value in ("yes", "skip", "unsure")}
        level = ORACLE[name](yes, kept)
        answered = sum(value in ("yes", "no") for value in given_.values())
        lowest = "NONE_DISCLOSED" if answered >= 3 else "UNKNOWN"
        assert band({name: given_}) == [lowest, "ELEVATED", "HIGH", "RED"][level], given_


@pytest.mark.parametrize("name", ["now", "child", "self_harm", "honour"])
@pytest.mark.parametrize("minor", [False, True])
def test_no_answer_lowers_a_level_and_skip_is_never_less_than_no(name: str, minor: bool) -> None:
    """Exhaustive, step by step; the two long sets are compared with the oracle above and proved on load."""
    items = indicators(name)
    level = {}
    for row in product(("", "no", "skip", "unsure", "yes"), repeat=len(items)):
        given_ = {item: value for item, value in zip(items, row, strict=True) if value}
        level[row] = evaluate(INSTRUMENTS, {name: given_}, {"minor": minor}).level
    above = ("no", "skip", "unsure", "yes")
    higher = {"": above, "no": above[1:], "skip": ("yes",), "unsure": ("yes",)}
    for row, before in level.items():
        for place, value in enumerate(row):
            for raised in higher.get(value, ()):
                assert level[*row[:place], raised, *row[place + 1 :]] >= before, (row, place, raised)


@pytest.mark.parametrize("name", SETS)
def test_the_flow_as_asked_reaches_every_red_that_asking_everything_reaches(name: str) -> None:
    items = [item.id for item in INSTRUMENTS.sets[name].items]
    for row in product(("no", "yes"), repeat=len(items)):
        truth = dict(zip(items, row, strict=True))
        if "K1" in truth:
            truth["K1"] = "adult"
        everything = band({name: truth})
        asked: dict[str, Given] = {name: {}}
        while waiting := next_item(INSTRUMENTS, (name,), asked, declined=True):
            asked[name][waiting[1]] = truth[waiting[1]]
        assert (band(asked) == "RED") == (everything == "RED"), truth


@given(
    sets=st.permutations(SETS).flatmap(lambda order: st.integers(1, 3).map(lambda n: tuple(order[:n]))),
    truth=st.fixed_dictionaries(
        {item: st.sampled_from(["no", "no", "yes", "skip", "unsure"]) for name in SETS for item in indicators(name)}
    ),
)
def test_several_sets_together_reach_every_red_too(sets: tuple[str, ...], truth: Given) -> None:
    everything = {name: {item: truth[item] for item in indicators(name)} for name in sets}
    asked: dict[str, Given] = {}
    number = 0
    levels = [0]
    while waiting := next_item(INSTRUMENTS, sets, asked, declined=True):
        name, item = waiting
        assert item not in asked.get(name, {})
        asked.setdefault(name, {})[item] = truth.get(item, "skip")
        levels.append(evaluate(INSTRUMENTS, asked).level)
        number += 1
        assert number < 50
    assert (band(asked) == "RED") == (band(everything) == "RED")
    assert levels == sorted(levels)


# -- the sentences around the table -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"now": {"N1": "yes"}}, "RED"),
        ({"lethality": {"P4": "yes"}}, "HIGH"),
        ({"lethality": {"P1": "yes", "P4": "yes"}}, "RED"),
        ({"lethality": {"P5": "yes", "P6": "yes", "P7": "yes"}}, "ELEVATED"),
        ({"lethality": {"P5": "yes", "P6": "yes", "P7": "yes", "P8": "yes"}}, "HIGH"),
        ({"child": {"K1": "adult", "K3": "yes"}}, "UNKNOWN"),
        ({"child": {"K4": "yes"}}, "HIGH"),
        ({"self_harm": {"S1": "skip"}}, "HIGH"),
        ({"self_harm": {"S1": "unsure"}}, "HIGH"),
        ({"self_harm": {"S2": "skip", "S1": "no", "S3": "no"}}, "HIGH"),
        ({"self_harm": {"S1": "no", "S2": "no", "S3": "no"}}, "NONE_DISCLOSED"),
        ({"exploitation": {"T2": "yes"}}, "ELEVATED"),
        ({"exploitation": {"T2": "yes", "T5": "yes"}}, "HIGH"),
        ({"exploitation": {"T1": "yes", "T3": "yes", "T5": "yes"}}, "ELEVATED"),
        ({"exploitation": {"T6": "yes"}}, "RED"),
        ({"honour": {"H1": "yes"}}, "HIGH"),
        ({"honour": {"H1": "yes", "H3": "yes"}}, "RED"),
        ({"honour": {"H1": "yes", "H5": "yes"}}, "HIGH"),
        ({"honour": {"H4": "yes"}}, "RED"),
        ({}, "UNKNOWN"),
        ({"now": {"N1": "no", "N2": "no"}}, "UNKNOWN"),
        ({"now": {"N1": "no", "N2": "no", "N3": "no"}}, "NONE_DISCLOSED"),
        ({"now": {"N1": "no", "N2": "no"}, "honour": {"H5": "no"}}, "NONE_DISCLOSED"),
        ({"now": {"N1": "skip", "N2": "skip", "N3": "unsure", "N4": "skip"}}, "UNKNOWN"),
        ({"child": {"K1": "adult", "K3": "no"}, "now": {"N1": "no", "N2": "no"}}, "UNKNOWN"),
        ({"lethality": {"P5": "yes"}, "honour": {"H5": "yes"}}, "HIGH"),
    ],
)
def test_a_row_of_the_specification(answers: dict[str, Given], expected: str) -> None:
    assert band(answers) == expected


@pytest.mark.parametrize("age", ["under_13", "teen"])
def test_an_under_18_who_discloses_harm_is_at_least_high_and_in_the_childrens_queue(age: str) -> None:
    outcome = evaluate(INSTRUMENTS, {"child": {"K1": age}, "lethality": {"P5": "yes"}})
    assert (outcome.band, outcome.lane, outcome.minor) == ("HIGH", "children", True)
    assert outcome.reasons == ("P5", "minor")
    assert band({"child": {"K1": age}}, disclosed=True) == "HIGH"


def test_a_minor_by_flag_counts_as_one_even_when_the_age_asked_says_adult() -> None:
    """A level never falls as answers are added; somebody else may have taken the phone."""
    assert band({}, minor=True, disclosed=True) == "HIGH"
    assert band({"child": {"K1": "adult"}}, minor=True, disclosed=True) == "HIGH"


def test_being_under_18_alone_is_no_band() -> None:
    outcome = evaluate(INSTRUMENTS, {"child": {"K1": "teen", "K2": "no", "K4": "no", "K5": "no"}})
    assert (outcome.band, outcome.lane, outcome.answered) == ("NONE_DISCLOSED", "children", 3)


def test_what_an_adult_said_earlier_scores_nothing_until_it_is_answered() -> None:
    assert band({}, disclosed=True) == "UNKNOWN"


def test_danger_found_at_the_gate_is_red_and_uncertain_danger_is_not() -> None:
    assert band({}, danger="now") == "RED"
    assert band({}, danger="maybe") == "UNKNOWN"


def test_the_card_gets_the_codes_that_counted_and_nothing_else() -> None:
    outcome = evaluate(INSTRUMENTS, {"lethality": {"P5": "yes", "P4": "yes", "P2": "no"}, "self_harm": {"S1": "skip"}})
    assert outcome.reasons == ("P4", "P5", "S1_not_denied")
    assert outcome.answered == 3


@pytest.mark.parametrize("name", ["now", "lethality", "child", "honour"])
def test_any_violence_honour_or_child_indicator_closes_the_routes_with_the_other_side(name: str) -> None:
    for item in indicators(name):
        assert evaluate(INSTRUMENTS, {name: {item: "yes"}}).joint_routes_closed
        assert not evaluate(INSTRUMENTS, {name: {item: "no"}}).joint_routes_closed


def test_an_answer_of_another_release_is_passed_over() -> None:
    assert band({"gone": {"Z9": "yes"}, "lethality": {"P77": "yes", "P5": "perhaps"}}) == "UNKNOWN"


# -- asking -----------------------------------------------------------------------------------------------------


def order(sets: tuple[str, ...], value: str = "no") -> list[str]:
    asked: dict[str, Given] = {}
    items = []
    while waiting := next_item(INSTRUMENTS, sets, asked):
        asked.setdefault(waiting[0], {})[waiting[1]] = value
        items.append(waiting[1])
    return items


def test_critical_items_of_all_sets_in_play_come_first() -> None:
    assert order(("now", "lethality")) == [*indicators("now"), *indicators("lethality")]
    assert order(("now", "child")) == ["N1", "N2", "N3", "N4", "K2", "K1", "K3", "K4", "K5"]
    assert order(("honour", "exploitation")) == ["H1", "H2", "H3", "H4", "T6", "H5", "T1", "T2", "T3", "T4", "T5"]
    assert order(("self_harm",)) == ["S2", "S3", "S1"]


def test_red_stops_at_once() -> None:
    assert next_item(INSTRUMENTS, ("now", "lethality"), {"now": {"N1": "yes"}}, declined=True) is None


def test_at_high_a_person_is_offered_before_anything_else_is_asked() -> None:
    assert next_item(INSTRUMENTS, ("lethality",), {"lethality": {"P1": "yes"}}) is None


def test_after_a_declined_offer_only_what_can_still_make_red_is_asked() -> None:
    answers = {"lethality": {"P1": "yes"}}
    asked = []
    while waiting := next_item(INSTRUMENTS, ("lethality", "honour"), answers, declined=True):
        answers.setdefault(waiting[0], {})[waiting[1]] = "no"
        asked.append(waiting[1])
    assert asked == ["P2", "P3", "P4", "H1", "H2", "H3", "H4"]


def test_danger_at_the_gate_and_a_minors_disclosure_stop_the_questions_too() -> None:
    assert next_item(INSTRUMENTS, ("now",), {}, facts={"danger": "now"}, declined=True) is None
    told = {"minor": True, "disclosed": True}
    assert next_item(INSTRUMENTS, ("now", "child"), {}, facts=told) is None
    assert next_item(INSTRUMENTS, ("now", "child"), {}, facts=told, declined=True) == ("now", "N1")


def test_a_question_that_was_skipped_is_not_asked_again() -> None:
    answers = {"now": {"N1": "skip", "N2": "unsure"}}
    assert next_item(INSTRUMENTS, ("now",), answers) == ("now", "N3")


def test_a_question_whose_answer_cannot_be_read_is_not_asked_for_ever() -> None:
    assert next_item(INSTRUMENTS, ("child",), {"child": {"K2": "no", "K1": "no"}}) == ("child", "K3")


def test_a_person_is_offered_after_five_questions_whatever_was_answered() -> None:
    four = {"now": {"N1": "skip", "N2": "no", "N3": "unsure", "N4": "no"}}
    assert not offer_due(four)
    assert offer_due({**four, "child": {"K1": "skip"}})


# -- choosing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("intents", "flags", "sets"),
    [
        (["disclose_physical"], [], ("now", "lethality")),
        (["disclose_threat"], ["honour"], ("now", "honour", "lethality")),
        (["disclose_child_harm"], [], ("now", "child")),
        (["disclose_physical"], ["minor_speaking"], ("now", "child", "lethality")),
        (["disclose_self_harm"], [], ("self_harm",)),
        (["disclose_physical", "disclose_self_harm"], [], ("self_harm", "now", "lethality")),
        (["disclose_exploitation"], [], ("now", "exploitation")),
        (["disclose_forced_marriage"], [], ("now", "honour")),
        (["disclose_digital"], ["blackmail"], ("now", "honour")),
        (["start_screening"], [], ("now", "lethality")),
        (["report_for_other"], [], ("now",)),
        (["ask_legal"], ["strangulation"], ("now", "lethality")),
        (["greet"], [], ()),
        ([], [], ()),
    ],
)
def test_what_was_said_chooses_the_sets_and_their_order(
    intents: list[str], flags: list[str], sets: tuple[str, ...]
) -> None:
    assert choose_sets(INSTRUMENTS, intents, flags, {}) == sets


def test_a_known_minor_is_asked_the_childrens_set() -> None:
    assert choose_sets(INSTRUMENTS, [], [], {"minor": True}) == ("now", "child")
    assert choose_sets(INSTRUMENTS, [], [], {"minor": False}) == ()


def test_a_fact_once_learnt_is_kept() -> None:
    facts = gather_facts(INSTRUMENTS, {}, ["disclose_physical"], ["minor_speaking"])
    assert facts == {"minor": True, "disclosed": True}
    assert gather_facts(INSTRUMENTS, {**facts, "danger": "now"}, ["greet"], []) == {**facts, "danger": "now"}
    assert gather_facts(INSTRUMENTS, {}, ["ask_legal"], []) == {"minor": False, "disclosed": False}


def test_every_disclosure_of_the_contract_is_known_here() -> None:
    """intents.yml: these names are a contract; one misspelt here would never choose a set."""
    disclosures = {
        *("disclose_physical", "disclose_sexual", "disclose_psychological", "disclose_economic", "disclose_digital"),
        *("disclose_threat", "disclose_confinement", "disclose_forced_marriage", "disclose_stalking"),
        *("disclose_child_harm", "disclose_exploitation", "disclose_self_harm", "disclose_own_violence"),
        "report_for_other",
    }
    flags = {
        *("danger_now", "weapon", "threat_to_kill", "strangulation", "sexual_violence", "child_at_risk", "injury"),
        *("minor_speaking", "self_harm", "confinement", "pregnancy", "honour", "blackmail"),
    }
    assert disclosures == INSTRUMENTS.harm_intents
    assert flags - {"minor_speaking"} == INSTRUMENTS.harm_flags
    chosen = {intent for row in INSTRUMENTS.choices for intent in row.intents}
    assert chosen == disclosures | {"start_screening"}  # each leads to questions; which fit whom is in actions/talk.py
    assert {flag for row in INSTRUMENTS.choices for flag in row.flags} <= flags


# -- wording ----------------------------------------------------------------------------------------------------


def test_the_default_sets_load_in_under_a_second() -> None:
    started = time.perf_counter()
    load_instruments(PARSED)
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("item", sorted(INSTRUMENTS.items))
def test_a_question_with_its_short_hint_is_one_sms(item: str, variant: str) -> None:
    text = INSTRUMENTS.question(item, variant, sms=True)
    assert len(text.encode("utf-16-le")) // 2 <= (160 if variant == "en" else 70)
    if variant == "en":
        assert text.isascii()


FORBIDDEN = (
    "خطورة", "درجة", "مستوى", "آمن", "أمان", "اسمك", "عنوان", "جنسية", "إقامة", "كحول", "خمر", "مخدر", "جنس", "اغتصاب",
    "حماية", "شرطة", "ليش", "لماذا", "score", "risk", "level", "safe", "your name", "address", "nationality",
    "residence",     "alcohol", "drug", "sex", "rape", "why", "paternity", "نسب",
)  # fmt: skip


@pytest.mark.parametrize("item", sorted(INSTRUMENTS.items))
def test_no_question_asks_what_may_never_be_asked_by_text(item: str) -> None:
    """screening.md, "Never ask by text"; and no word of score or band."""
    for wording in INSTRUMENTS.items[item].ask.values():
        assert not [word for word in FORBIDDEN if word in wording.lower()]
        assert not any(character.isdigit() for character in wording), "a digit in a question looks like an answer"


@pytest.mark.parametrize("item", sorted(INSTRUMENTS.items))
def test_dialects_are_worded_apart(item: str) -> None:
    """The Levantine text is no copy of the Gulf one with its words for now, there is and very."""
    asks = INSTRUMENTS.items[item].ask
    words = {variant: set(ask.rstrip("؟?").replace("،", " ").split()) for variant, ask in asks.items()}
    assert not words["gulf"] & {"هلّأ", "هلأ", "عم", "كتير", "قدّيش", "لحدا", "حاله", "حدا", "تلات"}
    assert not words["lev"] & {"الحين", "وايد", "قاعد", "فيه", "أحد", "بروحه", "ثلاث"}
    assert not words["msa"] & {"هلّأ", "الحين", "عشان", "اللي", "مش", "حدا", "وايد", "في خوف"}


def test_every_hint_offers_a_person_and_never_a_zero() -> None:
    for hint in INSTRUMENTS.hints.values():
        for text in (*hint.say.values(), *hint.sms.values()):
            assert "9" in text
            assert "0" not in text
            assert "3" in text


def test_the_age_question_has_its_own_digits() -> None:
    assert INSTRUMENTS.options("child", "K1") == {"4": "under_13", "5": "teen", "6": "adult"}
    assert INSTRUMENTS.options("child", "K2") == {}
    assert INSTRUMENTS.options("nowhere", "Z1") == {}


@pytest.mark.parametrize("name", SETS)
def test_each_set_says_that_it_is_not_a_validated_instrument(name: str) -> None:
    assert "not a validated instrument" in INSTRUMENTS.sets[name].about
