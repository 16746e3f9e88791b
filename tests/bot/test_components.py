"""Each component alone: bad input is a normal case."""

from __future__ import annotations

import pytest
from rasa.shared.nlu.training_data.message import Message

from actions.directory import RELEASES
from bot.components.alarm import Alarm, alarm_of
from bot.components.normaliser import FOLDED, normalise
from bot.components.places import place_in
from bot.components.reader import read, wanted_language
from bot.components.understanding import DANGER, beside_harm, true_confidence

ODD = ["", " ", "😀", "ا" * 1600, "\ud83d", "a\ud800b", "\u202eأبج\u202c", "نص mixed 123", "\x00\x01", "ﷺ" * 400, "Ⓐ①２", "مــــرحبا"]


@pytest.mark.parametrize("text", ODD)
def test_folding_never_raises(text: str) -> None:
    assert isinstance(normalise(text), str)


@pytest.mark.parametrize(
    ("written", "also"),
    [("أهلاً", "اهلا"), ("مدرسة", "مدرسه"), ("على", "علي"), ("٣٤", "34"), ("مررررحبا", "مررحبا"), ("مـرحـبا", "مرحبا"),
     ("HELLO", "hello"), ("گلب", "كلب"), ("هـــلا\u200f", "هلا")],
)
def test_spellings_of_one_word_fold_together(written: str, also: str) -> None:
    assert normalise(written) == normalise(also)


@pytest.mark.parametrize("kept", ["ما ضربني", "لا", "ضربني؟"])
def test_folding_keeps_negation_and_questions(kept: str) -> None:
    assert ("ما" in normalise(kept)) or ("لا" in normalise(kept)) or ("؟" in normalise(kept)) or ("?" in normalise(kept))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", {"answer": "yes", "digit": 1}), ("٢", {"answer": "no", "digit": 2}), ("9", {"answer": "d9", "digit": 9}),
        ("نعم", {"answer": "yes"}), ("مدري", {"answer": "unsure"}), ("تمام", {"reply": "yes"}), ("كيف الطقس", {"reply": "other"}),
        ("اتصلوا علي", {"call": True}), ("can we speak english", {"wanted_language": "en"}),
    ],
)
def test_what_needs_no_model_is_read_by_rule(text: str, expected: dict) -> None:
    words = RELEASES.instruments("").words
    found = {e["entity"]: e["value"] for e in read(text, normalise(text), words)}
    assert expected.items() <= found.items()


def test_ok_is_no_answer_to_a_question_of_fact() -> None:
    found = {e["entity"]: e["value"] for e in read("تمام", "تمام", RELEASES.instruments("").words)}
    assert "answer" not in found


def test_confidence_is_raised_in_the_middle_and_the_ranking_keeps_its_order_and_its_sum() -> None:
    best = [("ask_legal", 0.5), ("ask_report_process", 0.45), ("greet", 0.05)]
    ranking = true_confidence(best, 0.65, 1.12)
    assert [row["name"] for row in ranking] == [name for name, _ in best]
    assert 0.7 < ranking[0]["confidence"] < 0.8
    assert sum(row["confidence"] for row in ranking) == pytest.approx(1.0)
    assert true_confidence([], 0.65, 1.12) == []


@pytest.mark.parametrize("chance", [0.0, 1e-9, 0.2, 0.999, 1.0])
def test_confidence_stays_between_none_and_all_and_rises_with_the_chance(chance: float) -> None:
    [first, second] = true_confidence([("greet", chance), ("thanks", min(chance, 1 - chance))], 0.65, 1.12)
    assert 0.0 <= second["confidence"] <= first["confidence"] <= 1.0
    [higher] = true_confidence([("greet", min(1.0, chance + 0.1))], 0.65, 1.12)
    assert higher["confidence"] >= first["confidence"]


@pytest.mark.parametrize(
    ("by_rule", "p", "alarm"),
    [("now", 0.0, "now"), ("", 0.8, "now"), ("", 0.75, "now"), ("maybe", 0.1, "maybe"), ("", 0.5, "maybe"), ("", 0.1, ""),
     ("maybe", 0.9, "now")],
)
def test_the_more_worried_of_rule_and_model_decides(by_rule: str, p: float, alarm: str) -> None:
    assert alarm_of(by_rule, p, asks_at=0.35, rings_at=0.75) == alarm


def _last_word(text: str, p_danger: float = 0.0, by_rule: str = "", intent: str = "ask_safety_plan") -> Message:
    message = Message({"text": text, "metadata": {"danger": by_rule}, "p_danger": p_danger, "intent": {"name": intent, "confidence": 0.9}})
    message.set("entities", read(text, normalise(text), RELEASES.instruments("").words))
    return Alarm(Alarm.get_default_config()).process([message])[0]


