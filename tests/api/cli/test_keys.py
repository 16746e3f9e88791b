"""``./hams keys rotate``: a new key first, the old ones still there."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.cli import keys
from api.settings import load_settings

NEW = bytes(range(50, 90))


def test_a_new_key_stands_first_and_the_old_one_is_still_opened(tmp_path: Path) -> None:
    (old,) = load_settings({}, tmp_path).secret_keys
    path = tmp_path / "var/keys/secret"
    keys.put_new_key_first(path, NEW)
    assert load_settings({}, tmp_path).secret_keys == (NEW, old)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [left.name for left in path.parent.iterdir()] == ["secret"]


def test_a_crash_before_the_end_leaves_the_old_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_settings({}, tmp_path).secret_keys

    def crash(self: Path, target: Path) -> Path:
        raise OSError("no power")

    monkeypatch.setattr(Path, "replace", crash)
    with pytest.raises(OSError, match="no power"):
        keys.put_new_key_first(tmp_path / "var/keys/secret", NEW)
    assert load_settings({}, tmp_path).secret_keys == before
