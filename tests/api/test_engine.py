"""The engine's client against a real unix socket: what it sends, and that every failure is a code."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgpack
import pytest
from aiohttp import web

from api.engine import EngineClient, EngineUnavailable, Reply
from safety.message_text import MessageText
from tests.fixtures_staff import Clock

HEARD = {"intent": "greet", "confidence": 0.9, "flags": None, "dialect": "gulf", "script": "arabic", "language": "ar",
         "p_danger": 0.1, "alarm": None}
TURN = {"state": {"version": 1}, "replies": [{"name": "opening", "values": {}}], "commands": [{"id": "c", "kind": "forget"}],
        "understood": HEARD, "policy": "RulePolicy"}
FACTS = {"turn": "t", "release": "d1"}
WORDS = MessageText("canary-words-1c8f")
HUNG = 30.0
"""Seconds an engine that hangs would take: longer than any test waits."""


@dataclass
class Engine:
    """A tiny engine that answers what it is told to."""

    client: EngineClient
    socket: Path
    runner: web.AppRunner
    answers: list[tuple[int, Any] | bytes | float] = field(default_factory=list)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    async def stop(self) -> None:
        await self.runner.cleanup()


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    with tempfile.TemporaryDirectory(prefix="hams") as folder:
        async def answer(request: web.Request) -> web.Response:
            raw = await request.read()
            held.asked.append((request.method, request.path, msgpack.unpackb(raw) if raw else None))
            given = held.answers.pop(0) if held.answers else (200, TURN)
            if isinstance(given, float):
                await asyncio.sleep(given)
                given = (200, TURN)
            if isinstance(given, bytes):
                return web.Response(body=given)
            return web.Response(status=given[0], body=msgpack.packb(given[1]))

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        socket = Path(folder) / "engine.sock"
        await web.UnixSite(runner, str(socket)).start()
        client = EngineClient(socket, lambda digest: {"screening": {"of": digest}})
        held = Engine(client, socket, runner)
        yield held
        await client.close()
        await runner.cleanup()


async def test_a_turn_carries_state_words_and_facts_and_comes_back_typed(engine: Engine) -> None:
    turn = await engine.client.turn({"version": 1}, WORDS, FACTS)
    assert engine.asked == [("POST", "/turn", {"state": {"version": 1}, "text": WORDS.reveal(), "facts": FACTS})]
    assert turn.state == {"version": 1} and turn.replies == (Reply("opening", {}),) and turn.policy == "RulePolicy"
    assert turn.commands == ({"id": "c", "kind": "forget"},)
    heard = turn.understood
    assert (heard.intent, heard.flags, heard.dialect, heard.alarm, heard.language) == ("greet", (), "gulf", "", "ar")


async def test_a_release_the_engine_lacks_is_pushed_and_the_turn_asked_again(engine: Engine) -> None:
    engine.answers = [(409, {"code": "lacks_release"}), (200, {}), (200, TURN)]
    await engine.client.turn(None, WORDS, FACTS)
    assert [(method, path) for method, path, _ in engine.asked] == [
        ("POST", "/turn"), ("PUT", "/releases/d1"), ("POST", "/turn"),
    ]
    assert engine.asked[1][2] == {"screening": {"of": "d1"}}


async def test_an_engine_that_never_takes_the_release_is_asked_twice_and_no_more(engine: Engine) -> None:
    engine.answers = [(409, {"code": "lacks_release"}), (200, {}), (409, {"code": "lacks_release"})]
    with pytest.raises(EngineUnavailable, match=r"^lacks_release$"):
        await engine.client.turn(None, WORDS, FACTS)
    assert len(engine.asked) == 3


async def test_a_state_of_another_version_begins_anew_and_never_fails(engine: Engine) -> None:
    engine.answers = [(422, {"code": "foreign_state"}), (200, TURN)]
    await engine.client.turn({"version": 0}, WORDS, FACTS)
    assert [asked["state"] for *_, asked in engine.asked] == [{"version": 0}, None]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((500, {"code": "turn_failed"}), "turn_failed"), ((503, {}), "503"), ((422, {"code": "bad_request"}), "bad_request"),
        (b"", "ValueError"), (b"<html>", "ExtraData"), ((200, [1]), "bad_answer"), ((200, {}), "bad_answer"),
        ((200, {**TURN, "replies": None}), "bad_answer"), ((200, {**TURN, "understood": {}}), "bad_answer"),
        ((200, {**TURN, "replies": [{"name": "x"}]}), "bad_answer"), (b"\xc1", "FormatError"), (b"7", "bad_answer"),
    ],
)
async def test_an_engine_that_fails_is_a_code_and_never_a_word(engine: Engine, answer: Any, code: str) -> None:
    engine.answers = [answer]
    with pytest.raises(EngineUnavailable) as caught:
        await engine.client.turn(None, WORDS, FACTS)
    assert caught.value.code == code
    shown = repr(caught.value) + repr(caught.value.__cause__)
    assert "canary" not in shown and (caught.value.__context__ is None or caught.value.__suppress_context__)


async def test_no_engine_is_a_code_at_once_and_a_later_one_is_found(engine: Engine) -> None:
    gone = EngineClient(engine.socket.with_name("none.sock"), lambda _: {})
    with pytest.raises(EngineUnavailable):
        await gone.turn(None, WORDS, FACTS)
    assert not await gone.ready()
    await gone.close()
    assert await engine.client.ready()


async def test_an_engine_that_was_killed_between_two_turns_is_unavailable(engine: Engine) -> None:
    await engine.client.turn(None, WORDS, FACTS)
    await engine.stop()
    with pytest.raises(EngineUnavailable):
        await engine.client.turn(None, WORDS, FACTS)


async def test_a_slow_engine_is_given_up_in_time_for_a_static_answer(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from api import engine as module

    assert module._TURN_SECONDS < 9, "the webhook must be answered within ten seconds"
    monkeypatch.setattr(module, "_TURN_SECONDS", 0.1)
    engine.answers = [HUNG]
    with pytest.raises(EngineUnavailable, match="TimeoutError"):
        await engine.client.turn(None, WORDS, FACTS)


async def test_words_that_are_not_text_do_not_stop_a_turn(engine: Engine) -> None:
    await engine.client.turn(None, MessageText("\ud800 half a letter"), FACTS)
    assert engine.asked[0][2]["text"].endswith("half a letter")
    engine.answers = [(200, HEARD)]
    await engine.client.understand(MessageText("\udfff"))


async def test_understanding_is_a_call_of_its_own(engine: Engine) -> None:
    engine.answers = [(200, {**HEARD, "alarm": "now"}), (500, {"code": "x"}), (200, {"intent": "greet"})]
    assert (await engine.client.understand(WORDS)).alarm == "now"
    for code in ("x", "bad_answer"):
        with pytest.raises(EngineUnavailable, match=rf"^{code}$"):
            await engine.client.understand(WORDS)
    assert engine.asked[0] == ("POST", "/understand", {"text": WORDS.reveal()})


async def test_many_turns_at_once_share_the_socket(engine: Engine) -> None:
    run: Callable[[], Awaitable[Any]] = lambda: engine.client.turn(None, WORDS, FACTS)  # noqa: E731
    assert len(await asyncio.gather(*(run() for _ in range(100)))) == 100


# --- an engine that hangs ---------------------------------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    # A machine that stands still for a moment must not look like an engine that does.
    monkeypatch.setattr("api.engine._TURN_SECONDS", 0.5)


async def fails(client: EngineClient, facts: dict[str, Any] = FACTS) -> str:
    """How a turn fails."""
    with pytest.raises(EngineUnavailable) as caught:
        await client.turn(None, WORDS, facts)
    return caught.value.code


@pytest.fixture
async def hung(engine: Engine, impatient: None) -> tuple[Engine, EngineClient, Clock]:
    """An engine that has just kept two messages waiting in vain."""
    clock = Clock()
    client = EngineClient(engine.socket, lambda _: {}, clock)
    engine.answers = [HUNG, HUNG]
    assert [await fails(client) for _ in range(2)] == ["TimeoutError"] * 2
    engine.asked.clear()
    return engine, client, clock


async def test_after_two_timeouts_in_a_row_nobody_waits_for_the_engine(hung: tuple[Engine, EngineClient, Clock]) -> None:
    engine, client, clock = hung
    clock.now += 1.9
    async with asyncio.timeout(5):  # twenty that waited would take ten
        assert {await fails(client) for _ in range(20)} == {"resting"}
        assert not await client.ready()
        with pytest.raises(EngineUnavailable, match=r"^resting$"):
            await client.understand(WORDS)
    assert engine.asked == []
    await client.close()


async def test_after_two_seconds_one_call_looks_and_the_others_still_do_not_wait(
    hung: tuple[Engine, EngineClient, Clock],
) -> None:
    engine, client, clock = hung
    clock.now += 2.1
    engine.answers = [HUNG]
    assert sorted(await asyncio.gather(*(fails(client) for _ in range(5)))) == ["TimeoutError", *["resting"] * 4]
    assert len(engine.asked) == 1 and await fails(client) == "resting", "and the two seconds begin anew"
    await client.close()


async def test_an_engine_that_answers_again_is_asked_by_everybody_again(hung: tuple[Engine, EngineClient, Clock]) -> None:
    engine, client, clock = hung
    clock.now += 2.1
    engine.answers = [(500, {"code": "turn_failed"})]  # what fails does not hang
    assert await fails(client) == "turn_failed"
    await asyncio.gather(*(client.turn(None, WORDS, FACTS) for _ in range(5)))
    engine.answers = [HUNG]
    assert await fails(client) == "TimeoutError"
    await client.turn(None, WORDS, FACTS)
    await client.close()


async def test_who_was_to_look_and_went_away_leaves_it_to_the_next(hung: tuple[Engine, EngineClient, Clock]) -> None:
    engine, client, clock = hung
    clock.now += 2.1
    engine.answers = [HUNG]
    looking = asyncio.create_task(client.turn(None, WORDS, FACTS))
    while not engine.asked:
        await asyncio.sleep(0.01)
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    await client.turn(None, WORDS, FACTS)
    await client.close()


async def test_timeouts_that_are_not_in_a_row_are_only_slow_turns(engine: Engine, impatient: None) -> None:
    for _ in range(3):
        engine.answers = [HUNG]
        assert await fails(engine.client) == "TimeoutError"
        await engine.client.turn(None, WORDS, FACTS)


async def test_an_engine_that_is_down_is_asked_each_time_since_that_costs_nothing(engine: Engine) -> None:
    gone = EngineClient(engine.socket.with_name("none.sock"), lambda _: {})
    assert "resting" not in [await fails(gone) for _ in range(5)]
    await gone.close()


async def test_danger_by_rule_waits_less(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from api import engine as module

    assert module._DANGER_SECONDS <= 1.5
    monkeypatch.setattr(module, "_DANGER_SECONDS", 0.1)
    engine.answers = [1.0, 1.0]
    assert await fails(engine.client, FACTS | {"danger": "now"}) == "TimeoutError"
    await engine.client.turn(None, WORDS, FACTS | {"danger": "maybe"})
