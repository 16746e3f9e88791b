"""What a component learned is found again, by it alone; what is damaged is not taken for nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource

from bot.components.stored import find, keep

MINE, OTHERS = Resource("mine"), Resource("others")
LEARNED = {"weights": np.linspace(0, 1, 1_000, dtype=np.float32), "words": ["جوزي", "\ud800", ""], "width": 3}


def same(one: object, other: object) -> bool:
    assert isinstance(one, dict) and isinstance(other, dict)
    return np.array_equal(one["weights"], other["weights"]) and {**one, "weights": 0} == {**other, "weights": 0}


def kept_file(storage: Path) -> Path:
    [file] = [path for path in storage.rglob("*") if path.is_file()]
    return file


def test_what_was_kept_is_found_by_who_opens_the_model_later(tmp_path: Path) -> None:
    keep(LocalModelStorage(tmp_path), MINE, LEARNED)
    found = find(LocalModelStorage(tmp_path), MINE)
    assert same(found, LEARNED) and found is not LEARNED
    assert found["weights"].dtype == np.float32


def test_two_components_keep_apart(tmp_path: Path) -> None:
    storage = LocalModelStorage(tmp_path)
    keep(storage, MINE, "mine")
    keep(storage, OTHERS, "theirs")
    assert (find(storage, MINE), find(storage, OTHERS)) == ("mine", "theirs")


def test_a_model_trained_without_the_component_has_nothing_of_it(tmp_path: Path) -> None:
    storage = LocalModelStorage(tmp_path)
    keep(storage, OTHERS, "theirs")
    assert find(storage, MINE) is None


def test_what_is_learned_again_takes_the_place_of_the_old(tmp_path: Path) -> None:
    storage = LocalModelStorage(tmp_path)
    keep(storage, MINE, LEARNED)
    keep(storage, MINE, "new")
    assert find(storage, MINE) == "new"


def test_what_is_kept_is_packed(tmp_path: Path) -> None:
    zeros = np.zeros(100_000, dtype=np.float32)
    keep(LocalModelStorage(tmp_path), MINE, zeros)
    assert kept_file(tmp_path).stat().st_size < zeros.nbytes / 10


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    storage = LocalModelStorage(tmp_path)
    keep(storage, MINE, LEARNED)
    kept_file(tmp_path).write_bytes(b"")
    with pytest.raises(EOFError):
        find(storage, MINE)


def test_half_a_file_is_refused(tmp_path: Path) -> None:
    storage = LocalModelStorage(tmp_path)
    keep(storage, MINE, np.random.RandomState(0).random_sample(10_000))
    whole = kept_file(tmp_path).read_bytes()
    kept_file(tmp_path).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Exception):  # noqa: B017 (whatever joblib makes of it, but no "nothing was learned")
        find(storage, MINE)


def test_a_lost_file_is_refused(tmp_path: Path) -> None:
    storage = LocalModelStorage(tmp_path)
    keep(storage, MINE, LEARNED)
    kept_file(tmp_path).unlink()
    with pytest.raises(FileNotFoundError):
        find(storage, MINE)
