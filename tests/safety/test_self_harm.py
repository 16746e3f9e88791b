"""The plainest words for it are known without a model; what only sounds like them is not."""

from __future__ import annotations

import pytest

from safety.self_harm import means_own_death


@pytest.mark.parametrize("text", [
    "بدي اقتل حالي", "بدي أقتل حالي", "رح اقتل حالي", "بقتل نفسي", "حأقتل روحي", "ودي انهي حياتي", "عايزه اقتل نفسي", "فكرت بقتل نفسي",
    "ابي اقتل عمري", "badi a2tol 7ali", "bade e2tol 7ale", "bedi a2tel 7ali", "abi aqtil nafsi", "i want kill my self",
    "I will kill myself", "killing my slef", "I want to end my life", "i take my own life tonight",
])
def test_it_is_heard(text: str) -> None:
    assert means_own_death(text)


@pytest.mark.parametrize("text", [
    "", "😀", "قال رح يقتلني", "بدي اقتله", "قتل ابنه نفسه", "حالي صعب", "بذبح عمري على هالشاورما", "بموت من الضحك", "i will kill him",
    "he said he will kill himself", "kill my time", "he took my life away from me", "بدي اعيش حياتي", "\ud800", "ا" * 1600,
])
def test_what_only_sounds_like_it_is_not(text: str) -> None:
    assert not means_own_death(text)
