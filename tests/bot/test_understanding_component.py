"""What the component makes of the models' chances, when it does not ask them, and what training leaves of it."""

from __future__ import annotations

import math
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from joblib import parallel_config
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.components.heads import Heads
from bot.components.normaliser import FOLDED, normalise
from bot.components.understanding import DANGER, DIALECTS, ELSEWHERE, INTENTS, Learned, Understanding, read_ordinary
from safety.concepts import compile_concepts

GIVEN = {"sharpness": 1.0, "true_slope": 1.0, "true_offset": 0.0, "elsewhere": 0.0, "harm_counts": 0.0}
"""Settings that leave a chance as the models gave it."""

UNDERSTOOD = {"intent", "intent_ranking", "flags", "p_danger", "dialect", "script", "language"}
ARABIC, ENGLISH = "جوزي زعلان مني اليوم", "my husband hits me"
URDU, RUSSIAN = "mujhe madad chahiye mera shohar marta hai", "помогите мне"


class OneColumn:
    """Features that find the same in every message, or nothing in any."""

    def __init__(self, found: int) -> None:
        self._found = found

    def active(self, text: str, folded: str) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros(self._found, dtype=np.int64), np.ones(self._found, dtype=np.float32)


def models(found: int = 1, **groups: dict[str, float]) -> Learned:
    """Models that give these chances to whatever they are asked."""
    learned = Learned(OneColumn(found))  # type: ignore[arg-type]
    log_odds = [math.log(chance / (1 - chance)) for labels in groups.values() for chance in labels.values()]
    learned.heads = Heads(
        {group: tuple(labels) for group, labels in groups.items()},
        np.zeros((1, len(log_odds)), dtype=np.float32), np.array(log_odds, dtype=np.float32),
    )
    return learned


def flag(name: str, chance: float) -> dict[str, dict[str, float]]:
    return {name: {name: chance}}


UNSURE = {INTENTS: {"greet": 0.5, "thanks": 0.5}}
SURE = {
    INTENTS: {"disclose_physical": 0.9, "greet": 0.1}, **flag(DANGER, 0.9), **flag("weapon", 0.8),
    DIALECTS: {"gulf": 0.9, "english": 0.1},
}


def component_of(learned: Learned, **config: float) -> Understanding:
    settings = {**Understanding.get_default_config(), **GIVEN, **config}
    return Understanding(settings, None, Resource("understanding"), learned)  # type: ignore[arg-type]


def understood(text: str, learned: Learned, entities: list[dict[str, Any]] | None = None, **config: float) -> Message:
    component = component_of(learned, **config)
    message = Message({"text": text, FOLDED: normalise(text), "entities": entities or []})
    [same] = component.process([message])
    assert same is message
    return message


def test_the_likeliest_intent_is_the_intent_and_five_are_ranked() -> None:
    shares = {f"intent_{number}": share for number, share in enumerate([0.05, 0.3, 0.2, 0.15, 0.1, 0.1, 0.1])}
    message = understood(ARABIC, models(**{INTENTS: shares}))
    ranking = message.get("intent_ranking")
    assert message.get("intent") == ranking[0] and ranking[0]["name"] == "intent_1"
    assert ranking[0]["confidence"] == pytest.approx(0.3, abs=1e-5)
    assert len(ranking) == 5 and ranking == sorted(ranking, key=lambda row: -row["confidence"])


def test_what_goes_out_is_what_was_understood_and_no_word() -> None:
    message = understood(ARABIC, models(**SURE))
    assert message.output_properties - {"text"} == UNDERSTOOD
    out = str([message.get(name) for name in UNDERSTOOD])
    assert not any(word in out for word in ARABIC.split())


@pytest.mark.parametrize(("chances", "flags"), [
    ({DANGER: 0.71, "weapon": 0.56}, [DANGER, "weapon"]), ({DANGER: 0.69, "weapon": 0.56}, ["weapon"]),
    ({DANGER: 0.71, "weapon": 0.54}, [DANGER]),
    ({"weapon": 0.9, DANGER: 0.9, "honour": 0.9}, [DANGER, "weapon", "honour"]), ({"weapon": 0.01}, []),
])
def test_a_flag_is_shown_from_its_threshold_and_that_of_danger_is_higher(
    chances: dict[str, float], flags: list[str]
) -> None:
    groups = {name: {name: chance} for name, chance in chances.items()}
    assert understood(ARABIC, models(**UNSURE, **groups)).get("flags") == flags


def test_danger_is_a_number_even_where_it_is_no_flag_and_none_where_it_was_not_learned() -> None:
    doubtful = understood(ARABIC, models(**UNSURE, **flag(DANGER, 0.2)))
    assert doubtful.get("p_danger") == pytest.approx(0.2, abs=1e-5) and doubtful.get("flags") == []
    assert understood(ARABIC, models(**UNSURE, **flag("weapon", 0.9))).get("p_danger") == 0.0


