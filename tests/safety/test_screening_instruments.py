"""Reading instruments: what a helpline may write, what is refused and where, and what is proved of any set."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.instrument_files import read_instruments
from safety.instruments import Answered, AtLeast, Rule, WeightedSum, holds
from safety.proofs import prove
from safety.screening import InstrumentError, Instruments, evaluate, load_instruments, next_item

FOLDER = Path(__file__).parents[2] / "scripts" / "screening"
PARSED: dict[str, Any] = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.yml"))}


def item(number: int, **more: Any) -> dict[str, Any]:
    ask = {"lev": "سؤال؟", "gulf": "سؤال؟", "msa": "سؤال؟", "en": "A question?"}
    return {"id": f"X{number}", "ask": ask, "card": {"ar": "بند", "en": "item"}, **more}


def a_set(rules: list[dict[str, Any]], items: int = 3, **more: Any) -> dict[str, Any]:
    return {
        "set": "extra",
        "version": 1,
        "about": "not a validated instrument",
        "items": [item(n) for n in range(1, items + 1)],
        "rules": rules,
        **more,
    }


def folder(extra: dict[str, Any]) -> dict[str, Any]:
    return {"answers": PARSED["answers"], "choose": {"rows": [], "harm": {}}, "extra": extra}


ANY = [{"band": "HIGH", "when": {"at_least": 1, "of": ["X1", "X2", "X3"]}}]


def test_a_new_set_needs_no_code() -> None:
    instruments = load_instruments({**PARSED, "extra": a_set(ANY)})
    assert evaluate(instruments, {"extra": {"X2": "yes"}}).band == "HIGH"
    assert next_item(instruments, ("extra",), {}) == ("extra", "X1")


def test_the_grammar_has_all_its_words() -> None:
    rules = [
        {"band": "RED", "when": {"all": ["X1", {"item": "X2", "not_denied": True}]}},
        {"band": "HIGH", "when": {"sum": {"X1": 2, "X2": 1.5, "X3": 1}, "at_least": 2.5}},
        {"band": "ELEVATED", "when": {"item": "X3"}},
    ]
    instruments = load_instruments(folder(a_set(rules)))

    def band(**answers: str) -> str:
        return evaluate(instruments, {"extra": answers}).band

    assert band(X1="yes", X2="skip") == "RED"
    assert band(X1="yes", X2="no") == "UNKNOWN"
    assert band(X2="yes", X3="yes") == "HIGH"
    assert band(X3="yes") == "ELEVATED"
    assert [i.id for i in instruments.sets["extra"].items if i.critical] == ["X1", "X2"]


def test_a_question_two_sets_share_is_asked_once_and_counts_in_both() -> None:
    shared = a_set([{"band": "RED", "when": "P4"}], items=0, items_=None)
    del shared["items_"]
    shared["items"] = [{"id": "P4", "from": "lethality"}]
    instruments = load_instruments({**PARSED, "extra": shared})
    assert next_item(instruments, ("extra", "lethality"), {}) == ("extra", "P4")
    assert next_item(instruments, ("extra", "lethality"), {"extra": {"P4": "no"}}) == ("lethality", "P1")
    assert evaluate(instruments, {"lethality": {"P4": "yes"}}).band == "RED"
    assert evaluate(instruments, {"extra": {"P4": "no"}, "lethality": {"P4": "yes"}}).band == "RED"
    assert evaluate(instruments, {"extra": {"P4": "yes"}, "lethality": {"P4": "no"}}).answered == 1


def test_an_item_critical_in_one_set_in_play_is_asked_first_in_all() -> None:
    shared = a_set([{"band": "RED", "when": "P9"}], items=0)
    shared["items"] = [{"id": "P9", "from": "lethality"}]
    instruments = load_instruments({**PARSED, "extra": shared})
    answers = {"lethality": {f"P{n}": "no" for n in range(1, 5)}}
    assert next_item(instruments, ("lethality", "extra"), answers) == ("lethality", "P9")


Change = Callable[[dict[str, Any]], Any]

REFUSED: list[tuple[str, Change, str]] = [
    ("extra.set", lambda s: s.update(set="other"), "file's name"),
    ("extra.version", lambda s: s.update(version="1"), "whole number"),
    ("extra.about", lambda s: s.update(about="good"), "not a validated instrument"),
    ("extra.about", lambda s: s.pop("about"), "must be a text"),
    ("extra.colour", lambda s: s.update(colour="red"), "not known here"),
    ("extra.licensed", lambda s: s.update(licensed="yes"), "true or false"),
    ("extra.care[0]", lambda s: s.update(care=["Call him"]), "code"),
    ("extra.items", lambda s: s.update(items=[]), "no question"),
    ("extra.items", lambda s: s.update(items={}), "must be a list"),
    ("extra.items[1].id", lambda s: s["items"][1].update(id="X1"), "twice"),
    ("extra.items[0].id", lambda s: s["items"][0].update(id="x 1"), "capital letters"),
    ("extra.items[0].kind", lambda s: s["items"][0].update(kind="guess"), "indicator"),
    ("extra.items[0].hint", lambda s: s["items"][0].update(hint="stars"), "no hint"),
    ("extra.items[0].critical", lambda s: s["items"][0].update(critical=True), "RED rules say otherwise"),
    ("extra.items[2].ask.gulf", lambda s: s["items"][2].update(ask={"lev": "؟", "msa": "؟", "en": "?"}),
     "must be a text"),
    ("extra.items[2].ask.msa", lambda s: s["items"][2]["ask"].update(msa="سؤال"), "question mark"),
    ("extra.items[2].ask.en", lambda s: s["items"][2]["ask"].update(en="A {number}?"), "question mark"),
    ("extra.items[2].card", lambda s: s["items"][2].pop("card"), "mapping"),
    ("extra.items[0].from", lambda s: s["items"].__setitem__(0, {"id": "Q1", "from": "lethality"}),
     "words no question"),
    ("extra.items[2]", lambda s: s.update(rules=[{"band": "HIGH", "when": {"all": ["X1", "X2"]}}]),
     "no rule counts it"),
    ("extra.items[0].kind", lambda s: s["items"][0].update(options=[{"digit": 4, "value": "a_few"}]),
     "must be a fact"),
    ("extra.items[0].options[0].digit", lambda s: s["items"][0].update(options=[{"digit": 9, "value": "aa"}]),
     "4, 5 or 6"),
    ("extra.rules[0].band", lambda s: s["rules"][0].update(band="UNKNOWN"), "RED, HIGH, ELEVATED"),
    ("extra.rules[0].when.of[1]", lambda s: s["rules"][0]["when"].update(of=["X1", {"not": "X2"}]),
     "must be an item"),
    ("extra.rules[0].when.of[1].item", lambda s: s["rules"][0]["when"].update(of=["X1", "X9"]), "no item 'X9'"),
    ("extra.rules[0].when.of", lambda s: s["rules"][0]["when"].update(of=["X1", "X1"]), "same condition twice"),
    ("extra.rules[0].when.of", lambda s: s["rules"][0]["when"].update(of=[]), "at least one"),
    ("extra.rules[0].when.at_least", lambda s: s["rules"][0]["when"].update(at_least=0), "from 1 to 3"),
    ("extra.rules[0].when.at_least", lambda s: s["rules"][0]["when"].update(at_least=4), "from 1 to 3"),
    ("extra.rules[0].when.at_least", lambda s: s["rules"][0]["when"].update(at_least=True), "from 1 to 3"),
    ("extra.rules[0].when.sum.X2", lambda s: s["rules"][0].update(when={"sum": {"X1": 3, "X2": -1}, "at_least": 2}),
     "licensed"),
    ("extra.rules[0].when.at_least", lambda s: s["rules"][0].update(when={"sum": {"X1": 1}, "at_least": 0}),
     "above 0"),
    ("extra.rules[0].when.at_least", lambda s: s["rules"][0].update(when={"sum": {"X1": 1}, "at_least": 2}),
     "at most 1"),
    ("extra.rules", lambda s: s["rules"].append({"band": "ELEVATED", "when": "X1"}), "never decides"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "spoil", "problem"), REFUSED)
def test_a_fault_is_refused_with_the_path_of_its_field(path: str, spoil: Change, problem: str) -> None:
    source = copy.deepcopy(a_set(ANY))
    spoil(source)
    with pytest.raises(InstrumentError, match=problem) as refused:
        load_instruments(folder(copy.deepcopy(source)))
    assert refused.value.path == path


def test_a_fact_can_set_no_band() -> None:
    source = a_set(ANY)
    source["items"][0]["kind"] = "fact"
    with pytest.raises(InstrumentError, match="facts set no band"):
        load_instruments(folder(source))


@pytest.mark.parametrize("missing", ["answers", "choose"])
def test_a_missing_file_is_named(missing: str) -> None:
    with pytest.raises(InstrumentError, match=f"{missing}.yml is missing"):
        load_instruments({name: content for name, content in PARSED.items() if name != missing})


def test_one_id_for_two_questions_is_refused() -> None:
    source = a_set([{"band": "HIGH", "when": "P1"}], items=1)
    source["items"][0]["id"] = "P1"
    with pytest.raises(InstrumentError, match="already a question of lethality"):
        load_instruments({**PARSED, "extra": source})


def test_a_choice_of_an_unknown_set_is_refused() -> None:
    source = {**folder(a_set(ANY)), "choose": {"rows": [{"intents": ["greet"], "ask": ["nowhere"]}], "harm": {}}}
    with pytest.raises(InstrumentError) as refused:
        load_instruments(source)
    assert refused.value.path == "choose.rows[0].ask[0]"


def test_unquoted_yes_in_the_words_is_explained() -> None:
    words = {True: {"any": ["نعم"]}}
    source = {**folder(a_set(ANY)), "answers": {"hints": PARSED["answers"]["hints"], "words": words}}
    with pytest.raises(InstrumentError, match="in quotes"):
        load_instruments(source)


def test_only_a_licensed_instrument_may_subtract_and_only_where_it_declares_it() -> None:
    rules = [{"band": "HIGH", "when": {"sum": {"X1": 3, "X2": 1, "X3": -1}, "at_least": 3}}]
    licensed = load_instruments(folder(a_set(rules, about="Licensed from its owner", licensed=True)))
    assert evaluate(licensed, {"extra": {"X1": "yes"}}).band == "HIGH"
    assert evaluate(licensed, {"extra": {"X1": "yes", "X3": "skip"}}).band == "HIGH"
    assert evaluate(licensed, {"extra": {"X1": "yes", "X3": "yes"}}).band == "UNKNOWN"


# -- the proofs can fail -----------------------------------------------------------------------------------------


def test_the_proof_sees_a_rule_that_a_yes_can_lower() -> None:
    """The grammar refuses it; smuggled past the reader, the enumeration still does."""
    instruments = read_instruments(folder(a_set(ANY)))
    lowered = Rule("HIGH", WeightedSum((("X1", 1, 2), ("X2", 2, -1)), 2))
    spoilt = replace(instruments.sets["extra"], rules=(lowered,))
    with pytest.raises(InstrumentError, match="answering X2 with yes lowers the band"):
        prove(instruments, spoilt, next_item)


def test_the_proof_sees_a_band_given_before_anything_was_answered() -> None:
    instruments = read_instruments(folder(a_set(ANY)))
    spoilt = replace(instruments.sets["extra"], rules=(Rule("HIGH", WeightedSum((("X1", 1, 2),), 0)),))
    with pytest.raises(InstrumentError, match="before anything was answered"):
        prove(instruments, spoilt, next_item)


def test_the_proof_sees_a_flow_that_stops_too_early() -> None:
    instruments = read_instruments(PARSED)

    def lazy(i: Instruments, sets: Any, answers: Any, declined: bool) -> tuple[str, str] | None:
        waiting = next_item(i, sets, answers, declined)
        return None if waiting and waiting[1] == "H3" else waiting

    with pytest.raises(InstrumentError, match="could make RED"):
        prove(instruments, instruments.sets["honour"], lazy)


def test_the_proof_sees_a_flow_that_asks_twice() -> None:
    instruments = read_instruments(PARSED)

    def stuck(i: Instruments, sets: Any, answers: Any, declined: bool) -> tuple[str, str] | None:
        return ("now", "N1")

    with pytest.raises(InstrumentError, match="asked twice"):
        prove(instruments, instruments.sets["now"], stuck)


# -- any instrument in the grammar ---------------------------------------------------------------------------------


def conditions(ids: list[str]) -> st.SearchStrategy[Any]:
    single = st.one_of(
        st.sampled_from(ids),
        st.builds(lambda i, n: {"item": i, "not_denied": n}, st.sampled_from(ids), st.booleans()),
        st.dictionaries(st.sampled_from(ids), st.integers(1, 5), min_size=1).flatmap(
            lambda w: st.integers(1, sum(w.values())).map(lambda n: {"sum": w, "at_least": n})
        ),
    )

    def several(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        lists = st.lists(parts, min_size=1, max_size=4, unique_by=_canonical)
        return st.one_of(
            lists.map(lambda of: {"all": of}),
            lists.flatmap(lambda of: st.integers(1, len(of)).map(lambda n: {"at_least": n, "of": of})),
        )

    return st.recursive(single, several, max_leaves=8)


def _canonical(condition: Any) -> str:
    if isinstance(condition, dict) and "item" in condition and not condition.get("not_denied"):
        return repr(condition["item"])
    if isinstance(condition, dict) and "all" in condition:  # the same as at_least with the full count
        condition = {"at_least": len(condition["all"]), "of": condition["all"]}
    if isinstance(condition, dict) and "of" in condition:
        return f"{condition['at_least']} of {[_canonical(part) for part in condition['of']]}"
    return repr(condition)


@st.composite
def instruments_of_any_kind(draw: st.DrawFn) -> Instruments:
    number = draw(st.integers(1, 20))
    ids = [f"X{n}" for n in range(1, number + 1)]
    rules = draw(
        st.lists(
            st.fixed_dictionaries({"band": st.sampled_from(["RED", "HIGH", "ELEVATED"]), "when": conditions(ids)}),
            max_size=5,
        )
    )
    rules.append({"band": "ELEVATED", "when": {"at_least": 1, "of": ids}})
    return read_instruments(folder(a_set(rules, items=number)))


VALUES = ("", "no", "skip", "unsure", "yes")


@given(instruments_of_any_kind(), st.data())
@settings(max_examples=150, deadline=None)
def test_no_instrument_in_the_grammar_can_be_lowered_by_an_answer(
    instruments: Instruments, data: st.DataObject
) -> None:
    ids = [i.id for i in instruments.sets["extra"].items]
    answers = {i: v for i in ids if (v := data.draw(st.sampled_from(VALUES)))}
    before = evaluate(instruments, {"extra": answers}).level
    changed = data.draw(st.sampled_from(ids))
    for higher in {"": VALUES[1:], "no": ("skip", "unsure", "yes")}.get(answers.get(changed, ""), ("yes",)):
        assert evaluate(instruments, {"extra": {**answers, changed: higher}}).level >= before


@given(instruments_of_any_kind(), st.data())
@settings(max_examples=100, deadline=None)
def test_the_order_of_answers_makes_no_difference(instruments: Instruments, data: st.DataObject) -> None:
    ids = [i.id for i in instruments.sets["extra"].items]
    answers = [(i, data.draw(st.sampled_from(VALUES[1:]))) for i in ids]
    shuffled = data.draw(st.permutations(answers))
    assert evaluate(instruments, {"extra": dict(answers)}) == evaluate(instruments, {"extra": dict(shuffled)})


@given(instruments_of_any_kind(), st.data())
@settings(max_examples=100, deadline=None)
def test_asking_any_instrument_ends_never_falls_and_misses_no_red(
    instruments: Instruments, data: st.DataObject
) -> None:
    ids = [i.id for i in instruments.sets["extra"].items]
    truth = {i: data.draw(st.sampled_from(VALUES[1:])) for i in ids}
    asked: dict[str, dict[str, str]] = {"extra": {}}
    levels = [0]
    while waiting := next_item(instruments, ("extra",), asked, declined=True):
        assert waiting[1] not in asked["extra"]
        asked["extra"][waiting[1]] = truth[waiting[1]]
        levels.append(evaluate(instruments, asked).level)
    assert levels == sorted(levels)
    assert (levels[-1] == 3) == (evaluate(instruments, {"extra": truth}).level == 3)


def test_a_condition_looks_at_yes_or_at_not_denied_and_at_nothing_else() -> None:
    assert holds(Answered("X1", 1), 1, 1)
    assert not holds(Answered("X1", 1), 0, 1)
    assert holds(Answered("X1", 1, not_denied=True), 0, 1)
    assert not holds(AtLeast(2, (Answered("X1", 1), Answered("X2", 2))), 1, 1)
    assert holds(WeightedSum((("X1", 1, 2), ("X2", 2, 1)), 3), 3, 3)
