"""Production speaks only what two people have read, one of them clinical."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.scripts.signoff import lacking, unsigned
from api.settings import load_settings
from tests.fixtures_line import ROOT, shipped_release

HADDAD = "{by: R. Haddad, role: clinical, on: 2026-11-20}"
NASSER = "{by: S. Nasser, role: security, on: 2026-11-21}"


def signed(tmp_path: Path, *rows: str, digest: str = "d1") -> Path:
    path = tmp_path / "signoff.yml"
    path.write_text(f"digest: {digest}\nsigned:\n" + "".join(f"  - {row}\n" for row in rows), encoding="utf-8")
    return path


def test_two_people_one_of_them_clinical_are_enough(tmp_path: Path) -> None:
    assert lacking(signed(tmp_path, HADDAD, NASSER), "d1") is None


@pytest.mark.parametrize(
    ("rows", "wanting"),
    [
        ((), "two different people"),
        ((HADDAD,), "two different people"),
        ((HADDAD, HADDAD), "two different people"),
        ((HADDAD, "{by: ' r. haddad ', role: security, on: 2026-11-21}"), "two different people"),
        ((HADDAD, "{by: S. Nasser, role: security}"), "two different people"),
        ((HADDAD, "{role: security, on: 2026-11-21}"), "two different people"),
        ((HADDAD, "{by: S. Nasser, role: friend, on: 2026-11-21}"), "two different people"),
        ((HADDAD, "S. Nasser"), "two different people"),
        ((NASSER, "{by: Q. Odeh, role: publisher, on: 2026-11-21}"), "nobody clinical"),
        (("{by: Z, role: clinical}", NASSER, "{by: Q. Odeh, role: publisher, on: 2026-11-21}"), "nobody clinical"),
    ],
)
def test_less_is_not(tmp_path: Path, rows: tuple[str, ...], wanting: str) -> None:
    assert wanting in (lacking(signed(tmp_path, *rows), "d1") or "")


def test_signatures_under_another_release_count_for_nothing(tmp_path: Path) -> None:
    assert "another release" in (lacking(signed(tmp_path, HADDAD, NASSER, digest="d0"), "d1") or "")


@pytest.mark.parametrize("content", [b"", b"- a list", b"digest: d1\nsigned: yes", b"digest: d1\nsigned: 5", b"{", b"\xff\xfe\x00",
                                     b"digest: d1\nsigned: [[]]", b"digest: d1\nsigned: {a: b}", b"!!python/object/apply:os.getpid []"])
def test_a_file_that_makes_no_sense_is_a_refusal_and_not_a_crash(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "signoff.yml"
    path.write_bytes(content)
    assert "not signed off" in (lacking(path, "d1") or "")


def test_no_file_says_where_it_is_missed(tmp_path: Path) -> None:
    assert "signoff.yml is missing in HAMS_VAR" in (lacking(tmp_path / "signoff.yml", "d1") or "")


def test_the_shipped_release_is_asked_for_by_its_own_digest(tmp_path: Path) -> None:
    settings = load_settings({"HAMS_VAR": str(tmp_path)}, ROOT)
    assert "missing" in (unsigned(settings) or "")
    signed(tmp_path, HADDAD, NASSER, digest=shipped_release().digest)
    assert unsigned(settings) is None
