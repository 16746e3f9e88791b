"""Concepts: one thing said in many ways is one thing; what is not listed is nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from safety.concepts import Concepts, ConceptsNotUsable, compile_concepts, concepts_in
from safety.folding import fold

FILES = sorted((Path(__file__).parents[2] / "nlu_data" / "concepts").glob("*.yml"))

SMALL = compile_concepts([{"concepts": {
    "hit": {"says": "hits", "levantine": ["ضرب", "مد ايده"], "gulf": ["طق"], "arabizi": ["darab"], "english": ["hit", "beats up"]},
    "husband": {"levantine": ["جوز"], "gulf": ["ريل"], "english": ["husband"]},
    "door": {"msa": ["باب"]},
}}])


def names(text: str, concepts: Concepts = SMALL) -> list[str]:
    return [seen.name for seen in concepts_in(fold(text), concepts)]


@pytest.mark.parametrize("text", [
    "بيضربني", "وبضربها", "ضَرَبَني", "حيضربونا", "مبيضربنيش", "هو مد ايده علي", "طق", "byedrobni", "darabni", "he hit me", "he beats up me",
])
def test_one_thing_said_in_many_ways_is_one_concept(text: str) -> None:
    assert names(text) == ["hit"]


@pytest.mark.parametrize("text", ["", "مضراب", "طقس", "hitch", "ايده حلوه", "٣٤٥", "🙂", "ا" * 1_600, "\ud800", "مد"])
def test_what_only_looks_like_it_is_nothing(text: str) -> None:
    assert names(text) == []


def test_the_order_is_that_of_reading() -> None:
    assert names("جوزي على الباب وبيضرب") == ["husband", "door", "hit"]


@given(st.text(max_size=200))
def test_nothing_typed_can_raise(text: str) -> None:
    concepts_in(fold(text), SMALL)


@pytest.mark.parametrize(("file", "says"), [
    ({"concepts": {"hit": {"english": ["hit"]}}}, "listed twice"), ({"concepts": {"push": {"english": ["..."]}}}, "without a word"),
])
def test_a_mistake_is_named(file: dict[str, object], says: str) -> None:
    good = {"concepts": {"hit": {"english": ["hit"]}}}
    with pytest.raises(ConceptsNotUsable, match=says):
        compile_concepts([good, file])


def test_the_files_in_force_compile_and_fill_every_dialect() -> None:
    parsed = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in FILES]
    concepts = compile_concepts(parsed)
    assert len(concepts.names) >= 350
    for file in parsed:
        for name, concept in file["concepts"].items():
            assert concept.get("says"), f"{name} tells staff nothing"
            assert set(concept) <= {"says", "levantine", "gulf", "egyptian", "msa", "arabizi", "english"}, name


@pytest.mark.parametrize(("text", "expected"), [
    ("جوزي بيضربني", {"husband", "hit"}), ("ريلي يطقني", {"husband", "hit"}), ("my husband hits me", {"husband", "hit"}),
])
def test_the_files_in_force_see_who_does_what(text: str, expected: set[str]) -> None:
    concepts = compile_concepts(yaml.safe_load(path.read_text(encoding="utf-8")) for path in FILES)
    assert expected <= set(names(text, concepts))
