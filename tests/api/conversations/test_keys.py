from __future__ import annotations

import os
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.conversations.keys import PeriodKeys, day_of, hour_of, quarter_of
from api.conversations.sealing import CannotOpen, Keyring

SECRET = b"a secret of the tests, 32 bytes.."


def cabinet(directory: Path, secret: bytes = SECRET) -> PeriodKeys:
    return PeriodKeys(directory / "keys", Keyring([secret]), os.urandom)


def test_a_period_has_one_key_whoever_asks_first(tmp_path: Path) -> None:
    found: list[bytes] = []
    cabinets = [cabinet(tmp_path) for _ in range(8)]
    threads = [threading.Thread(target=lambda one=one: found.append(one.key("owed", "2026-11-22"))) for one in cabinets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len(set(found)) == 1 and len(found[0]) == 32
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["owed.2026-11-22"]


def test_uses_and_periods_have_keys_of_their_own(tmp_path: Path) -> None:
    keys = cabinet(tmp_path)
    assert len({keys.key("owed", "2026-11-22"), keys.key("owed", "2026-11-23"), keys.key("tickets", "2026-11-22")}) == 3


def test_a_file_alone_opens_nothing(tmp_path: Path) -> None:
    key = cabinet(tmp_path).key("owed", "2026-11-22")
    path = tmp_path / "keys" / "owed.2026-11-22"
    assert key not in path.read_bytes() and path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with pytest.raises(CannotOpen):
        cabinet(tmp_path, b"another secret, 32 bytes long...").find("owed", "2026-11-22")


def test_a_destroyed_key_is_gone_for_good_and_its_file_was_overwritten(tmp_path: Path) -> None:
    keys = cabinet(tmp_path)
    for day in ("2026-11-20", "2026-11-21", "2026-11-22"):
        keys.key("owed", day)
    keys.key("tickets", "2026-11-20")
    with open(tmp_path / "keys" / "owed.2026-11-20", "rb") as still_open:
        assert keys.destroy_before("owed", "2026-11-22") == 2
        assert set(still_open.read()) == {0}
    assert keys.find("owed", "2026-11-20") is None and cabinet(tmp_path).find("owed", "2026-11-21") is None
    assert keys.find("owed", "2026-11-22") and keys.find("tickets", "2026-11-20")


@pytest.mark.parametrize(("use", "period"), [("../etc", "2026"), ("owed", "../x"), ("owed", "a/b"), ("owed", "")])
def test_no_name_leads_out_of_the_directory(tmp_path: Path, use: str, period: str) -> None:
    keys = cabinet(tmp_path)
    if period:
        with pytest.raises(ValueError):
            keys.key(use, period)


def test_periods_sort_by_time() -> None:
    moments = [datetime(2026, month, 28, 23, tzinfo=UTC).timestamp() for month in range(1, 13)]
    for period in (hour_of, day_of, quarter_of):
        names = [period(moment) for moment in moments]
        assert names == sorted(names)
    assert quarter_of(moments[0]) == "2026Q1" and quarter_of(moments[11]) == "2026Q4"
    assert quarter_of(datetime(2026, 3, 31, 23, 59, tzinfo=UTC).timestamp()) == "2026Q1"