def test_what_is_about_something_else_is_less_danger_and_what_tells_of_harm_is_more() -> None:
    def danger(intent: str, weapon: float, **config: float) -> float:
        chances = {INTENTS: {intent: 0.9, "greet": 0.1}, **flag(DANGER, 0.5), **flag("weapon", weapon)}
        return float(understood(ARABIC, models(**chances), **config).get("p_danger"))

    assert danger(ELSEWHERE, 0.5, elsewhere=0.6) == pytest.approx(0.5 * (1 - 0.6 * 0.9), abs=1e-5)
    assert danger("disclose_physical", 0.5, elsewhere=0.6) == pytest.approx(0.5, abs=1e-5)
    harmless, half, harmful = (danger("disclose_physical", weapon, harm_counts=0.3) for weapon in (0.05, 0.5, 0.95))
    assert harmless < half < harmful


@pytest.mark.parametrize(("shares", "language", "dialect"), [
    ({"gulf": 0.9, "english": 0.1}, "ar", "gulf"), ({"levantine": 0.56, "gulf": 0.44}, "ar", "levantine"),
    ({"levantine": 0.54, "gulf": 0.46}, "ar", None), ({"msa": 0.3, "gulf": 0.3, "levantine": 0.4}, "ar", None),
    ({"english": 0.9, "gulf": 0.1}, "en", None), ({"english": 0.4, "gulf": 0.3, "msa": 0.3}, "en", None),
])
def test_english_has_no_dialect_and_one_that_is_hardly_likelier_is_not_named(
    shares: dict[str, float], language: str, dialect: str | None
) -> None:
    message = understood("xyzzy plugh w", models(**UNSURE, **{DIALECTS: shares}))
    assert (message.get("language"), message.get("dialect")) == (language, dialect)
    assert message.get("dialects") == pytest.approx(shares, abs=1e-5), "for a second opinion"


@pytest.mark.parametrize(("text", "language"), [(ARABIC, "ar"), ("ana bedi e7ki", "ar"), (ENGLISH, "en")])
def test_a_model_that_knows_no_dialects_leaves_the_language_to_letters_and_words(text: str, language: str) -> None:
    message = understood(text, models(**UNSURE))
    assert (message.get("language"), message.get("dialect")) == (language, None)


@pytest.mark.parametrize("text", ["hello", "help me please", "OK"])
def test_plain_english_is_english_whatever_the_model_takes_it_for(text: str) -> None:
    message = understood(text, models(**SURE))
    assert (message.get("language"), message.get("dialect")) == ("en", None)
    assert message.get("intent")["name"] == "disclose_physical" and message.get("flags") == [DANGER, "weapon"]


@pytest.mark.parametrize(("chance", "intent"), [(0.81, "disclose_physical"), (0.79, None)])
def test_of_another_language_only_a_sure_intent_is_kept_but_danger_always(chance: float, intent: str | None) -> None:
    message = understood(URDU, models(**{**SURE, INTENTS: {"disclose_physical": chance, "greet": 1 - chance}}))
    assert (message.get("language"), message.get("dialect")) == ("other", None)
    assert message.get("intent")["name"] == intent and bool(message.get("intent_ranking")) is (intent is not None)
    assert message.get("flags") == [DANGER, "weapon"] and message.get("p_danger") > 0.8


def test_of_letters_nobody_learned_nothing_but_danger_is_read() -> None:
    message = understood(RUSSIAN, models(**SURE))
    assert (message.get("script"), message.get("language"), message.get("dialect")) == ("other", "other", None)
    assert message.get("intent") == {"name": None, "confidence": 0.0}
    assert message.get("intent_ranking") == [] and message.get("flags") == []
    assert message.get("p_danger") > 0.8


def nothing_read(message: Message) -> bool:
    return (
        message.get("intent") == {"name": None, "confidence": 0.0} and message.get("intent_ranking") == []
        and message.get("flags") == [] and message.get("p_danger") == 0.0 and message.get("dialect") is None
        and message.output_properties >= UNDERSTOOD
    )


@pytest.mark.parametrize("text", [
    "", " ", "12345", "٣", "😀😭", "...؟!", "\u202e\u200f", pytest.param("7" * 1_600, id="sevens"),
])
def test_what_holds_no_letter_is_asked_of_no_model(text: str) -> None:
    assert nothing_read(understood(text, models(**SURE)))


