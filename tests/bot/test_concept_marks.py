"""Marks of a message: its concepts and their order, the same whatever words say them."""

from __future__ import annotations

import pickle
import random
from pathlib import Path

import numpy as np
import pytest

from bot.components.concept_marks import ConceptMarks, read_concepts
from bot.components.normaliser import normalise
from safety.concepts import ConceptsNotUsable, compile_concepts, concepts_in
from safety.folding import fold

CONCEPTS = compile_concepts([{"concepts": {
    "hit": {"levantine": ["ضرب"], "gulf": ["طقني"], "arabizi": ["darab"], "english": ["hit"]},
    "husband": {"levantine": ["جوز"], "gulf": ["ريل"], "english": ["husband"]},
    "door": {"msa": ["باب"], "english": ["door"]},
    "money": {"msa": ["مال"], "english": ["money"]},
}}])
LEARNED = [
    "جوزي ضربني", "ضربت جوزي", "جوزي ضربني عند الباب", "ضربت جوزي عند الباب",
    "جوزي على الباب وضربني", "ضرب الباب وجوزي",
] * 3
RARE = ["مال"] * 2


def learned(texts: list[str] | None = None, **chosen: float) -> ConceptMarks:
    marks = ConceptMarks(CONCEPTS, **chosen)
    marks.learn(texts or [*LEARNED, *RARE])
    return marks


@pytest.fixture(scope="module")
def marks() -> ConceptMarks:
    return learned()


def columns(marks: ConceptMarks, text: str) -> set[int]:
    return set(marks.active(text)[0].tolist())


@pytest.mark.parametrize("other", [
    "ريلي طقني", "وجوزها بيضربها", "my husband hit me", "جوزي darabni", "جَوزي ضَرَبَني",
])
def test_one_thing_said_in_other_words_has_the_same_marks(marks: ConceptMarks, other: str) -> None:
    said = columns(marks, "جوزي ضربني")
    assert said
    assert columns(marks, other) == said


def test_who_does_it_to_whom_is_kept(marks: ConceptMarks) -> None:
    he, she = columns(marks, "جوزي ضربني"), columns(marks, "ضربت جوزي")
    assert len(he & she) == 2, "the two concepts"
    assert len(he - she) == len(she - he) == 1, "and which came first"


@pytest.mark.parametrize(("between", "together"), [(0, True), (3, True), (12, False), (200, False)])
def test_concepts_far_apart_are_not_read_together(marks: ConceptMarks, between: int, together: bool) -> None:
    found = columns(marks, f"جوزي {'كلمه ' * between}ضربني")
    assert found >= columns(marks, "جوزي") | columns(marks, "ضربني")
    assert (found == columns(marks, "جوزي ضربني")) is together


def test_a_concept_said_again_is_marked_once_and_is_no_pair_with_itself(marks: ConceptMarks) -> None:
    assert columns(marks, "ضربني ضربني ضربني") == columns(marks, "ضربني")
    width = learned(["ضربني ضربني"] * 3).width
    assert width == 1


def test_what_few_messages_say_is_not_learned() -> None:
    assert columns(learned([*LEARNED, *["مال"] * 2]), "مال") == set()
    assert len(columns(learned([*LEARNED, *["مال"] * 3]), "مال")) == 1
    assert columns(learned([*LEARNED, "مال مال مال مال"]), "مال") == set(), "often, but in one message"


def test_where_there_is_no_room_the_commonest_are_kept() -> None:
    two = learned(["مال"] * 9 + ["جوزي"] * 7 + ["باب"] * 5 + ["ضربني"] * 3, most=2)
    assert two.width == 2
    assert [len(columns(two, text)) for text in ("مال", "جوزي", "باب", "ضربني")] == [1, 1, 0, 0]


