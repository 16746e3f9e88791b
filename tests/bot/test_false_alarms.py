"""The count of false alarms reads what people wrote, not the labels beside it (it once did)."""

from __future__ import annotations

from pathlib import Path

from benchmarks.understanding.false_alarms import ordinary


def test_ordinary_talk_is_the_last_fifth_of_the_lines_and_the_texts_of_the_bank(tmp_path: Path) -> None:
    (tmp_path / "shami").mkdir()
    (tmp_path / "shami" / "jordan.txt").write_text("".join(f"سطر {n}\n" for n in range(10)), encoding="utf-8")
    (tmp_path / "arbanking77").mkdir()
    (tmp_path / "arbanking77" / "MSA_test.csv").write_text('label,text\n"وصول البطاقة","أين بطاقتي؟"\n', encoding="utf-8")
    (tmp_path / "arbanking77" / "MSA_PAL_train.csv").write_text('label,text\n"وصول البطاقة","لا تقرأ هذا"\n', encoding="utf-8")
    assert list(ordinary(tmp_path)) == [("Shami", "سطر 8"), ("Shami", "سطر 9"), ("ArBanking77", "أين بطاقتي؟")]
