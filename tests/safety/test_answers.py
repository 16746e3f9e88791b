"""Reading answers: by digit, by word, in every dialect; and everything that only looks like one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from safety.answers import (
    AnswerWords,
    WordsConflict,
    gather_words,
    read_answer,
    read_beginning,
    read_digit,
    read_number,
)
from safety.exit import is_exit
from safety.screening import Instruments, load_instruments

FOLDER = Path(__file__).parents[2] / "scripts" / "screening"
PARSED: dict[str, Any] = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.yml"))}
INSTRUMENTS: Instruments = load_instruments(PARSED)
WORDS: AnswerWords = INSTRUMENTS.words
AGE = INSTRUMENTS.items["K1"].options

DIGITS = {
    1: ["1", "١", "۱", "1️⃣", "1.", "1)", "1-", "(1)", " 1 ", "1!", "١.", "«١»",
        "\u200f1", "1\n", "①", "１", "1 👍", "*1*"],
    2: ["2", "٢", "۲", "2️⃣", "2.", "2-", "٢)", "²"],
    3: ["3", "٣", "۳", "3️⃣", "#3"],
    4: ["4", "٤", "۴"],
    9: ["9", "٩", "۹", "9️⃣", "9."],
    0: ["0", "٠", "0️⃣"],
    None: ["", " ", "10", "١١", "1 1", "11", "-", "👍", "one", "نعم", "1 نعم", "1$", "+1", "5%",
           "1/2", "9 9", "۱۲", "1º x"],
}

YES = """
نعم | نعم. | نعمممم | نَعَم | اي | إي | أي | اييي | آه | اه | أه | آآآه | ايوه | أيوه | ايوا | أيوا | ايوة | إيه
ايه | هيه | هيه نعم | إي نعم | إي والله | اي والله | أي والله العظيم | نعم والله | اكيد | أكيد | أكيد نعم
طبعاً | طبعا | بلى | مبلى | امبلا | صح | صحيح | مزبوط | للأسف نعم | للأسف اي | اي للاسف | نعم نعم | اي اي اي
نعم شكرا | اي يا دكتورة | نعم أختي | آه في | إي فيه | وايد | كتير | صار | إي قد صار | مرة وحدة | احيانا
دايما صح | مرات كتير | طول الوقت | ١ نعم | 1 نعم | نعم 1 | نعم 👍 | «نعم» | نعم!! | بصراحة نعم | والله نعم
والله اي | ay | ee | eh | Eh | ehhh | aywa | AYWA | aiwa | aywah | na3am | na3m | naam | ay wallah | eh wallah
akeed | akid | tab3an | mbla | mbala | embala | sa7 | ktir | wayed | yes | Yes | YES!! | yesss | yes he did
yes, he did | he did | she did | yes i am | I am | yeah | yep | yup | y | yes please | of course | yes of course
sure | definitely | unfortunately yes | yes unfortunately | sadly yes | I think so | sometimes | yes sometimes
yes. always | that's true | yes, thank you | 1 yes | honestly yes | all the time | 👍 | 👍👍 | 👍🏽 | ✅ | yep 👍
اي يمكن
"""

NO = """
لا | لأ | لاااا | لا. | لا! | لع | لء | لا والله | لا الحمدلله | لا الحمد لله | لا، الحمد لله | الحمد لله لا
لا شكرا | لا شكراً | لا ابدا | أبداً | ابدا | لا لا | لا لا لا | كلا | مو | مش | مب | مهب | مو صحيح | مب صح
مش صحيح | ما صار | لا ما صار | ما في | مافي | ما فيه | ماكو | لا ماكو | ولا مرة | لا ولا مرة | لا سمح الله
أكيد لا | طبعا لا | لسا لا | نهائيا | مول | لا يا أختي | 2 لا | ٢ لا | لا 2 | لا 👎 | 👎 | للأسف لا | بصراحة لا
لا عفوا | la | la2 | laa | laaaa | la la | la wallah | la walla | la alhamdulillah | la shukran | abadan
la abadan | mish | msh | mu | mob | mafi | ma fi | mako | akeed la | no | No | NO. | nooo | nope | nah | no no
no thanks | no, thank you | no he didn't | no he didn’t | he didn't | he did not | never | not at all | no never
not really | no way | no sorry | I am not | I'm not | no i'm not | not yet | of course not | n | 2 no
"""

SKIP = """
تخطي | تخطّي | تخطى | ٣ تخطي | 3 تخطي | التالي | السؤال التالي | اللي بعده | يلي بعده | فوتها | طوف | طوفها
ما بدي احكي | ما بدي جاوب | مابدي أجاوب | ما بدي احكي عن هالشي | ما ابي اجاوب | ما أبي أجاوب | مابي اجاوب
ما أبغى أجاوب | ما ودي أقول | ما أبي أتكلم | لا أريد الإجابة | أفضل عدم الإجابة | لا ما بدي احكي
لا ما ابي اجاوب | ما بدي | مابي | بلاش | غير سؤال | سؤال ثاني | اوك تخطي | تخطي لو سمحت | تخطي من فضلك | لا تخطي
skip | Skip | skip please | skip this | pass | next | next question | ok next | I don't want to answer
i dont want to talk about it | rather not say | prefer not to say | sorry, skip | no, i don't want to say
ma bdi a7ki | mabdi a7ki | ma abi ajaweb | mabi ajaweb | t5atti | takhatti | illi ba3do | 3 skip
"""

UNSURE = """
ما بعرف | مابعرف | ما بعرفش | مش عارف | مش عارفة | مو متأكدة | مدري | مادري | ما ادري | ما أدري والله
والله مدري | والله ما بعرف | لا أعلم | لا أدري | لا أعرف | لست متأكدة | ربما | يمكن | ممكن | جايز | بجوز
مش كثير | مش كتير | مو وايد | شوي | شوية | لا ما بعرف | لا مدري | لا والله ما ادري | مب متأكد | مب متأكدة
الله أعلم | ما بتذكر | ما أذكر | يمكن لا | احتمال | نوعا ما | حسب | I don't know | i dont know | idk | dunno
not sure | I'm not sure | maybe | no idea | perhaps | no i dont know | can't tell, sorry | I can't remember
ma ba3ref | mab3ref | mdri | madri | ma adri | wallah ma ba3ref | yemken | mumkin | mish 3arfeh | shway | 🤷
🤷🏽‍♀️ | a little
"""

NONE = """
لا بس ضربني | لا تتركوني | لاحقني | لا حول ولا قوة إلا بالله | لا إله إلا الله | لازم اطلع | نعمة
نعم لكن هو هون | نعم؟ | لا؟ | شو؟ | أي؟ | أي واحد؟ | اي بس خايفة | اي ضربني | نعم هددني بالسكين | لا احد هنا
لا شيء يساعدني | مو هون | مش هون | مب في البيت | ما في حدا معي | ما بدي اموت | ما بعرف شو اعمل
ما بعرف وين اروح | مدري وش اسوي | ما ادري كيف اطلع | ابي شخص | بدي حدا | بدي احكي مع حدا | ما بدي احكي مع رجال
مين انتو | مين بيشوف رسائلي؟ | صار يضربني كل يوم | كتير خايفة | هو عندي | هو بالبيت | عنده سكين | هددني | الله
والله | يا الله | الحمد لله | شكرا | ياريت | مرحبا | السلام عليكم | تمام | اوك | طيب | ماشي | خلص | خروج | وقف
الشرطة | ساعدوني | نعمان | لانا | مها | هي | هو | لي | لو | لم | لن | إلا | الا | 12 | 15 | 1 2 | 1 لا | 2 نعم
نعم لا | لا نعم | 3 ايام | 3 مرات ضربني | 2 اطفال | عندي 2 | الساعة 3 | 4 | 5 | 6 | 7 | 8 | 9 | 0 | ٠ | 10 | ؟
... | ❤️ | 😭 | x | ✖ | ok | okay | fine | no one knows | nothing helps | not here | now | know | nobody
no but he hit me | yes but he is here | yesterday | yes he hit me with a knife | no he is here
yesterday he hit me | i know | skip the police | next week | next to me | maybe he will kill me
i dont know what to do | i dont want to die | i dont want to live | i don't want to go home | never mind
are you there | yes? | no? | what? | who reads this? | stop | help | hello | la tensa | lama darabni | layla
ahmad | ehab | aya | ayman | akeed darabni | ma ba3ref shu a3mel | mabi a3eesh | na3am bas | la tetrekooni
one two | true story | right now he is outside | he has a knife | he is outside | she is bleeding | i am scared
i am pregnant | im bleeding | it was my brother | sure he will kill me
"""

AGES = {
    "4": "under_13", "٥": "teen", "6️⃣": "adult", "3": "skip", "15": "teen", "١٥": "teen", "12": "under_13",
    "13": "teen", "17": "teen", "18": "adult", "35": "adult", "عمري 15": "teen", "عمري ١٢ سنة": "under_13",
    "انا 16": "teen", "عمري 8 سنين": "under_13", "٨ سنين": "under_13", "i am 14": "teen",
    "I'm 14 years old": "teen", "im 20": "adult", "8 years old": "under_13", "3omri 15": "teen", "15 سنة": "teen",
    "أقل من 13": "under_13", "under 13": "under_13", "تخطي": "skip", "ما بدي جاوب": "skip", "ما بعرف": "unsure",
    "adult": "adult", "كبيرة": "adult", "18 أو أكثر": "adult", "teen": "teen", "1": None, "2": None, "7": None,
    "8": None, "9": None, "نعم": None, "لا": None, "yes": None, "15 يوم": None, "ابني عمره 4": None,
    "5 minutes": None, "الساعة 5": None, "15 ولا 16": None, "": None, "عمري": None,
}  # fmt: skip


def phrases(table: str) -> list[str]:
    return [phrase.strip() for row in table.strip().splitlines() for phrase in row.split("|")]


@pytest.mark.parametrize(("digit", "text"), [(digit, text) for digit, texts in DIGITS.items() for text in texts])
def test_a_message_that_is_one_digit_is_read_as_it(digit: int | None, text: str) -> None:
    assert read_digit(text) == digit


@pytest.mark.parametrize("text", phrases(YES))
def test_a_yes_is_read_in_any_dialect(text: str) -> None:
    assert read_answer(text, (), WORDS) == "yes"


@pytest.mark.parametrize("text", phrases(NO))
def test_a_no_is_read_in_any_dialect(text: str) -> None:
    assert read_answer(text, (), WORDS) == "no"


@pytest.mark.parametrize("text", phrases(SKIP))
def test_not_wanting_to_answer_is_a_skip_and_never_a_no(text: str) -> None:
    assert read_answer(text, (), WORDS) == "skip"


@pytest.mark.parametrize("text", phrases(UNSURE))
def test_not_knowing_is_unsure_and_never_a_no(text: str) -> None:
    assert read_answer(text, (), WORDS) == "unsure"


@pytest.mark.parametrize("text", phrases(NONE))
def test_speech_that_looks_like_an_answer_is_left_to_the_engine(text: str) -> None:
    assert read_answer(text, (), WORDS) is None


@pytest.mark.parametrize(("text", "answer"), AGES.items())
def test_an_age_is_read_by_its_options_digit_by_number_and_by_word(text: str, answer: str | None) -> None:
    assert read_answer(text, AGE, WORDS) == answer


def test_the_table_of_phrases_is_long_enough_to_mean_something() -> None:
    tables = [phrases(table) for table in (YES, NO, SKIP, UNSURE, NONE)]
    assert len({text for table in tables for text in table}) > 400


@pytest.mark.parametrize("text", ["ok", "تمام", "طيب", "ماشي", "okay thanks", "زين", "نعم", "1", "tamam"])
def test_ok_agrees_to_a_proposal_but_is_no_yes_to_a_question_of_fact(text: str) -> None:
    assert read_answer(text, (), WORDS, proposal=True) == "yes"
    assert read_answer(text, (), WORDS) == ("yes" if text in ("نعم", "1") else None)


@pytest.mark.parametrize(("text", "answer"), [
    ("واحد", "yes"), ("اتنين", "no"), ("اثنين", "no"), ("ثلاثة", "skip"), ("one", "yes"), ("Two", "no"), ("three.", "skip"), ("wa7ad", "yes"),
    ("رقم واحد", "yes"), ("two please", "no"), ("واحد ضربني", None), ("one of them", None), ("one two", None), ("one?", None), ("تسعة", None),
])
def test_a_number_in_words_answers_as_its_digit_does(text: str, answer: str | None) -> None:
    assert read_answer(text, (), WORDS) == answer


@pytest.mark.parametrize(("text", "option"), [("أربعة", "under_13"), ("five", "teen"), ("ستة", "adult"), ("واحد", None), ("two", None)])
def test_a_number_in_words_chooses_an_option_as_its_digit_does(text: str, option: str | None) -> None:
    assert read_answer(text, AGE, WORDS) == option


@pytest.mark.parametrize(("text", "digit"), [("تسعة", 9), ("nine", 9), ("9", 9), ("سبعة", 7), ("one two", None), ("مية", None)])
def test_a_number_in_words_is_read_as_a_digit(text: str, digit: int | None) -> None:
    assert read_number(text, WORDS) == digit


@pytest.mark.parametrize("text", ["بعدين", "لا بعدين", "لا مب الحين", "مش هلأ", "طيب بعدين", "yes later", "not now", "maybe later", "مشغولة", "ba3den"])
def test_later_declines_a_proposal(text: str) -> None:
    assert read_answer(text, (), WORDS, proposal=True) == "no"


@pytest.mark.parametrize("text", ["بعدين", "لا بعدين", "later", "مب الحين"])
def test_later_is_no_answer_to_a_question_of_fact(text: str) -> None:
    assert read_answer(text, (), WORDS) is None


@pytest.mark.parametrize(("text", "answer"), [
    ("اه منيح، جوزي بيضربني كل يوم", "yes"), ("yes. he hits me", "yes"), ("لا، هو هون", "no"), ("تمام، مين معي", None), ("اي، مين؟", None),
    ("جوزي، نعم", None), ("نعم جوزي", None), ("نعم", None),
])
def test_the_answer_a_message_begins_with_ends_at_its_first_pause(text: str, answer: str | None) -> None:
    assert read_beginning(text, WORDS) == answer


def test_a_proposal_is_not_agreed_to_by_half() -> None:
    assert read_answer("اي يمكن", (), WORDS, proposal=True) is None
    assert read_answer("ok maybe", (), WORDS, proposal=True) == "unsure"


@pytest.mark.parametrize("kind", ["yes", "no", "skip", "unsure"])
def test_every_listed_word_is_read_as_its_own_kind(kind: str) -> None:
    for group in PARSED["answers"]["words"][kind].values():
        for word in group:
            assert read_answer(word, (), WORDS) == kind, word


def test_no_answering_word_is_a_safety_exit() -> None:
    """The exit is looked for first: a word in both lists would end the talk of somebody who only answers."""
    for groups in PARSED["answers"]["words"].values():
        for group in groups.values():
            for word in group:
                assert not is_exit(word), word


def test_noise_around_a_word_changes_nothing() -> None:
    for text in ("\u202bنعم\u202c", "ن\u200bعم", "نـــعم", "  نعم  ", "نعم\n", "نعم😭", "💔نعم", "نعم…", "*نعم*"):
        assert read_answer(text, (), WORDS) == "yes", text


@given(st.text(max_size=300))
def test_anything_can_be_read_without_an_error(text: str) -> None:
    for options in ((), AGE):
        answer = read_answer(text, options, WORDS)
        assert answer is None or answer in ("yes", "no", "skip", "unsure", "under_13", "teen", "adult")


_ANSWERS = st.sampled_from(phrases(YES) + phrases(NO) + phrases(SKIP) + phrases(UNSURE))
_HARM = st.sampled_from(["ضربني", "هو هون", "darabni", "he hit me", "سكين", "خايفة", "الباب", "knife", "بكرا"])


@given(_ANSWERS, _HARM, st.booleans())
def test_a_word_of_speech_beside_an_answer_makes_all_of_it_speech(answer: str, harm: str, before: bool) -> None:
    assert read_answer(f"{harm} {answer}" if before else f"{answer} {harm}", (), WORDS) is None


def test_one_word_in_two_groups_is_refused() -> None:
    with pytest.raises(WordsConflict, match="already in the group 'yes'"):
        gather_words({"yes": ["أكيد"], "unsure": ["اكيـد"]})


def test_a_word_that_folds_to_nothing_is_refused() -> None:
    with pytest.raises(WordsConflict, match="nothing that could be matched"):
        gather_words({"yes": ["..."]})


def test_an_unknown_group_is_refused() -> None:
    with pytest.raises(WordsConflict, match="is not a group"):
        gather_words({"perhaps": ["نعم"]})