def test_a_bare_number_in_words_is_asked_of_no_model_but_another_entity_is() -> None:
    assert nothing_read(understood("واحد", models(**SURE), [{"entity": "digit", "value": 1}]))
    assert not nothing_read(understood("واحد", models(**SURE), [{"entity": "reply", "value": "yes"}]))


def test_where_nothing_learned_is_in_it_the_models_have_no_say() -> None:
    assert nothing_read(understood(ARABIC, models(found=0, **SURE)))


@pytest.mark.parametrize("text", [
    ARABIC, ENGLISH, URDU, RUSSIAN, "\ud83d", "a\ud800b", "نص mixed 123", "\x00\x01",
    pytest.param("ا" * 1_600, id="alefs"),
])
@pytest.mark.parametrize("learned", [Learned(), models(**SURE)], ids=["nothing", "something"])
def test_any_message_is_understood_somehow(text: str, learned: Learned) -> None:
    message = understood(text, learned)
    assert message.get("language") in ("ar", "en", "other") and message.get("script") in ("arabic", "latin", "other")
    assert message.output_properties >= UNDERSTOOD
    assert learned.features is not None or nothing_read(message)


def test_a_message_nobody_folded_is_no_reason_to_fall() -> None:
    component = component_of(models(**SURE))
    assert all(nothing_read(message) for message in component.process([Message({"text": ARABIC}), Message({})]))
    assert component.process([]) == []


# -- what training leaves ---------------------------------------------------------------------------------------------

WHERE = ("بالبيت", "بالمطبخ", "بالسياره", "بالشارع", "بالدوام", "عند اهلي", "بالسوق", "بالمزرعه", "بالصالون")

SAID = {
    "عم يضربني هلأ وبايده سكين": ("disclose_physical", "levantine", (DANGER, "weapon")),
    "ريلي كان يطقني قبل سنه": ("disclose_physical", "gulf", ()),
    "ابي مكان انام فيه": ("ask_shelter", "gulf", ()),
    "i need a place to sleep": ("ask_shelter", "english", ()),
}
"""What is told, once with each place of :data:`WHERE`; Rasa takes the same words twice for one message."""


def example(text: str, intent: str | None, line: dict[str, object] | None = None, **notes: object) -> Message:
    message = Message.build(text, intent, intent_metadata=notes, example_metadata=line)
    message.set(FOLDED, normalise(text))
    return message


def everywhere(text: str, intent: str | None, times: int = len(WHERE), **rest: Any) -> list[Message]:
    return [example(f"{text} {where}", intent, **rest) for where in WHERE[:times]]


ORDINARY = ("ضرب الكوره وفاز", "السكين بالمطبخ", "نام بدري", "قبل سنه")


def trained(
    folder: Path, examples: list[Message], ordinary: tuple[str, ...] = ORDINARY, **config: float
) -> tuple[Understanding, Understanding]:
    """The component that was trained, and the one that is loaded of the model it left."""
    named = {"hit": {"msa": ["ضرب"]}, "knife": {"msa": ["سكين"]}, "sleep": {"msa": ["نام"], "english": ["sleep"]}}
    concepts = compile_concepts([{"concepts": named}])
    resource, context = Resource("understanding"), ExecutionContext(GraphSchema({}))
    settings = {**Understanding.get_default_config(), "sharpness": 1.0, **config}
    component = Understanding.create(settings, LocalModelStorage(folder), resource, context)
    # the files in force, and processes of its own, would take seconds
    with pytest.MonkeyPatch.context() as patch, parallel_config(backend="sequential"):
        patch.setattr("bot.components.message_features.read_concepts", lambda: concepts)
        patch.setattr("bot.components.understanding.read_ordinary", lambda: list(ordinary))
        assert component.train(TrainingData(examples)) == resource
    return component, Understanding.load(settings, LocalModelStorage(folder), resource, context)


def asked(component: Understanding, text: str) -> Message:
    [message] = component.process([Message({"text": text, FOLDED: normalise(text), "entities": []})])
    return message


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Understanding, Understanding]:
    said = [
        everywhere(text, intent, dialect=dialect, flags=list(flags)) for text, (intent, dialect, flags) in SAID.items()
    ]
    return trained(tmp_path_factory.mktemp("model"), [
        *chain.from_iterable(said),
        *everywhere("فضحني وسود وجهي", "disclose_threat", times=7, dialect="levantine", flags=["honour"]),
        *everywhere("خنقني بايديه", "disclose_physical", times=8, dialect="levantine", flags=["strangulation"]),
        *everywhere("كنت حامل لما دفشني", "disclose_physical", line={"flags": ["pregnancy"]}, dialect="gulf", flags=[]),
        *everywhere("بهدلني وسبني", "disclose_threat", line={"flags": []}, dialect="gulf", flags=["confinement"]),
        *everywhere("ازيك عامل ايه", None, dialect="egyptian", flags=["injury"]),
    ])


