"""The working aids over HTTP: for the owner of a ticket alone, and nothing of them sends."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from redis.asyncio import Redis

from api.audit.trail import audit
from api.conversations import safewords
from api.conversations.keys import PeriodKeys
from api.database import Database
from api.handoffs import plan, wrapup
from api.handoffs.aids import LONGEST_TEXT, Aids
from api.handoffs.relay import LONGEST_MESSAGE, SendState
from api.handoffs.tickets import AT_THE_PHONE_SECONDS, Ticket, mark_left, note_not_now
from api.scripts.current import Releases
from api.v1 import Deps, build_v1
from tests.api.test_v1 import Line, problem
from tests.fixtures_line import shipped_release
from tests.fixtures_redis import RedisServer, start_redis
from tests.fixtures_staff import KEYRING, PASSWORDS, Clock, FakeOutbox, databases

SENTENCE = "هذه جملة قصيرة من ست كلمات فقط. "


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    running = start_redis(tmp_path_factory.mktemp("redis"))
    yield running
    running.stop()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with databases("sqlite", tmp_path) as [opened]:
        yield opened


@pytest.fixture
async def line(server: RedisServer, database: Database, tmp_path: Path) -> AsyncIterator[Line]:
    redis = Redis.from_url(server.url)
    await redis.flushall()
    outbox, clock = FakeOutbox(), Clock()
    aids = Aids(Releases(shipped_release()), PeriodKeys(tmp_path / "keys", KEYRING, os.urandom), production=False)
    deps = Deps(database, redis, KEYRING, outbox, clock, os.urandom, passwords=PASSWORDS, aids=aids)
    app, v1 = FastAPI(), build_v1(deps)
    app.mount("/api/v1", v1)
    yield Line(app, deps, outbox, clock, v1.state.relay)
    await v1.state.hub.close()
    await redis.aclose()


async def mine(line: Line, **changes: object) -> tuple[object, Ticket]:
    client = await line.signed_in("salma")
    ticket = await line.flag(**changes)
    assert (await client.post(f"handoffs/{ticket.id}/claim")).status_code == 200
    return client, ticket


PATHS = [
    ("GET", "replies", None), ("GET", "plan", None), ("PUT", "plan/plan_home_1", {"talked": True}),
    ("POST", "messages/preview", {"text": "x"}), ("POST", "safe-words", {"kind": "duress"}),
    ("PUT", "safe-contact", {"number": "+962795556677"}), ("DELETE", "safe-contact", {}),
]


@pytest.mark.parametrize(("method", "path", "body"), PATHS)
async def test_the_aids_are_the_owners_alone(method: str, path: str, body: object, line: Line) -> None:
    problem(await line.client().request(method, f"handoffs/x/{path}", json=body), 401, "signed-out")
    ticket, foreign = await line.flag(), await line.flag(person="b" * 32, desk="doha")
    amman = await line.signed_in("lina", desks=("amman",))
    problem(await amman.request(method, f"handoffs/{foreign.id}/{path}", json=body), 404, "not-found")
    problem(await amman.request(method, f"handoffs/nobody/{path}", json=body), 404, "not-found")
    problem(await amman.request(method, f"handoffs/{ticket.id}/{path}", json=body), 409, "not-yours")
    owner = await line.signed_in("salma")
    await owner.post(f"handoffs/{ticket.id}/claim")
    problem(await amman.request(method, f"handoffs/{ticket.id}/{path}", json=body), 409, "not-yours")
    assert (await owner.request(method, f"handoffs/{ticket.id}/{path}", json=body)).status_code < 300
    assert line.outbox.sent == []


async def test_replies_come_in_the_persons_words_with_what_the_channel_takes(line: Line) -> None:
    client, ticket = await mine(line, variant="gulf", country="AE", channel="sms")
    body = (await client.get(f"handoffs/{ticket.id}/replies")).json()  # type: ignore[attr-defined]
    assert (body["variant"], body["numbers_allowed"], body["links_allowed"], body["segment_budget"]) == ("gulf", False, False, 2)
    replies = {reply["code"]: reply for reply in body["replies"]}
    assert replies["reply_hello"]["blanks"] == ["{name}"] and "الحين" in replies["reply_hello"]["body"]
    assert body["emergency"] in replies and "999" not in replies[body["emergency"]]["body"]


async def test_a_blank_nobody_filled_is_not_sent(line: Line) -> None:
    client, ticket = await mine(line)
    for text in ("معك {الاسم} من الفريق.", "{emergency}"):
        answer = await client.post(f"handoffs/{ticket.id}/messages", json={"text": text})  # type: ignore[attr-defined]
        assert problem(answer, 422, "invalid")["errors"][0]["pointer"] == "/text"
    assert line.outbox.sent == []


async def test_a_long_text_is_shown_as_the_messages_it_goes_out_as(line: Line) -> None:
    client, ticket = await mine(line)
    text = SENTENCE * 120
    shown = (await client.post(f"handoffs/{ticket.id}/messages/preview", json={"text": text})).json()  # type: ignore[attr-defined]
    parts = [part["text"] for part in shown["parts"]]
    assert len(parts) == 3 and all(part.endswith("فقط.") for part in parts) and " ".join(parts) == text.strip()
    assert all(part["sms_parts"] is None for part in shown["parts"])
    for number, part in enumerate(parts, 1):
        sent = await client.post(f"handoffs/{ticket.id}/messages", json={"text": part})  # type: ignore[attr-defined]
        assert sent.json() == {"seq": number, "state": "sent"}
    assert [said for _, said in line.outbox.sent] == parts


async def test_by_sms_each_message_keeps_to_the_parts_the_channel_wants(line: Line) -> None:
    client, ticket = await mine(line, channel="sms")
    shown = (await client.post(f"handoffs/{ticket.id}/messages/preview", json={"text": SENTENCE * 10})).json()  # type: ignore[attr-defined]
    assert [part["sms_parts"] for part in shown["parts"]] == [2, 2, 1]


async def test_too_long_for_any_number_of_messages_is_refused(line: Line) -> None:
    client, ticket = await mine(line)
    for path, text in (
        ("messages/preview", "a" * (LONGEST_TEXT + 1)), ("messages", "a" * (LONGEST_MESSAGE + 1)),
        ("messages", "😀" * (LONGEST_MESSAGE // 2 + 1)),
    ):
        problem(await client.post(f"handoffs/{ticket.id}/{path}", json={"text": text}), 422, "invalid")  # type: ignore[attr-defined]


async def test_a_ticked_step_is_there_for_whoever_takes_over(line: Line) -> None:
    client, ticket = await mine(line)
    path = f"handoffs/{ticket.id}/plan"
    assert (await client.put(f"{path}/plan_home_2", json={"talked": True})).status_code == 204  # type: ignore[attr-defined]
    other = await line.signed_in("lina")
    await client.post(f"handoffs/{ticket.id}/transfer", json={"to": "lina"})  # type: ignore[attr-defined]
    steps = (await other.get(path)).json()["steps"]
    assert [step["code"] for step in steps if step["talked"]] == ["plan_home_2"]
    problem(await client.put(f"{path}/plan_home_1", json={"talked": True}), 409, "not-yours")  # type: ignore[attr-defined]


@pytest.mark.parametrize("item", ["plan_home_9", "reply_hello", "plan_home", "x" * 200])
async def test_a_step_the_release_does_not_have_is_not_found(item: str, line: Line) -> None:
    client, ticket = await mine(line)
    problem(await client.put(f"handoffs/{ticket.id}/plan/{item}", json={"talked": True}), 404, "not-found")  # type: ignore[attr-defined]
    assert await line.deps.database.read(lambda c: plan.talked_about(c, ticket.id)) == frozenset()


async def test_an_aid_asked_for_with_a_stale_epoch_is_refused(line: Line) -> None:
    client, ticket = await mine(line)
    answer = await client.post(f"handoffs/{ticket.id}/messages/preview", json={"text": "x", "epoch": 1})  # type: ignore[attr-defined]
    problem(answer, 409, "stale-epoch")


# -- the end ---------------------------------------------------------------------------------------------------------


async def asked_of_whom(line: Line) -> list[str]:
    return await line.deps.database.read(lambda c: list(c.execute(sa.select(wrapup.asked.c.person)).scalars()))


async def closed(line: Line, client: object, ticket: Ticket, **body: object) -> None:
    answer = await client.post(f"handoffs/{ticket.id}/close", json={"outcome": "helped"} | body)  # type: ignore[attr-defined]
    assert answer.status_code == 200, answer.text


async def test_what_was_done_is_kept_and_the_question_asked_only_when_ticked(line: Line) -> None:
    client, ticket = await mine(line)
    await closed(line, client, ticket, done=["plan_made"])
    assert await line.deps.database.read(lambda c: wrapup.done_of(c, ticket.id)) == {"plan_made"}
    assert [name for _, name in line.outbox.told] == ["counsellor_joined", "talk_closed"] and await asked_of_whom(line) == []


async def test_a_ticked_question_goes_out_in_place_of_the_goodbye(line: Line) -> None:
    client, ticket = await mine(line)
    await closed(line, client, ticket, ask=True)
    assert [name for _, name in line.outbox.told] == ["counsellor_joined", "talk_closed_asked"]
    assert await asked_of_whom(line) == [ticket.person]


@pytest.mark.parametrize("reason", ["not_now", "away", "left", "unsent"])
async def test_nobody_is_asked_who_cannot_or_should_not_be(reason: str, line: Line) -> None:
    client, ticket = await mine(line)
    if reason == "not_now":
        await line.deps.database.write(lambda c: note_not_now(c, ticket.person, ticket.channel, on=True))
    elif reason == "away":
        line.clock.now += AT_THE_PHONE_SECONDS + 1
    elif reason == "left":
        await line.deps.database.write(lambda c: mark_left(c, ticket.person, now=line.clock()))
    else:
        line.outbox.state = SendState.REFUSED
    await closed(line, client, ticket, ask=True)
    assert "talk_closed_asked" not in [name for _, name in line.outbox.told] and await asked_of_whom(line) == []


async def test_words_are_no_code_of_what_was_done(line: Line) -> None:
    client, ticket = await mine(line)
    answer = await client.post(f"handoffs/{ticket.id}/close", json={"done": ["she told me"]})  # type: ignore[attr-defined]
    assert problem(answer, 422, "invalid")["errors"][0]["pointer"] == "/done"
    assert (await client.get(f"handoffs/{ticket.id}")).json()["state"] == "claimed"  # type: ignore[attr-defined]


# -- words for the person ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["code_word", "duress"])
async def test_two_words_are_told_once_kept_as_a_fingerprint_and_audited_without_them(kind: str, line: Line) -> None:
    client, ticket = await mine(line)
    answer = await client.post(f"handoffs/{ticket.id}/safe-words", json={"kind": kind})  # type: ignore[attr-defined]
    words = answer.json()["words"]
    assert words in answer.json()["body"] and answer.headers["cache-control"] == "no-store" and line.outbox.sent == []
    aids = line.deps.aids
    assert aids is not None
    folded, now = safewords.words_alone(words), line.clock()

    def look(c: sa.Connection) -> tuple[object, object, list[object], list[str]]:
        return (
            safewords.recognise(c, aids.keys, ticket.person, folded, now),
            safewords.recognise_duress(c, aids.keys, ticket.person, folded, now),
            list(c.execute(sa.select(safewords.safe_words)).all()),
            [row.act for row in c.execute(audit.select())],
        )

    safe, duress, rows, acts = await line.deps.database.read(look)
    agreed = {"variant": "lev", "place": "", "lane": ""}
    assert (safe, duress) == ((None, agreed) if kind == "duress" else (agreed, None))
    assert acts[-1] == ("handoff.duress_words" if kind == "duress" else "handoff.code_words")
    assert not any(part.encode() in repr(rows).encode() for part in words.split())


async def test_another_kind_of_words_is_not_made(line: Line) -> None:
    client, ticket = await mine(line)
    problem(await client.post(f"handoffs/{ticket.id}/safe-words", json={"kind": "password"}), 422, "invalid")  # type: ignore[attr-defined]
