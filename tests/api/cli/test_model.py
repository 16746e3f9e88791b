"""Which model belongs to which data, and that it is trained once, whole or not at all."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from api.cli.model import INGREDIENTS, ensure_model, model_digest, model_path
from api.cli.say import Failure

TRAIN = """
import argparse, pathlib, sys, time
parser = argparse.ArgumentParser(); parser.add_argument("--out", type=pathlib.Path)
out = parser.parse_args().out
root = pathlib.Path(__file__).resolve().parents[1]
with (root / "runs").open("a") as runs: runs.write("x")
time.sleep(0.3)
if (root / "fail").exists(): sys.exit(3)
out.write_text("model")
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in INGREDIENTS:
        path = tmp_path / name
        if path.suffix:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        else:
            path.mkdir(parents=True)
            (path / "a.yml").write_text("a")
    (tmp_path / "bot/__init__.py").touch()
    (tmp_path / "bot/train.py").write_text(TRAIN)
    return tmp_path


def ensure(root: Path, **options: bool) -> Path:
    return ensure_model(root / "var", root=root, python=Path(sys.executable), **options)


def trainings(root: Path) -> int:
    return len((root / "runs").read_text()) if (root / "runs").exists() else 0


@pytest.mark.parametrize("name", INGREDIENTS)
def test_a_change_of_any_ingredient_asks_for_another_model(root: Path, name: str) -> None:
    before = model_digest(root)
    path = root / name
    file = path / "a.yml" if path.is_dir() else path
    file.write_text(file.read_text() + " ")
    assert model_digest(root) != before


def test_a_change_of_anything_else_does_not(root: Path) -> None:
    before = model_digest(root)
    for name in ("README.md", "scripts/texts/a.yml", "bot/engine.py", "bot/components/__pycache__/a.pyc"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("new")
    assert model_digest(root) == before


def test_a_file_that_moves_or_splits_makes_another_model(root: Path) -> None:
    before = model_digest(root)
    (root / "nlu_data/a.yml").rename(root / "nlu_data/b.yml")
    moved = model_digest(root)
    (root / "nlu_data/c.yml").touch()
    assert len({before, moved, model_digest(root)}) == 3


def test_the_same_data_in_two_places_is_the_same_model(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    import shutil

    other = tmp_path_factory.mktemp("other") / "copy"
    shutil.copytree(root, other)
    assert model_digest(root) == model_digest(other)


def test_it_is_trained_once(root: Path) -> None:
    first = ensure(root)
    assert first == model_path(root / "var", root) == ensure(root)
    assert first.read_text() == "model" and trainings(root) == 1


def test_it_is_trained_again_when_asked(root: Path) -> None:
    ensure(root)
    ensure(root, again=True)
    assert trainings(root) == 2


def test_two_starts_at_once_train_once(root: Path) -> None:
    threads = [threading.Thread(target=ensure, args=(root,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trainings(root) == 1


def test_a_training_that_fails_is_one_line_and_leaves_nothing(root: Path) -> None:
    (root / "fail").touch()
    with pytest.raises(Failure, match=r"^the training failed \(exit status 3\) after \d+ s$"):
        ensure(root)
    assert not list((root / "var/models").glob("*.tar.gz*")) and not list((root / "var/models").glob(".*.new"))
    (root / "fail").unlink()
    assert ensure(root).exists()


def test_old_models_do_not_pile_up(root: Path) -> None:
    for number in range(5):
        (root / "config.yml").write_text(str(number))
        newest = ensure(root)
    kept = list((root / "var/models").glob("*.tar.gz"))
    assert newest in kept and len(kept) == 3
