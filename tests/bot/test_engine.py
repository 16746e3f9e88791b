"""The engine as a function, around a real model: nothing stays, nothing leaks, turn 200 costs what turn 10 costs."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import statistics
import time

import msgpack
import pytest

from bot.engine import Engine
from bot.state import ForeignState, events_of

CANARY = "كناري٧٧٩١قصب"


def facts(turn: str, **rest: object) -> dict[str, object]:
    return {"turn": turn, "country": "JO", "channel": "whatsapp", "danger": "", "ticket": "", "release": "", **rest}


def talk(engine: Engine, *lines: str, state=None, **rest):
    """Run lines through the engine; the last outcome and all outcomes."""

    async def go():
        outcomes, now = [], state
        for number, line in enumerate(lines):
            outcome = await engine.turn(now, line, facts(f"{id(lines)}-{number}", **rest))
            now = outcome.state
            outcomes.append(outcome)
        return outcomes

    return asyncio.run(go())


def names(outcome) -> list[str]:
    return [reply["name"] for reply in outcome.replies]


def test_the_first_words_are_the_neutral_opening(engine: Engine) -> None:
    assert names(talk(engine, "مرحبا")[0]) == ["opening"]
    assert names(talk(engine, "1")[0]) == ["opening"]


def test_the_way_to_the_menu(engine: Engine) -> None:
    outcomes = talk(engine, "مرحبا", "1", "2", "1")
    assert [names(o) for o in outcomes] == [["opening"], ["phone_check"], ["consent"], ["menu"]]


def test_every_turn_is_decided_by_a_rasa_policy(engine: Engine) -> None:
    before = engine.decided.total()
    outcomes = talk(engine, "مرحبا", "1", "2", "1", "5", "شكرا")
    assert {o.policy for o in outcomes} <= {"RulePolicy", "DangerFirst"}
    assert engine.decided.total() - before == 6


def test_danger_by_rule_outside_any_loop_rings_and_asks_whether_to_bring_a_person(engine: Engine) -> None:
    state = talk(engine, "مرحبا", "1", "2", "1")[-1].state
    outcome = talk(engine, "ايش في", state=state, danger="now")[-1]
    assert outcome.policy == "DangerFirst"
    assert names(outcome) == ["danger_emergency"]
    assert outcome.commands[0]["band"] == "RED"
    yes = talk(engine, "1", state=outcome.state)[-1]
    assert names(yes) == ["request_human"]


def test_a_side_question_in_the_middle_is_answered_and_the_screening_goes_on(engine: Engine) -> None:
    state = talk(engine, "مرحبا", "1", "2", "1", "1")[-1].state
    assert state["slots"]["talk"]["pending"][:1] == ["screen"]
    outcome = talk(engine, "7 ", state=state)[-1]
    waiting = outcome.state["slots"]["talk"]["pending"]
    assert waiting == state["slots"]["talk"]["pending"]
    assert names(outcome)[-1] == "question"


def test_text_never_enters_the_state_the_commands_or_the_replies(engine: Engine) -> None:
    outcomes = talk(engine, CANARY, "1", "2", "1", f"جوزي ضربني {CANARY}", f"{CANARY} وين اروح", "9", CANARY)
    for outcome in outcomes:
        for part in (outcome.state, outcome.commands, outcome.replies):
            assert CANARY not in json.dumps(part, ensure_ascii=False)


def test_nothing_of_a_turn_stays_in_the_engine(engine: Engine) -> None:
    talk(engine, f"مرحبا {CANARY}", "1")
    assert engine._store._brought == {} and engine._store._left == {}
    gc.collect()
    kept = [o for o in gc.get_objects() if isinstance(o, (dict, list)) and len(o) < 50 and _holds(o)]
    assert kept == []


def _holds(thing) -> bool:
    values = thing.values() if isinstance(thing, dict) else thing
    return any(isinstance(value, str) and CANARY in value and value != CANARY for value in list(values))


def test_nothing_is_logged_of_a_message(engine: Engine, caplog: pytest.LogCaptureFixture, capfd) -> None:
    with caplog.at_level(logging.INFO):
        talk(engine, CANARY, "1", f"{CANARY} ضربني")
    out, err = capfd.readouterr()
    escaped = CANARY.encode("unicode_escape").decode()
    for place in (out, err, caplog.text):
        assert CANARY not in place and escaped not in place


def test_the_state_is_small_plain_and_survives_the_wire(engine: Engine) -> None:
    outcome = talk(engine, "مرحبا", "1", "2", "1", "1", "2", "2", "2", "2")[-1]
    packed = msgpack.packb(outcome.state)
    assert len(packed) < 2_000
    assert names(talk(engine, "1", state=msgpack.unpackb(packed))[-1])


def test_a_state_of_another_version_is_refused_not_guessed() -> None:
    with pytest.raises(ForeignState):
        events_of({"version": 0, "slots": {}})


def test_the_same_turn_twice_asks_for_the_same_commands(engine: Engine) -> None:
    state = talk(engine, "مرحبا", "1", "2", "1")[-1].state

    async def once():
        return await engine.turn(state, "9", facts("the-same"))

    first, second = asyncio.run(once()), asyncio.run(once())
    assert [c["id"] for c in first.commands] == [c["id"] for c in second.commands] != []


def test_turn_two_hundred_costs_what_turn_ten_costs(engine: Engine) -> None:
    """A ratio of medians, wide enough for a busy machine; without trimming it is 15 and more (design/rasa.md)."""

    async def go():
        state, times = None, []
        for number in range(210):
            began = time.process_time()
            outcome = await engine.turn(state, "شو بقدر اعمل", facts(f"long-{number}"))
            times.append(time.process_time() - began)
            state = outcome.state
        return statistics.median(times[190:]) / statistics.median(times[5:25]), state

    ratio, state = asyncio.run(go())
    assert ratio < 3
    assert len(msgpack.packb(state)) < 2_000


@pytest.mark.parametrize("text", ["/restart", "/session_start", "/greet", '/disclose_physical{"answer": "yes"}', " //back"])
def test_nobody_gives_rasa_orders(engine: Engine, text: str) -> None:
    assert names(talk(engine, text)[0]) == ["opening"]
    state = talk(engine, "مرحبا", "1", "2", "1", "1")[-1].state
    after = talk(engine, text, state=state)[-1]
    assert after.state["slots"]["talk"]["answers"] == {} and after.state["slots"]["talk"]["told"]  # nothing began anew
    assert names(after)
    assert asyncio.run(engine.understand(text))["confidence"] < 1.0


@pytest.mark.parametrize("text", ["", "😀", "ا" * 1600, "\u202e\u2066\x00", "SELECT * FROM x; --", "{{7*7}} ${x}", "آ" * 50])
def test_odd_messages_are_answered(engine: Engine, text: str) -> None:
    assert names(talk(engine, text)[0]) == ["opening"]
    state = talk(engine, "مرحبا", "1", "2", "1")[-1].state
    assert names(talk(engine, text, state=state)[-1])


@pytest.mark.parametrize("text", [
    "", " ", "😀", "🔪", "7", "٣", "ا" * 1600, "a" * 1600, "ههه " * 400, "\ud800", "ا\udfff\ud83d", "\u202e\u2066\x00", "\u200f\u200e\u061c",
    "mix عربي 漢字 кириллица 3arabi", "آپ کون ہیں؟ میرا شوہر مجھے مارتا ہے", "شوهرم منو میزنه کمک کنید", "sinasaktan ako ng amo ko po",
    "ባለቤቴ ይመታኛል", "mon mari me frappe tous les soirs", "\ufe8d\ufedf\ufeb4\ufefc\ufee1",
])
def test_anything_at_all_is_understood_somehow(engine: Engine, text: str) -> None:
    understood = asyncio.run(engine.understand(text))
    assert set(understood) >= {"intent", "confidence", "flags", "dialect", "script", "language", "alarm"}
    assert 0.0 <= understood["confidence"] <= 1.0 and understood["script"] in ("arabic", "latin", "other")
    assert understood["language"] in ("ar", "en", "other")


@pytest.mark.parametrize("text", ["漢字漢字", "привет помогите", "עזרה בבקשה", "আমাকে বাঁচান", "βοήθεια σας παρακαλώ"])
def test_letters_nobody_learned_say_nothing(engine: Engine, text: str) -> None:
    understood = asyncio.run(engine.understand(text))
    assert (understood["intent"], understood["confidence"]) == ("out_of_scope", 0.0)
    assert understood["dialect"] is None and understood["flags"] == [] and understood["alarm"] == ""
    state = talk(engine, "مرحبا", "1", "2", "1")[-1].state
    assert names(talk(engine, text, state=state)[-1])


@pytest.mark.parametrize("text", ["بدي اقتل حالي", "بدي أقتل حالي", "badi a2tol 7ali", "bade e2tol 7ale", "i want kill my self", "ابي اقتل نفسي"])
def test_who_says_they_will_kill_themselves_is_heard_and_asked_whether_it_is_now(engine: Engine, text: str) -> None:
    understood = asyncio.run(engine.understand(text))
    assert understood["intent"] == "disclose_self_harm" and "self_harm" in understood["flags"] and understood["alarm"]
    state = talk(engine, "مرحبا", "1", "2", "1")[-1].state
    said = names(talk(engine, text, state=state)[-1])
    assert not any("own_violence" in name for name in said) and said[-1] in ("danger_check", "danger_emergency")


@pytest.mark.parametrize("hello", ["هلا", "هلا والله", "مرحبا", "السلام عليكم", "hi", "salam", "شكرا", "يسلمو"])
def test_a_plain_greeting_raises_no_suspicion(engine: Engine, hello: str) -> None:
    outcome = talk(engine, hello)[0]
    assert names(outcome) == ["opening"]
    assert outcome.commands == []


REPLIES_TO = ("1", "2", "3", "9", "5", "قائمة", "جوزي بيضربني كل يوم", "لا ما بدي حدا يعرف", "شكرا", "بطلت بدي حدا", "امسحوا كل شي عني")


@pytest.mark.parametrize("first", REPLIES_TO)
def test_no_turn_is_silent_and_no_question_is_promised_that_does_not_follow(engine: Engine, first: str) -> None:
    """Two more messages after each of these, from the menu, from a question, from information only and after RED."""
    starts = {
        "menu": ("مرحبا", "1", "2", "1"), "question": ("مرحبا", "1", "2", "1", "1"), "information": ("مرحبا", "1", "2", "2"),
        "red": ("مرحبا", "1", "2", "1", "1", "1", "2"), "consent": ("مرحبا", "1", "2"),
    }
    for name, lines in starts.items():
        state = talk(engine, *lines)[-1].state
        for second in REPLIES_TO:
            outcomes = talk(engine, first, second, state=state)
            for outcome in outcomes:
                said = names(outcome)
                waiting = outcome.state["slots"]["talk"]["pending"]
                # the gateway answers an empty turn with the menu, but only where nothing is waiting
                assert said or not waiting, (name, first, second)
                if any(text.startswith("ack_disclose") for text in said):
                    assert waiting[:1] == ["screen"] and said[-1] == "question", (name, first, second, said)


@pytest.mark.parametrize(
    "words", ["لا هو هون ومعه سكين", "لا لا لا دخيلكم", "لا ما بدي حدا يعرف", "no one else is here", "No he only threatened"]
)
def test_a_sentence_that_begins_with_no_is_not_scored_as_no(engine: Engine, words: str) -> None:
    state = talk(engine, "مرحبا", "1", "2", "1", "1")[-1].state
    assert state["slots"]["talk"]["pending"] == ["screen", "now", "N1"]
    after = talk(engine, words, state=state)[-1]
    assert "N1" not in after.state["slots"]["talk"]["answers"].get("now", {})


def test_danger_said_as_an_answer_is_danger(engine: Engine) -> None:
    state = talk(engine, "مرحبا", "1", "2", "1", "1")[-1].state
    after = talk(engine, "لا هو هون ومعه سكين", state=state, danger="now")[-1]
    assert names(after) == ["danger_emergency"]
    assert after.commands[-1]["band"] == "RED"


def test_the_menu_puts_a_waiting_question_aside_and_one_brings_it_back(engine: Engine) -> None:
    state = talk(engine, "مرحبا", "1", "2", "1", "1")[-1].state
    menu = talk(engine, "القائمة لو سمحت", state=state, )[-1]
    if names(menu) == ["menu"]:
        shelter = talk(engine, "2", state=menu.state)[-1]
        assert names(shelter) == ["ask_shelter"]
        assert shelter.state["slots"]["talk"]["answers"] == {}
        assert names(talk(engine, "1", state=shelter.state)[-1])[-1] == "question"
    else:
        pytest.fail(f"the menu was asked for, {names(menu)} was said")


@pytest.mark.parametrize(("words", "call"), [("ابي اكلم موظفه اتصلوا علي", True), ("I want a person but please do not call me", False),
                                             ("اخذ تلفوني", False), ("كسر تلفوني وضربني", False)])
def test_a_call_is_wished_for_only_in_so_many_words(engine: Engine, words: str, call: bool) -> None:
    state = talk(engine, "مرحبا", "1", "2", "1")[-1].state
    after = talk(engine, words, state=state)[-1]
    assert any(command.get("call") for command in after.commands) is call


@pytest.mark.parametrize(("words", "place"), [("انا بدبي", "AE-DU"), ("من المنامة", "BH"), ("I am in Sharjah", "AE-SH"), ("الدوحة", "QA")])
def test_a_place_that_is_named_is_read(words: str, place: str) -> None:
    from bot.components.normaliser import normalise
    from bot.components.places import place_in

    assert place_in(normalise(words)) == place


NOT_WHAT_WE_DO = "out_of_scope"


@pytest.mark.parametrize("words", ["شو اعمل", "شو اعمل هلأ؟", "وينك؟", "where are you", "طيب وبعدين", "ليش ما حدا رد"])
def test_who_waits_or_is_asked_is_never_told_that_this_is_not_what_we_do(engine: Engine, words: str) -> None:
    for lines in (("مرحبا", "1", "2", "1", "1"), ("مرحبا", "1", "2", "1", "1", "1", "2"), ("مرحبا", "1", "2", "1", "9")):
        state = talk(engine, *lines)[-1].state
        after = talk(engine, words, state=state, ticket="queued")[-1]
        assert names(after) and NOT_WHAT_WE_DO not in names(after), lines


@pytest.mark.parametrize("lines", [("مرحبا",), ("مرحبا", "1"), ("مرحبا", "1", "2"), ("مرحبا", "1", "2", "1"), ("مرحبا", "1", "2", "1", "1")])
@pytest.mark.parametrize("words", ["غلطان بالرقم", "رقم غلط"])
def test_a_wrong_number_is_answered_neutrally_at_any_stage_and_the_next_message_meets_the_opening(
    engine: Engine, lines: tuple[str, ...], words: str
) -> None:
    state = talk(engine, *lines)[-1].state
    after = talk(engine, words, "مرحبا", state=state)
    assert [names(outcome) for outcome in after] == [["wrong_number"], ["opening"]]


@pytest.mark.parametrize("words", ["انا ضربت مرتي وندمان", "أنا أعصب وأضرب زوجتي وأبي أتغير", "I hit my wife and I want to stop"])
def test_who_hurts_others_is_heard_asked_and_offered_a_person(engine: Engine, words: str) -> None:
    state = talk(engine, "مرحبا", "1", "2", "1")[-1].state
    outcomes = talk(engine, words, "2", "2", "2", "2", state=state)
    assert names(outcomes[0]) == ["ack_disclose_own_violence", "danger_check"]
    assert "person_offer" in [name for outcome in outcomes for name in names(outcome)]


@pytest.mark.parametrize("words", ["اخرج الحين؟", "exit it", "i want leave chat", "سكر المحادثة"])
def test_what_was_almost_an_exit_is_asked_about_and_the_question_waits_on(engine: Engine, words: str) -> None:
    menu = talk(engine, "مرحبا", "1", "2", "1")[-1].state
    assert names(talk(engine, words, state=menu)[-1]) == ["exit_hint"]
    asked = talk(engine, "1", state=menu)[-1].state
    after = talk(engine, words, state=asked)[-1]
    assert names(after) == ["exit_hint", "question"]
    assert after.state["slots"]["talk"]["pending"] == asked["slots"]["talk"]["pending"] == ["screen", "now", "N1"]
    assert after.state["slots"]["talk"]["answers"] == {} and after.commands == []
    assert names(talk(engine, words)[0]) == ["opening"]


@pytest.mark.parametrize("words", ["سكر المحادثة", "exit it"])
def test_danger_beside_what_was_almost_an_exit_is_danger(engine: Engine, words: str) -> None:
    state = talk(engine, "مرحبا", "1", "2", "1")[-1].state
    assert names(talk(engine, words, state=state, danger="now")[-1]) == ["danger_emergency"]


@pytest.mark.parametrize("words", ["delete this chat", "كيف امسح المحادثة"])
def test_who_asks_how_to_delete_is_told_how(engine: Engine, words: str) -> None:
    state = talk(engine, "مرحبا", "1", "2", "1")[-1].state
    said = names(talk(engine, words, state=state)[-1])
    assert "exit_hint" not in said and said


@pytest.mark.parametrize("words", ["لا مب الحين", "بعدين", "not right now"])
def test_not_now_in_words_is_not_asked_again(engine: Engine, words: str) -> None:
    assert names(talk(engine, "مرحبا", words)[-1]) == ["not_now"]


def test_a_yes_with_more_behind_it_is_a_good_time_and_what_was_told_is_taken_up_after_the_rules(engine: Engine) -> None:
    outcomes = talk(engine, "مرحبا", "اه منيح، جوزي بيضربني كل يوم", "2", "1")
    assert names(outcomes[1]) == ["phone_check"]
    assert [n for n in names(outcomes[-1]) if n.startswith("ack_")] and names(outcomes[-1])[-1] == "question"


@pytest.mark.parametrize(("words", "digit"), [("واحد", "1"), ("اتنين", "2"), ("two", "2"), ("تسعة", "9")])
def test_a_number_in_words_does_what_its_digit_does(engine: Engine, words: str, digit: str) -> None:
    for lines in (("مرحبا",), ("مرحبا", "1", "2"), ("مرحبا", "1", "2", "1"), ("مرحبا", "1", "2", "1", "1")):
        state = talk(engine, *lines)[-1].state
        assert names(talk(engine, words, state=state)[-1]) == names(talk(engine, digit, state=state)[-1]), lines


def test_nine_at_the_red_question_is_not_asked_about_again(engine: Engine) -> None:
    after = talk(engine, "مرحبا", "1", "2", "1", "1", "1", "9")
    assert names(after[-2]) == ["red_emergency"]
    assert names(after[-1]) == ["request_human"]


def test_saudi_arabia_is_no_wish_for_arabic(engine: Engine) -> None:
    state = talk(engine, "hello how are you", "1", "2", "1")[-1].state
    assert "language_set" not in names(talk(engine, "I am in Saudi Arabia", state=state)[-1])


@pytest.mark.parametrize("words", ["هربت من الاردن", "انا مش بالاردن", "I am not in Bahrain", "ساكنة بعيد عن البحرين"])
def test_a_place_that_was_left_sets_none(engine: Engine, words: str) -> None:
    state = talk(engine, "مرحبا", "1", "2", "1")[-1].state
    after = talk(engine, words, state=state)[-1]
    assert after.state["slots"]["talk"]["place"] == ""
    assert "set_place" not in [command["kind"] for command in after.commands]


# --- after an outage: the states api/degraded.py leaves ---------------------------------------------------------------


def without_the_engine(*lines: str, danger: str = "") -> dict[str, object]:
    """The state after a talk that began while the engine was away; ``danger`` is what the rules say of its first line."""
    from actions.directory import RELEASES
    from api.degraded import answer_without_engine

    state, good_time = None, False
    for number, line in enumerate(lines):
        static = answer_without_engine(
            RELEASES.instruments(""), state, line, good_time=good_time, danger="" if number else danger
        )
        state, good_time = static.state, static.good_time
    assert state is not None
    return state


def test_an_opening_asked_without_the_engine_is_answered_with_it(engine: Engine) -> None:
    state = without_the_engine("مرحبا")
    assert [names(o) for o in talk(engine, "1", "2", "1", state=state)] == [["phone_check"], ["consent"], ["menu"]]
    assert names(talk(engine, "2", state=state)[0]) == ["not_now"]


def test_a_talk_opened_without_the_engine_is_told_of_the_phone_and_the_rules_before_any_question(engine: Engine) -> None:
    state = without_the_engine("مرحبا", "1", "6")
    outcomes = talk(engine, "جوزي بيضربني من سنين", "2", "1", state=state)
    assert [names(o) for o in outcomes] == [
        ["ack_heard", "phone_check"], ["consent"], ["ack_disclose_physical", "question"],
    ]
    # digits of the menu without the engine answer nothing the engine has not asked
    assert [names(talk(engine, digit, state=state)[0]) for digit in ("1", "5")] == [["menu"], ["menu"]]
    assert names(talk(engine, "9", state=state)[0]) == ["request_human"]


def test_a_wish_taken_without_the_engine_is_not_asked_for_again(engine: Engine) -> None:
    again = talk(engine, "9", state=without_the_engine("مرحبا", "9"))[0]
    assert names(again) == ["opening"] and again.commands == []


def test_a_question_about_danger_asked_without_the_engine_is_answered_with_it(engine: Engine) -> None:
    early = talk(engine, "1", state=without_the_engine("…", danger="maybe"))[0]
    assert names(early) == ["danger_bare", "opening"] and early.commands[0]["band"] == "RED"
    from actions.directory import RELEASES
    from api.degraded import answer_without_engine

    asked = answer_without_engine(
        RELEASES.instruments(""), without_the_engine("مرحبا", "1"), "…", good_time=True, danger="maybe"
    )
    later = talk(engine, "1", "1", state=asked.state)
    assert [names(o) for o in later] == [["danger_emergency"], ["request_human", "phone_check"]]
    assert later[0].commands[0]["band"] == "RED"