def test_the_order_of_the_training_messages_changes_no_column(marks: ConceptMarks) -> None:
    shuffled = [*LEARNED, *RARE]
    random.Random(1).shuffle(shuffled)
    again = learned(shuffled)
    assert again.width == marks.width
    for text in LEARNED[:6]:
        assert columns(again, text) == columns(marks, text)


@pytest.mark.parametrize("text", [
    *LEARNED[:6], "", "😭", "١٢٣", "\ud800", "hitch", "كلمه غريبه", "ا" * 50,
    pytest.param("جوزي ضربني " * 100, id="again and again"),
])
def test_one_message_has_the_marks_it_has_among_many(marks: ConceptMarks, text: str) -> None:
    row = np.zeros(marks.width, dtype=np.float32)
    row[marks.active(text)[0]] = marks.active(text)[1]
    among = marks.of(["ريلي", text, "باب"]).toarray()
    assert among.shape == (3, marks.width)
    assert np.array_equal(row, among[1])


def test_learning_gives_the_marks_that_are_asked_for_later() -> None:
    fresh = ConceptMarks(CONCEPTS)
    first = fresh.learn([*LEARNED, *RARE])
    assert first.nnz and np.array_equal(first.toarray(), fresh.of([*LEARNED, *RARE]).toarray())


@pytest.mark.parametrize("weight", [0.25, 1.0])
def test_every_mark_is_worth_the_same(weight: float) -> None:
    marks = learned(weight=weight)
    assert set(marks.active("جوزي ضربني ضربني ضربني")[1].tolist()) == {weight}
    assert set(marks.of(LEARNED).data.tolist()) == {weight}


def test_late_in_a_very_long_message_a_concept_is_still_seen_but_no_longer_paired(marks: ConceptMarks) -> None:
    long = "باب " * 200
    alone = [columns(marks, word) for word in ("باب", "جوزي", "ضربني")]
    assert columns(marks, f"{long}جوزي ضربني") == set.union(*alone)


def test_before_learning_nothing_is_marked() -> None:
    marks = ConceptMarks(CONCEPTS)
    assert marks.width == 0 and marks.active("جوزي ضربني")[0].size == 0 and marks.of(["جوزي", "ضربني"]).shape == (2, 0)


def test_a_kept_one_marks_the_same(marks: ConceptMarks) -> None:
    kept = pickle.loads(pickle.dumps(marks))
    assert all(columns(kept, text) == columns(marks, text) for text in LEARNED)


@pytest.mark.parametrize(("files", "says"), [
    (["concepts: {hit: {english: [hit]}}", "concepts: {hit: {gulf: [طق]}}"], "hit: listed twice"),
    (["concepts: {hit: {english: [hit, '…']}}"], "hit: english: an entry without a word"),
])
def test_a_mistake_in_a_concept_file_is_said(tmp_path: Path, files: list[str], says: str) -> None:
    for number, content in enumerate(files):
        (tmp_path / f"{number}.yml").write_text(content, encoding="utf-8")
    with pytest.raises(ConceptsNotUsable, match=says):
        read_concepts(tmp_path)


def test_only_the_concept_files_of_a_folder_are_read(tmp_path: Path) -> None:
    (tmp_path / "harm.yml").write_text("concepts: {hit: {gulf: [طق]}}", encoding="utf-8")
    (tmp_path / "README.md").write_text("concepts: [", encoding="utf-8")
    assert read_concepts(tmp_path).names == ("hit",)
    (tmp_path / "harm.yml").unlink()
    assert read_concepts(tmp_path).names == ()


def test_to_the_files_in_force_three_dialects_and_english_say_one_thing() -> None:
    concepts = read_concepts()
    ways = ["جوزي بيضربني", "ريلي يطقني", "جوزي بيضربني.", "zawji yidrobni", "my husband smacks me"]
    for way in ways:
        names = [seen.name for seen in concepts_in(fold(normalise(way)), concepts)]
        assert "husband" in names and "hit" in names and names.index("husband") < names.index("hit"), way
