"""JSON Lines in, JSON Lines out: order, bad lines, nothing echoed."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from api.cli.say import ROOT, Failure
from api.cli.understand import BadLine, judge_lines, read_line, read_scripts, verdict
from api.engine import Understood
from api.scripts.release import load_release


async def echo(text: str) -> dict[str, Any]:
    if text == "break":
        raise BadLine("the engine gave no answer (turn_failed)")
    return {"length": len(text)}


async def judged(*lines: bytes) -> tuple[int, list[dict[str, Any]]]:
    out = io.StringIO()
    bad = await judge_lines(lines, out, echo)
    return bad, [json.loads(line) for line in out.getvalue().splitlines()]


async def test_answers_come_in_order_one_a_line() -> None:
    bad, answers = await judged(*(json.dumps({"text": "م" * n}).encode() + b"\n" for n in range(20)))
    assert bad == 0 and answers == [{"length": n} for n in range(20)]


async def test_a_bad_line_gives_an_error_for_itself_and_the_rest_goes_on() -> None:
    bad, answers = await judged(b'{"text": "a"}\n', b"{hush\n", b'{"text": "break"}\n', b'{"text": "abc"}')
    assert bad == 2
    assert answers == [
        {"length": 1}, {"error": "not JSON"}, {"error": "the engine gave no answer (turn_failed)"}, {"length": 3},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"text": "\xff"}', "not UTF-8"),
        (b"hush", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'["hush"]', 'not an object with a "text" that is a string'),
        (b'{"text": 7}', 'not an object with a "text" that is a string'),
        (b'{"words": "hush"}', 'not an object with a "text" that is a string'),
        (b"null", 'not an object with a "text" that is a string'),
    ],
)
def test_what_is_wrong_with_a_line_is_told_without_the_line(line: bytes, problem: str) -> None:
    with pytest.raises(BadLine) as refused:
        read_line(line)
    assert str(refused.value) == problem


async def test_empty_lines_are_no_messages() -> None:
    assert await judged(b"\n", b"  \r\n", b'{"text": ""}\n') == (0, [{"length": 0}])


def test_a_line_may_hold_anything_a_message_may() -> None:
    for text in ("", "\u200f٠\u200e", "a\nb\x00", "😀" * 1000):
        assert read_line(json.dumps({"text": text}).encode()) == text


@pytest.mark.parametrize(("text", "modelled", "intent", "left"), [
    ("خروج", "ask_residency", "exit_now", True), ("0", None, "exit_now", True), ("🙂", None, "out_of_scope", False),
    ("وين اروح", "ask_shelter", "ask_shelter", False),
])
def test_an_exit_is_one_by_rule_and_there_is_always_an_intent(text: str, modelled: str | None, intent: str, left: bool) -> None:
    understood = Understood(modelled, (), None, "ar", "arabic", "", 0.97, 0.0)
    said = verdict(text, understood, load_release(ROOT / "scripts"))
    assert (said["intent"], said["exit"], said["confidence"]) == (intent, left, 1.0 if left else 0.97)


@pytest.mark.parametrize(("text", "flags"), [
    ("واقف عالباب ومعه سكينة", ["injury", "danger_now", "weapon"]), ("وين اروح", ["injury"]), ("رح يقتلني", ["injury"]), ("خروج", []),
])
def test_the_flags_are_the_models_and_where_the_rules_ring_theirs(text: str, flags: list[str]) -> None:
    understood = Understood("disclose_threat", ("injury",), None, "ar", "arabic", "", 0.97, 0.0)
    assert verdict(text, understood, load_release(ROOT / "scripts"))["flags"] == flags


def test_an_editors_slip_is_one_line_with_its_place(tmp_path: Path) -> None:
    scripts = tmp_path / "scripts"
    shutil.copytree(ROOT / "scripts", scripts)
    danger = scripts / "phrases" / "danger.yml"
    danger.write_text(danger.read_text("utf-8").replace("\nturns: [but]", "\nturns: [butt]"), "utf-8")
    with pytest.raises(Failure, match=r"the first: phrases/danger\.yml:.*butt.*\./hams check") as refused:
        read_scripts(scripts)
    assert "\n" not in str(refused.value)
