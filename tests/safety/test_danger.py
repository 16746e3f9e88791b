"""Danger by rule, on two sets of sentences kept apart from the lexicon, and what the grammar of the file promises."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from safety.danger import FLAGS, Danger, LexiconNotUsable, compile_lexicon, find_danger

ROOT = Path(__file__).parents[2]
DATA: dict[str, Any] = yaml.safe_load((ROOT / "scripts/phrases/danger.yml").read_text("utf-8"))
LEXICON = compile_lexicon(DATA)


def _sentences(name: str) -> list[str]:
    text = (ROOT / f"tests/safety/{name}.txt").read_text("utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


NOW = _sentences("danger_now")
LOOK_ALIKES = _sentences("look_alikes")
# Written after the lexicon, never used to change it: what the rules are worth on words nobody prepared them for.
UNSEEN_NOW = _sentences("unseen_danger_now")
UNSEEN_LOOK_ALIKES = _sentences("unseen_look_alikes")
# The rules alone; the model sees the rest (danger is rules or model, whichever is more worried). Raise it, never lower it.
RECALL_FLOOR = 0.28


def _level(text: str) -> str:
    found = find_danger(text, LEXICON)
    return found.level if found else ""


def test_danger_now_is_seen(capsys: pytest.CaptureFixture[str]) -> None:
    seen = sum(_level(text) == "now" for text in NOW)
    with capsys.disabled():
        print(f"\ndanger now: recall {seen}/{len(NOW)} = {seen / len(NOW):.3f}")
    assert len(NOW) >= 120
    assert seen / len(NOW) >= 0.92   # two of its four sets were unseen sets, and are harder than what the rules were begun with


def test_look_alikes_do_not_ring(capsys: pytest.CaptureFixture[str]) -> None:
    quiet = sum(_level(text) != "now" for text in LOOK_ALIKES)
    with capsys.disabled():
        print(f"\nlook-alikes: specificity {quiet}/{len(LOOK_ALIKES)} = {quiet / len(LOOK_ALIKES):.3f}")
    assert len(LOOK_ALIKES) >= 120
    assert quiet / len(LOOK_ALIKES) >= 0.97


def test_unseen_sentences_are_told_apart_well_enough(capsys: pytest.CaptureFixture[str]) -> None:
    seen = sum(_level(text) == "now" for text in UNSEEN_NOW)
    asked = sum(_level(text) == "maybe" for text in UNSEEN_NOW)
    quiet = sum(_level(text) != "now" for text in UNSEEN_LOOK_ALIKES)
    with capsys.disabled():
        print(f"\nunseen: recall {seen}/{len(UNSEEN_NOW)} (and {asked} asked about), specificity {quiet}/{len(UNSEEN_LOOK_ALIKES)}")
    assert seen / len(UNSEEN_NOW) >= RECALL_FLOOR
    assert quiet / len(UNSEEN_LOOK_ALIKES) >= 0.95


@pytest.mark.parametrize("text", [
    "الحقوني", "بدو يذبحني هلق", "بيذبحني الحين", "3am yedrobni", "el7a2oni", "واقف عالباب ومعه سكين", "he is at the door with a knife",
    "he is beating her now", "عم بنزف", "عم يخنقني", "i took all the pills", "قفل علي الباب وجاي",
])
def test_the_plainest_cries_ring_the_bell(text: str) -> None:
    assert _level(text) == "now"


@pytest.mark.parametrize("text", [
    "ضربني امبارح", "بموت من الضحك", "قتلني الحر", "شفت فيلم عن واحد عم يذبح مرته", "حلمت انو عم يخنقني", "سمعت بالاخبار انو واحد عم يقتل مرته",
    "ما عم يضربني", "لو عم يضربني شو بعمل", "خلصت القضية وهو بالسجن", "he is not beating me now", "i watched a movie he is killing her now",
])
def test_past_figure_film_dream_news_negation_and_closed_case_take_it_back(text: str) -> None:
    assert _level(text) != "now"


@pytest.mark.parametrize("text", [
    "لو سمحت عم يضربني هلق", "لو سمحتي الحقوني عم يذبحني", "لو سمحتوا واقف عالباب ومعه سكين", "لو سمحتي عم بيضربني", "لو سمحت بنزف",
    "لو سمحت الحقوني", "لو تكرمتوا جاي يذبحنا هلق", "اذا سمحتو عم يخنقني", "اذا ممكن ابعتوا الشرطة", "ان سمحت معه سكين عالباب",
    "لو في مجال عم يضربني هلق", "اذا بتقدروا تيجوا عم يضربني هلق", "لو ماعليكم امر يطقني الحين", "law sama7t 3am yedrobni halla2",
    "law sama7ti el7a2oni", "iza mumkin 3am yedrobni halla2", "if you can help he is at the door with knife", "if u can help he is breaking the door",
    "if possible send police he is beating me now", "if you please he is beating me now", "could you send someone he is choking me",
    "would you please help he is breaking the door", "لو حدا سامع الحقوني",
])
def test_politeness_is_no_if(text: str) -> None:
    assert _level(text) == "now"


@pytest.mark.parametrize("text", [
    "لو ضربني شو بعمل", "if he hits me what can i do", "لو سمحت لو عم يضربني هلق شو بعمل", "اذا ممكن تحكولي اذا ضربني هلق شو بعمل",
    "if possible tell me what if he is beating me now", "لو سمحت له يضربني هلق شو بصير", "what would you do if he is beating me now",
    "could you tell me what happens if he is at the door with a knife",
])
def test_an_if_behind_the_politeness_is_one(text: str) -> None:
    assert _level(text) == ""


@pytest.mark.parametrize("text", [
    "how can i go out he is at the door with knife", "he is at the door with knife how can i go out", "can i call the police she is stabbing him now",
    "كيف بقدر اطلع هو واقف عالباب ومعه سكين", "عم يضربني هلق كيف بقدر اطلع",
    "i will tell you the story later he is hitting me now", "it is a long story she is choking my son now",
    "كنا نحضر مسلسل. هلق عم يخنقني", "كنا نحضر فيلم وهلق عم يخنقني", "we were watching tv. he is choking me", "شفنا الاخبار! هلق عم يكسر الباب علي",
    "i was reading a book\nhe is at the door with a knife", "my cat hiding with me he is breaking the door now", "قطتي معي هو عم يكسر الباب",
    "he works for a vet. he is hitting me now", "هددني بالقتل هلق", "هددني بالقتل هون وواقف قدامي", "عم يهددني بالقتل وواقف عالباب",
])
def test_a_side_word_takes_back_only_what_it_stands_with(text: str) -> None:
    assert _level(text) == "now"


@pytest.mark.parametrize("text", [
    "حلمت حلم. عم يخنقني وهو واقف فوقي", "i had a dream. he is at the door with a knife", "كنت عم احضر فيلم، عم يذبح مرته", "شفت فيلم.. عم يذبح مرته",
    "how can i know if he is beating her now", "i still dream he is choking me", "he is hitting me now in the movie", "هددني بالقتل امبارح",
    "هل عم يضربها هلق", "my cat is bleeding", "القط عم ينزف", "قطتي عم تنزف", "في قصة حلوة عم يذبح مرته",
])
def test_a_story_a_question_or_a_pet_still_takes_back_its_own(text: str) -> None:
    assert _level(text) == ""


#: For each thing that takes danger back, a message that only it keeps from ringing (or from the one question).
ONLY_THIS = {
    "story": "شفت فيلم عم يذبحها", "animals": "بيطري عم ينزف", "pets": "القط عم ينزف", "figure": "رح يقتلني من الضحك",
    "kitchen_use": "معه سكين للمطبخ", "past": "كان واقف عالباب ومعه سكينة", "long_ago": "back then he has a knife at the door",
    "calm_now": "هجم علي بالسكين هلا هادي", "habitual": "كل ما يعصب بيحط السكين على رقبتي", "if": "لو عم يضربها", "question": "شو يعني بيده سكين",
    "asks": "هل عم يضربها هلق", "negation": "ما معه سكين", "closed": "he came with a knife and he is in jail now",
    "number_wanted": "رقم النجدة", "denial": "لا الحمدلله ما معه سكين", "withdrawn": "معه سكين وقفوا الموضوع", "public": "في المظاهره معه سكين",
}


def test_everything_that_takes_danger_back_has_its_message() -> None:
    assert set(ONLY_THIS) == {defeater.concept for defeater in LEXICON.defeaters}


@pytest.mark.parametrize("concept", ONLY_THIS)
def test_without_it_the_same_words_are_danger(concept: str) -> None:
    defeaters = tuple(defeater for defeater in LEXICON.defeaters if defeater.concept != concept)
    without = replace(LEXICON, defeaters=defeaters, takes_back=LEXICON.takes_back - {concept})
    assert find_danger(ONLY_THIS[concept], LEXICON) is None
    assert find_danger(ONLY_THIS[concept], without) is not None


def test_what_was_yesterday_does_not_take_back_what_is_now() -> None:
    assert _level("امبارح ضربني. وهلق واقف عالباب ومعه سكينة") == "now"
    assert _level("امبارح ضربني بس هلق عم يكسر الباب") == "now"
    assert _level("امبارح ضربني وهلق انا عند اهلي") != "now"


@pytest.mark.parametrize("text", [
    "لا الحمدلله ما بنزف ولا شي", "لا ما قط مد يده على رقبتي", "هو ما يشيل سلاح لا", "لا ابد ما قال انه بيذبحني", "ما حدا عم يضربني هلق",
    "محد يطقني الحين", "no mam he not have gun or knife", "he does not have any knife", "nobody is beating me", "not bleeding no",
])
def test_a_denial_is_no_alarm_and_no_question(text: str) -> None:
    assert _level(text) == ""


@pytest.mark.parametrize("text", [
    "how can this service help", "need help for excel formula", "هقفل بقى تصبحوا على خير", "علمني اسوي قفل على الواتس",
    "أرغب في إيقاف ظهور الإشعارات على شاشة القفل", "ساعدوني احدد اذا بقدر ضل ساكنه معه", "sir please no send my name to police, i change mind",
    "my cat is pregnant and hiding in the wardrobe, what should I feed her",
    "the pitch was terrible, our keeper got knocked unconscious in the first half of the cup final and they still didn't stop play",
    "حرمة ولدي تدش علي بدون ما تدق الباب، مره ثانيه ان شاء الله",
    "عطيتكم الاوكي ترفعون موضوعي للمركز، الحين خالي تدخل وبيحلها بينهم، فوقفوها لين اقولكم مره ثانيه",
])
def test_words_of_the_service_itself_and_of_daily_life_are_no_danger(text: str) -> None:
    assert _level(text) == ""


def test_a_negation_inside_a_phrase_denies_only_what_the_phrase_says() -> None:
    assert _level("الدم ما عم يوقف") == "now"
    assert _level("ما في دم") == ""


def test_a_cry_of_two_words_rings_where_the_same_words_in_a_story_do_not() -> None:
    assert _level("السكين على رقبتي") == "now"
    assert _level("حط السكين على رقبتي وحكالي اسكتي") == "maybe"


def test_what_stands_in_an_idle_phrase_says_nothing() -> None:
    assert _level("ضربني وقال المرة الجاية راسك") != "now"


SMALL: dict[str, Any] = {
    "concepts": {
        "hit": {"did": {"levantine": ["دفش"], "arabizi": ["dafash"]}},
        "next": {"words": {"levantine": ["بالدور دفشها"]}},
    },
    "danger": [{"says": "hit", "level": "now", "all": ["hit"], "at_most": 3}],
    "idle": ["next"],
}


@pytest.mark.parametrize(("text", "level"), [
    ("دفشني", "now"), ("دفشوها", "now"), ("وبعدين دفشه", "now"), ("dafashni", "now"), ("دفش", ""), ("يا ناس والله هو دفشني", ""), ("بالدور دفشها", ""),
])
def test_did_at_most_and_idle_mean_what_the_file_says(text: str, level: str) -> None:
    found = find_danger(text, compile_lexicon(SMALL))
    assert (found.level if found else "") == level


@pytest.mark.parametrize("text", [
    "عم يضربني هلق سكين باب " * 80, "he is at the door with knife now " * 60, "امبارح لو عم يضربني بسكين " * 80, "7abesni 3am yedrobni halla2 el bab " * 60,
])
def test_a_long_message_that_repeats_itself_costs_little(text: str) -> None:
    def cost() -> float:
        begun = time.perf_counter()
        find_danger(text[:1600], LEXICON)
        return time.perf_counter() - begun

    assert min(cost() for _ in range(5)) < 0.02   # some 2 ms; the margin is for a busy machine


@pytest.mark.parametrize(("text", "code"), [
    ("واقف عالباب ومعه سكينة", "weapon"), ("جاي يذبحني الحين", "threat_to_kill"), ("he is choking me right now", "strangulation"),
    ("بلعت كل الحبوب", "self_harm"), ("انا بنزف", "injury"), ("قفل علي الباب وجاي", "confinement"), ("عم يضرب بنتي", "child_at_risk"),
    ("he is raping me now", "sexual_violence"),
])
def test_the_ticket_learns_what_kind_of_danger_it_is(text: str, code: str) -> None:
    found = find_danger(text, LEXICON)
    assert found is not None
    assert found.level == "now"
    assert code in found.codes
    assert "danger_now" in found.codes
    assert list(found.codes) == [flag for flag in FLAGS if flag in found.codes]


@pytest.mark.parametrize("text", [
    "بموت", "بموووت", "نجدة", "نجدة!", "help", "help!!", "HELP", "help help", "ساعدوني", "الحقوني", "رح موت", "قاعدة اموت", "i am dying", "najda", "مساعدة",
])
def test_a_cry_of_one_word_is_at_least_asked_about(text: str) -> None:
    assert _level(text) in ("maybe", "now")


@pytest.mark.parametrize("text", [
    "بموت من الضحك", "بموت فيك", "اموت عليك", "بموت من الحر", "help menu", "can you help", "how can this help", "بدي مساعدة بالأوراق", "i am dying of laughing",
    "رقم النجدة", "رح موت من الجوع",
])
def test_the_same_word_in_a_sentence_is_no_cry(text: str) -> None:
    assert _level(text) == ""


@pytest.mark.parametrize("text", ["رح يقتلني", "help me", "بدي موت", "he will kill me"])
def test_what_is_uncertain_leads_to_the_one_question(text: str) -> None:
    assert _level(text) == "maybe"


@pytest.mark.parametrize("text", ["", "مرحبا", "😭", "ok", "شو الطقس", "خ" * 1600, "\ud800", "1"])
def test_ordinary_words_are_no_danger(text: str) -> None:
    assert find_danger(text, LEXICON) is None


@given(st.text(st.characters(codec=None), max_size=200))
def test_any_text_has_an_answer(text: str) -> None:
    found = find_danger(text, LEXICON)
    assert found is None or isinstance(found, Danger)


OWN_WORDS = ("سكين", "باب", "عم", "يضرب", "هلق", "امبارح", "لو", "بس", "ما", "و", "now", "he", "knife", "door", ".", "؟")


@given(st.lists(st.sampled_from(OWN_WORDS), max_size=300))
def test_any_heap_of_its_own_words_has_an_answer(words: list[str]) -> None:
    find_danger(" ".join(words), LEXICON)


@pytest.mark.parametrize("text", ["ا\u200bلح\u200bقوني", "الحقووووني", "ألحِقوني", "ﺍﻟﺤﻘﻮﻧﻲ", "EL7A2OONI", "«الحقوني!»"])
def test_the_folding_of_the_exit_holds_here_too(text: str) -> None:
    assert _level(text) == "now"


@pytest.mark.parametrize("broken", [
    {},
    {"concepts": {"a": {"flag": "nonsense", "words": {"english": ["a"]}}}},
    {"concepts": {"a": {"words": ["a"]}}},
    {"concepts": {"a": {"words": {"english": ["a"]}}}, "danger": [{"says": "x", "level": "now", "all": ["b"]}]},
    {"concepts": {"a": {"words": {"english": ["a"]}}}, "danger": [{"says": "x", "level": "soon", "all": ["a"]}]},
    {"concepts": {"a": {"words": {"english": ["a"]}}}, "not_danger": [{"concept": "a", "reach": "everywhere"}]},
])
def test_a_broken_file_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(LexiconNotUsable):
        compile_lexicon(broken)


PLAIN_A: dict[str, Any] = {"words": {"english": ["a"]}}


@pytest.mark.parametrize(("slip", "named"), [
    ({"concepts": {"a": {"wrods": {"english": ["a"]}}}}, "wrods"), ({"concepts": {"a": {**PLAIN_A, "flags": "weapon"}}}, "flags"),
    ({"concepts": {"a": {"words": {"egyptain": ["a"]}}}}, "egyptain"), ({"concepts": {"a": {"flag": "weapon"}}}, "no words"),
    ({"concepts": {"a": {"words": {"english": []}}}}, "no words"), ({"concepts": {"a": {"words": {"msa": ["؟", "ا"]}}}}, "empty word"),
    ({"danger": [{"says": "x", "level": "now", "all": ["a"], "witihn": 3}]}, "witihn"),
    ({"danger": [{"says": "x", "level": "now", "all": ["a"], "despite": ["pats"]}]}, "pats"),
    ({"not_danger": [{"concept": "a", "reach": "clause", "despite": ["a"]}]}, "despite"),
    ({"dangers": [{"says": "x", "level": "now", "all": ["a"]}]}, "dangers"), ({"turns": ["butt"]}, "butt"), ({"idle": ["idom"]}, "idom"),
])
def test_a_slip_in_a_name_does_not_silence_what_stands_under_it(slip: dict[str, Any], named: str) -> None:
    compile_lexicon({"concepts": {"a": PLAIN_A}})
    with pytest.raises(LexiconNotUsable, match=named):
        compile_lexicon({"concepts": {"a": PLAIN_A}} | slip)


@pytest.mark.parametrize("word", ["sister", "store", "poster", "pastor", "half", "trip", "screen", "trash"])
def test_an_english_word_is_not_read_as_arabizi(word: str) -> None:
    """«ساطور» (a cleaver) and "sister" have the same consonants."""
    assert _level(f"i am here with the {word} now, he choke me last year") == ""