def _of_few_words(text: str, p_danger: float, intent: str = "ask_safety_plan", by_rule: str = "") -> str:
    message = Message({"text": text, "metadata": {"danger": by_rule}, "p_danger": p_danger, "intent": {"name": intent, "confidence": 0.9}})
    message.set(FOLDED, normalise(text))
    return str(Alarm(Alarm.get_default_config()).process([message])[0].get("alarm"))


@pytest.mark.parametrize(
    ("text", "p", "intent", "alarm"),
    [("بنتي", 0.2, "report_for_other", "maybe"), ("خلاااص", 0.31, "goodbye", ""), ("bye bye 👋", 0.22, "goodbye", ""), ("yalla bye", 0.26, "goodbye", ""),
     ("خلاص", 0.15, "ask_legal", ""), ("سكين", 0.95, "disclose_threat", "now"), ("yalla bye he has a knife", 0.26, "goodbye", "now"),
     ("بنتي معه", 0.2, "report_for_other", "now"), ("عميخنقهاهلق", 0.2, "report_for_other", "now"), ("دم", 0.6, "goodbye", "now")],
)
def test_one_word_or_plain_small_talk_rings_only_where_the_model_is_sure(text: str, p: float, intent: str, alarm: str) -> None:
    assert _of_few_words(text, p, intent) == alarm


def test_one_word_in_which_a_rule_saw_something_keeps_the_bar_of_sentences() -> None:
    assert _of_few_words("عميخنقها", 0.3, by_rule="maybe") == "now"


@pytest.mark.parametrize("intent", ["affirm", "deny", "skip_question", "unsure"])
@pytest.mark.parametrize("text", ["حسبي الله ونعم الوكيل", "حسبنا الله ونعم الوكيل فيه", "لا حول ولا قوة إلا بالله", "استغفر الله العظيم"])
def test_what_is_said_to_god_answers_no_question(text: str, intent: str) -> None:
    message = Message({"text": text, "metadata": {}, "p_danger": 0.0, "intent": {"name": intent, "confidence": 0.95}})
    message.set(FOLDED, normalise(text))
    message.set("entities", read(text, normalise(text), RELEASES.instruments("").words))
    assert Alarm(Alarm.get_default_config()).process([message])[0].get("intent")["name"] is None


@pytest.mark.parametrize("text", ["سكر المحادثة", "بدي اطلع من الشات", "how do i leave the chat", "اخرج الحين؟"])
def test_a_suspected_exit_is_asked_about_but_never_where_there_may_be_danger(text: str) -> None:
    assert _last_word(text).get("intent") == {"name": "exit_now", "confidence": 1.0}
    assert _last_word(text).get("alarm") == ""
    for worried in (_last_word(text, p_danger=0.2), _last_word(text, p_danger=0.9), _last_word(text, by_rule="now"), _last_word(text, by_rule="maybe")):
        assert worried.get("alarm") and worried.get("intent")["name"] == "ask_safety_plan"


@pytest.mark.parametrize(("confidence", "intent", "kept"), [
    (0.61, "ask_legal", None), (0.63, "ask_legal", "ask_legal"), (0.83, "affirm", None), (0.85, "affirm", "affirm"),
])
def test_what_is_not_sure_is_no_intent_and_an_answer_must_be_surer(confidence: float, intent: str, kept: str | None) -> None:
    message = Message({"text": "كلام", "metadata": {"danger": ""}, "p_danger": 0.0, "intent": {"name": intent, "confidence": confidence}})
    assert Alarm(Alarm.get_default_config()).process([message])[0].get("intent")["name"] == kept


@pytest.mark.parametrize("text", ["لا", "اي والله", "مدري", "تمام", "بعدين", "9", "بدي اطلع", "وقف هلق", "delete this chat", "كيف امسح المحادثة", "😀", ""])
def test_an_answer_and_anything_else_keeps_what_was_understood(text: str) -> None:
    assert _last_word(text).get("intent")["name"] != "exit_now"


def test_a_word_that_answers_is_an_answer_even_where_it_would_be_suspected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.components.alarm.suspects_exit", lambda _text: True)
    assert _last_word("لا", intent="deny").get("intent")["name"] == "deny"
    assert _last_word("2").get("intent")["name"] == "show_menu"
    assert _last_word("كيف الطقس").get("intent")["name"] == "exit_now"


