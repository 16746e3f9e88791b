"""``./hams understand``: what the engine and the safety gate make of a message, with no talk around it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

import typer

from api.cli.say import ROOT, Failure

if TYPE_CHECKING:
    from safety.danger import Danger

Judge = Callable[[str], Awaitable[dict[str, Any]]]


class BadLine(Exception):
    """A line that cannot be read, or a message no answer was to be had for; says which, never what it was."""


def understand() -> None:
    """Read {"text": …} a line from standard input, write what was understood a line to standard output, in order.

    A bad line gives {"error": …} and the rest goes on; exit status 1 at the end if there was any.
    """
    from api.cli.engine_process import an_engine
    from api.settings import load_settings

    settings = load_settings(os.environ, ROOT)
    release = read_scripts(ROOT / "scripts")  # before an engine is waited for
    with an_engine(settings) as socket:
        bad = asyncio.run(_with_engine(socket, release, sys.stdin.buffer, sys.stdout))
    raise typer.Exit(1 if bad else 0)


def read_scripts(folder: Path) -> Any:
    """The release whose exit phrases and danger words judge.

    Raises:
        Failure: an editor's slip is in it.
    """
    from api.scripts.release import ScriptProblems, load_release

    try:
        return load_release(folder)
    except ScriptProblems as problems:
        raise Failure(f"{problems} (./hams check lists all)") from None


async def judge_lines(lines: Iterable[bytes], out: TextIO, judge: Judge) -> int:
    """Judge each line and write the outcome at once; how many were bad."""
    bad = 0
    for line in lines:
        if not line.strip():
            continue
        try:
            answer = await judge(read_line(line))
        except BadLine as problem:
            bad += 1
            answer = {"error": str(problem)}
        out.write(json.dumps(answer, ensure_ascii=False) + "\n")
        out.flush()
    return bad


def read_line(line: bytes) -> str:
    """The text of a line.

    Raises:
        BadLine: it is not one.
    """
    try:
        asked = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise BadLine("not UTF-8") from None
    except (ValueError, RecursionError):
        raise BadLine("not JSON") from None
    if not isinstance(asked, dict) or not isinstance(asked.get("text"), str):
        raise BadLine('not an object with a "text" that is a string')
    text: str = asked["text"]
    return text


def verdict(text: str, understood: Any, release: Any) -> dict[str, Any]:
    """One line's answer. An exit is ``exit_now`` by rule, whatever a model, never asked at the door, makes of it."""
    from safety.danger import find_danger
    from safety.exit import is_exit

    leaves = is_exit(text, release.exits)
    by_rule = find_danger(text, release.danger)
    return {
        "exit": leaves,
        "intent": "exit_now" if leaves else understood.intent or "out_of_scope",  # an emoji, another language
        "confidence": 1.0 if leaves else round(understood.confidence, 4),
        "flags": [] if leaves else _flags(understood.flags, by_rule),
        "dialect": understood.dialect,
        "script": understood.script,
        "language": understood.language,
        # safety.md: rules or model, whichever is more worried
        "urgent": understood.alarm == "now" or (by_rule is not None and by_rule.level == "now"),
    }


def _flags(modelled: Iterable[str], by_rule: Danger | None) -> list[str]:
    """What the model saw, and what the rules saw where they ring (of what they only ask about, too much is wrong)."""
    seen = by_rule.codes if by_rule is not None and by_rule.level == "now" else ()
    return list(dict.fromkeys((*modelled, *seen)))


async def _with_engine(socket: Any, release: Any, lines: BinaryIO, out: TextIO) -> int:
    from api.engine import EngineClient, EngineUnavailable
    from safety.message_text import MessageText

    client = EngineClient(socket, lambda _digest: {})

    async def judge(text: str) -> dict[str, Any]:
        try:
            understood = await client.understand(MessageText(text))
        except EngineUnavailable as error:
            raise BadLine(f"the engine gave no answer ({error.code})") from None
        return verdict(text, understood, release)

    try:
        return await judge_lines(lines, out, judge)
    finally:
        await client.close()