@pytest.fixture(scope="module")
def loaded(both: tuple[Understanding, Understanding]) -> Understanding:
    return both[1]


@pytest.mark.parametrize("text", SAID)
@pytest.mark.parametrize("where", WHERE[:2])
def test_what_was_learned_is_understood_by_the_model_that_is_loaded(
    both: tuple[Understanding, Understanding], text: str, where: str
) -> None:
    intent, dialect, flags = SAID[text]
    before, after = (asked(component, f"{text} {where}") for component in both)
    assert after.get("intent")["name"] == before.get("intent")["name"] == intent
    assert after.get("p_danger") == pytest.approx(before.get("p_danger"), abs=0.01)
    assert (after.get("p_danger") > 0.5) is (DANGER in flags)
    assert after.get("flags") == list(flags)
    assert (after.get("language"), after.get("dialect")) == (("en", None) if dialect == "english" else ("ar", dialect))


def test_a_flag_that_hardly_any_message_carries_is_not_learned(loaded: Understanding) -> None:
    assert asked(loaded, "خنقني بايديه بالبيت").get("flags") == ["strangulation"]
    assert asked(loaded, "فضحني وسود وجهي بالبيت").get("flags") == []


def test_the_note_of_a_line_counts_for_more_than_that_of_its_block(loaded: Understanding) -> None:
    assert asked(loaded, "كنت حامل لما دفشني بالبيت").get("flags") == ["pregnancy"]
    assert asked(loaded, "بهدلني وسبني بالبيت").get("flags") == []


def test_an_example_without_an_intent_teaches_nothing(loaded: Understanding) -> None:
    message = asked(loaded, "ازيك عامل ايه بالبيت")
    assert message.get("flags") == [] and "egyptian" not in message.get("dialects")


def danger_learned(folder: Path, beside: str, **chosen: Any) -> float:
    """How much danger is seen in a message, of which half was learned as danger and half beside ``beside``."""
    folder.mkdir()
    danger = everywhere("ماسك سكين هلأ", "disclose_physical", flags=[DANGER], dialect="gulf")
    rest = everywhere("ماسك سكين قبل", beside, flags=[], dialect="gulf")
    _, loaded = trained(folder, danger + rest, **chosen)
    return float(asked(loaded, "ماسك سكين بالبيت").get("p_danger"))


@pytest.mark.parametrize(("beside", "counts"), [
    ("disclose_threat", True), ("report_for_other", True), ("ask_shelter", False), ("out_of_scope", False),
])
def test_open_harm_without_danger_counts_for_more_against_danger_and_nothing_else_does(
    tmp_path: Path, beside: str, counts: bool
) -> None:
    once, often = (
        danger_learned(tmp_path / str(times), beside, open_counts=times, elsewhere=0.0) for times in (1.0, 8.0)
    )
    assert (often < once - 0.01) is counts
    assert counts or often == once


def test_ordinary_talk_is_learned_as_no_danger(tmp_path: Path) -> None:
    without = danger_learned(tmp_path / "without", "ask_shelter", ordinary=())
    talk = ("ماسك سكين بالبيت وعم يقطع بصل", "ماسك سكين بالبيت")
    taught = danger_learned(tmp_path / "taught", "ask_shelter", ordinary=talk)
    assert taught < without - 0.01


def test_with_one_dialect_and_no_flags_there_is_still_an_intent(tmp_path: Path) -> None:
    examples = [each for text, (intent, _, _) in SAID.items() for each in everywhere(text, intent, dialect="gulf")]
    message = asked(trained(tmp_path, examples)[1], "ابي مكان انام فيه بالبيت")
    assert message.get("intent")["name"] == "ask_shelter"
    assert message.get("flags") == [] and message.get("p_danger") == 0.0
    assert (message.get("language"), message.get("dialect")) == ("ar", None)


def test_a_model_trained_without_the_component_understands_nothing_and_does_not_fall(tmp_path: Path) -> None:
    storage, context = LocalModelStorage(tmp_path), ExecutionContext(GraphSchema({}))
    loaded = Understanding.load(Understanding.get_default_config(), storage, Resource("understanding"), context)
    assert nothing_read(asked(loaded, ARABIC))


def test_ordinary_talk_is_one_message_a_line(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("ثالث\n", encoding="utf-8")
    (tmp_path / "a.txt").write_text("اول\n\nثاني", encoding="utf-8")
    (tmp_path / "README.md").write_text("whose talk it is", encoding="utf-8")
    assert read_ordinary(tmp_path) == ["اول", "ثاني", "ثالث"]
    assert read_ordinary(tmp_path / "nowhere") == []
