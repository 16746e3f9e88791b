"""``./hams chat`` fed from a pipe: the same talk as on a phone, through the demo that runs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.journeys.door import new_number
from tests.journeys.stack import ROOT, Phone, Stack
from tests.journeys.texts import says

pytestmark = pytest.mark.stack

GREETING = "مرحبا يا جماعة الخير"


def chat(stack: Stack, *lines: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Pipe these lines into a chat."""
    return subprocess.run(
        [sys.executable, "-m", "api.cli", "chat", *options], cwd=ROOT, env=stack.environ(), encoding="utf-8",
        input="".join(f"{line}\n" for line in lines), capture_output=True, timeout=60, check=False,
    )  # fmt: skip


def answers(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What stands below each line that was written; the terminal indents it by two."""
    turns = ("\n" + done.stdout).split("\n> ")[1:]
    return ["\n".join(line.removeprefix("  ") for line in turn.splitlines()[1:]).strip() for turn in turns]


def test_a_greeting_is_met_by_the_neutral_opening_and_an_exit_by_silence(stack: Stack) -> None:
    number = new_number()
    done = chat(stack, GREETING, "خروج", options=("--from", number))
    assert done.returncode == 0, done.stderr
    opening, silence = answers(done)
    assert says(opening, "opening")
    assert silence == "(silence)"
    assert done.stderr == "", "nothing is to be told beside the talk: no word of it least of all"
    phone = Phone(stack, number=number)
    phone._after = 0
    assert phone.heard(wait=0) == [opening], "the talk went through the demo that runs, to this number"


def test_the_talk_goes_on_line_by_line_and_empty_lines_are_no_messages(stack: Stack) -> None:
    done = chat(stack, GREETING, "", "1", "   ", "2", options=("--country", "BH", "--channel", "sms"))
    assert done.returncode == 0, done.stderr
    for body, name in zip(answers(done), ("opening", "phone_check", "consent"), strict=True):
        assert says(body, name, "BH", "sms"), name
    assert done.stderr == ""


def test_no_line_at_all_is_a_talk_that_ends_at_once(stack: Stack) -> None:
    done = chat(stack)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_number_that_is_none_is_refused_in_one_line_that_echoes_no_message(stack: Stack) -> None:
    done = chat(stack, GREETING, options=("--from", "salma"))
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and "--from" in done.stderr
    assert not any(word in done.stderr for word in (*GREETING.split(), "salma"))