@pytest.mark.parametrize(
    "text",
    ["هربت من الاردن", "من الاردن هربت", "انا مش بالاردن", "انا مش بالاردن انا بالسعودية", "ساكنة بعيد عن البحرين", "I am not in Bahrain",
     "I left Qatar", "we fled from Jordan", "I am from Jordan", "I was in Dubai", "I used to live in Amman", "my family is in Jordan",
     "my husband is in Qatar", "اهلي بالاردن", "جوزي بقطر", "كنت بالاردن", "تركت قطر", "طلعت من البحرين", "مب في قطر", "مو ساكنه في دبي",
     "انا من الاردن", "هو بالاردن", "I am no longer in Qatar", "سلطنة عمان", "بدي ارجع على قطر", "I want to go to Jordan", "خارج الاردن"],
)
def test_a_place_that_was_left_or_denied_or_is_anothers_is_no_place(text: str) -> None:
    assert place_in(normalise(text)) is None


@pytest.mark.parametrize(
    ("text", "place"),
    [("انا بالاردن", "JO"), ("الاردن", "JO"), ("من المنامة", "BH"), ("from Qatar", "QA"), ("عم بكتب من عمان", "JO"), ("لا انا بالاردن", "JO"),
     ("مش بخير انا بالاردن", "JO"), ("اهلي بالاردن وانا بقطر", "QA"), ("my family is in Jordan and I am in Qatar", "QA"),
     ("هربت من الاردن وانا هلأ بالبحرين", "BH"), ("I live with my family in Jordan", "JO"), ("ساكنه مع اهلي بالاردن", "JO"),
     ("I moved to Qatar", "QA"), ("I am in Dubai not Jordan", "AE-DU"), ("انا وزوجي في قطر", "QA"), ("I am now in Sharjah", "AE-SH")],
)
def test_a_place_the_person_is_at_is_read_beside_others(text: str, place: str) -> None:
    assert place_in(normalise(text)) == place


@pytest.mark.parametrize(
    ("text", "language"),
    [("I am in Saudi Arabia", None), ("انا بالمملكة العربية السعودية", None), ("the arabian gulf", None), ("الامارات العربية المتحدة", None),
     ("english please", "en"), ("ممكن انجليزي", "en"), ("بالإنجليزي", "en"), ("عربي", "ar"), ("بالعربي لو سمحت", "ar"), ("in arabic please", "ar"),
     ("3arabi", "ar"), ("I don't speak Arabic", "en"), ("my english is not good", "ar"), ("english not arabic", "en"), ("arabic or english", None)],
)
def test_a_language_is_wanted_only_where_one_is_asked_for(text: str, language: str | None) -> None:
    assert wanted_language(normalise(text)) == language


@pytest.mark.parametrize(
    ("text", "reply"),
    [("اه منيح، جوزي بيضربني كل يوم", "yes"), ("yes, my husband hits me", "yes"), ("لا مب الحين", "no"), ("بعدين", "no"), ("not right now", "no"),
     ("اي، مين معي؟", "other"), ("طيب، مين انتو", "other"), ("لا، هو هون", "other"), ("جوزي، بيضربني", "other")],
)
def test_a_good_time_is_read_from_the_first_words_and_not_now_from_all_of_them(text: str, reply: str) -> None:
    found = {e["entity"]: e["value"] for e in read(text, normalise(text), RELEASES.instruments("").words)}
    assert found["reply"] == reply
    assert "answer" not in found or found["answer"] == reply


@pytest.mark.parametrize(("text", "digit"), [("واحد", 1), ("two", 2), ("ثلاثة", 3), ("تسعة", 9), ("nine please", 9), ("واحد ضربني", None)])
def test_a_number_in_words_is_its_digit_when_it_is_all_there_is(text: str, digit: int | None) -> None:
    found = {e["entity"]: e["value"] for e in read(text, normalise(text), RELEASES.instruments("").words)}
    assert found.get("digit") == digit


def seen(danger: float, **harms: float) -> dict[str, dict[str, float]]:
    return {DANGER: {DANGER: danger}, **{flag: {flag: chance} for flag, chance in harms.items()}}


def test_danger_beside_harm_is_likelier_and_without_any_less_likely() -> None:
    alone = beside_harm(seen(0.3), 0.2)
    assert alone == 0.3, "a model that learned no harm"
    assert beside_harm(seen(0.3, weapon=0.9, injury=0.01), 0.2) > alone > beside_harm(seen(0.3, weapon=0.02, injury=0.01), 0.2)
    assert beside_harm(seen(0.3, weapon=0.9), 0.0) == pytest.approx(0.3)
    assert beside_harm(seen(0.3, weapon=0.01, honour=0.99), 0.2) == beside_harm(seen(0.3, weapon=0.01), 0.2), "no harm to the body"


@pytest.mark.parametrize("danger", [0.0, 1e-9, 0.5, 1.0])
@pytest.mark.parametrize("harm", [0.0, 0.5, 1.0])
def test_a_chance_stays_a_chance(danger: float, harm: float) -> None:
    assert 0.0 <= beside_harm(seen(danger, strangulation=harm), 0.2) <= 1.0
