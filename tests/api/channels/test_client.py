from __future__ import annotations

import asyncio
import gc
import socket
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import encode_basic_auth, web

from api.channels.address import parse_address
from api.channels.twilio.client import (
    REFUSALS,
    ProviderRefused,
    Reason,
    Sent,
    TwilioClient,
    Withdrawn,
    check_api_url,
)
from safety.message_text import MessageText

from .conftest import ACCOUNT, TOKEN, Gateway, Provider

PHONE = parse_address("whatsapp:+962790000001")
OURS = "whatsapp:+14155550100"


async def yes() -> bool:
    return True


async def send(client: TwilioClient, body: str = "مرحبا", **other: Any) -> Sent:
    wish: dict[str, Any] = {
        "validity_s": 120, "status_callback": None, "redaction": False, "last_check": yes, "to": PHONE, "sender": OURS,
        **other,
    }
    to, sender = wish.pop("to"), wish.pop("sender")
    return await client.send(to, sender, MessageText(body), **wish)


async def write(provider: Provider, sender: str = PHONE.wire, to: str = OURS, **more: Any) -> Any:
    return await provider.tell("/standin/inbound", {"from": sender, "to": to, "body": "hi", **more})


async def final(provider: Provider, sid: str) -> None:
    for _ in range(200):
        if any(m["sid"] == sid and m["status"] in ("delivered", "failed", "read") for m in await provider.show("/standin/messages")):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("never final")


async def test_a_message_is_sent_with_a_short_validity_and_a_callback_and_reaches_the_phone(
    client: TwilioClient, provider: Provider, gateway: Gateway
) -> None:
    await write(provider)
    sent = await send(client, "سطر أول\nline & two = 100% + ✓", status_callback=f"{gateway.url}/webhooks/twilio/status")
    assert sent.status == "queued"
    await final(provider, sent.sid)
    seen = await provider.show("/standin/phones/+962790000001?after=0&wait=2")
    assert [(m["body"], m["channel"], m["sender"]) for m in seen["messages"]] == [
        ("سطر أول\nline & two = 100% + ✓", "whatsapp", OURS)
    ]
    assert provider.asked[-1][2]["ValidityPeriod"] == "120"
    await asyncio.sleep(0.05)
    assert [report["MessageStatus"] for report in gateway.statuses] == ["sent", "delivered"]
    assert all(gateway.genuine)


async def test_every_request_of_ours_and_every_answer_is_as_the_published_document_says(
    client: TwilioClient, provider: Provider
) -> None:
    """The judging itself is done by the ``provider`` fixture on every call of every test; here all calls are made."""
    inbound = await write(provider, media=1, voice=True)
    sent = await send(client, redaction=True)
    await final(provider, sent.sid)
    held = [listed async for listed in client.list_messages(since=datetime(2026, 1, 1, tzinfo=UTC), page_size=1)]
    assert {listed.sid for listed in held} == {inbound["sid"], sent.sid}
    assert {listed.has_media for listed in held if listed.direction == "inbound"} == {True}
    await client.redact(inbound["sid"])
    for media in inbound["media"]:
        await client.delete_media(inbound["sid"], media)
    for sid in (inbound["sid"], sent.sid):
        await client.delete(sid)
    assert await provider.show("/standin/messages") == []
    assert {(method, path.rsplit("/", 1)[-1][:8]) for method, path, _ in provider.asked} >= {("POST", "Messages"), ("GET", "Messages")}
    assert provider.broken_rules == []


async def test_deleting_waits_for_a_final_state(client: TwilioClient, provider: Provider) -> None:
    await write(provider)
    await provider.tell("/standin/pace", {"sent_s": 0.05, "delivered_s": 0.1})
    sent = await send(client)
    with pytest.raises(ProviderRefused) as refused:
        await client.delete(sent.sid)
    assert (refused.value.reason, refused.value.code, refused.value.retry) == (Reason.NOT_FINAL, 20009, True)
    await final(provider, sent.sid)
    await client.delete(sent.sid)
    with pytest.raises(ProviderRefused) as refused:
        await client.delete(sent.sid)
    assert (refused.value.reason, refused.value.code) == (Reason.GONE, 20404)


async def test_a_message_withdrawn_at_the_last_moment_is_not_sent(client: TwilioClient, provider: Provider) -> None:
    async def no() -> bool:
        return False

    with pytest.raises(Withdrawn):
        await send(client, last_check=no)
    assert provider.asked == []
    await write(provider)
    assert (await send(client)).sid  # the client goes on


async def test_a_check_that_cannot_be_made_sends_nothing_and_its_own_failure_comes_back(
    client: TwilioClient, provider: Provider
) -> None:
    async def broken() -> bool:
        raise ConnectionError("redis is gone")

    with pytest.raises(ConnectionError, match="redis is gone"):
        await send(client, last_check=broken)
    assert provider.asked == []


async def test_the_last_check_is_made_after_the_connection_stands_and_not_before_it(provider: Provider) -> None:
    """An exit while the connection is being opened (up to two seconds) must still stop the message."""
    accepted: list[float] = []
    checked: list[float] = []
    received: list[bytes] = []
    loop = asyncio.get_running_loop()

    async def slow_provider(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(loop.time())
        received.append(await reader.read(65_536))
        writer.close()

    server = await asyncio.start_server(slow_provider, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = TwilioClient(ACCOUNT, [TOKEN], f"http://127.0.0.1:{port}")

    async def exit_came_in_between() -> bool:
        for _ in range(100):
            if accepted:
                break
            await asyncio.sleep(0.005)
        checked.append(loop.time())
        return False

    with pytest.raises(Withdrawn):
        await send(client, last_check=exit_came_in_between)
    assert accepted and checked and accepted[0] <= checked[0]
    await client.close()
    await asyncio.sleep(0.02)
    assert received == [b""]  # not one byte was written
    server.close()


@pytest.mark.parametrize(
    ("wish", "code", "reason"),
    [
        ({"to": parse_address("whatsapp:123")}, 21211, Reason.BAD_ADDRESS),
        ({"body": ""}, 21602, Reason.REFUSED_CONTENT),
        ({"body": "ه" * 1601}, 21617, Reason.REFUSED_CONTENT),
        ({"sender": "+14155550100"}, 63007, Reason.BAD_SENDER),
    ],
)
async def test_what_the_provider_refuses_comes_back_as_a_code(
    client: TwilioClient, wish: dict[str, Any], code: int, reason: Reason
) -> None:
    with pytest.raises(ProviderRefused) as refused:
        await send(client, **wish)
    assert (refused.value.code, refused.value.reason, refused.value.retry) == (code, reason, False)


@pytest.mark.parametrize("code", sorted(REFUSALS))
async def test_every_code_in_the_table_is_told_apart(client: TwilioClient, provider: Provider, code: int) -> None:
    await provider.tell("/standin/faults", {"on": "create", "times": 2, "status": 400, "code": code})
    with pytest.raises(ProviderRefused) as refused:
        await send(client)
    assert (refused.value.reason, refused.value.retry) == (REFUSALS[code].reason, REFUSALS[code].retry)


async def test_too_many_requests_says_how_long_to_wait(client: TwilioClient, provider: Provider) -> None:
    await provider.tell("/standin/faults", {"on": "create", "times": 1, "status": 429, "code": 20429, "retry_after": 7})
    with pytest.raises(ProviderRefused) as refused:
        await send(client)
    assert (refused.value.reason, refused.value.after_s, refused.value.retry) == (Reason.SLOW_DOWN, 7.0, True)


async def test_opt_out_at_the_provider_is_known_as_such(client: TwilioClient, provider: Provider) -> None:
    await provider.tell("/standin/inbound", {"from": "+962790000001", "to": "+962770000000", "body": "stop"})
    with pytest.raises(ProviderRefused) as refused:
        await send(client, to=parse_address("+962790000001"), sender="+962770000000")
    assert refused.value.reason is Reason.OPTED_OUT


async def test_outside_the_window_the_message_fails_with_63016(client: TwilioClient, provider: Provider, gateway: Gateway) -> None:
    sent = await send(client, status_callback=f"{gateway.url}/webhooks/twilio/status")
    await final(provider, sent.sid)
    await asyncio.sleep(0.05)
    assert [(report["MessageStatus"], report["ErrorCode"]) for report in gateway.statuses] == [("failed", "63016")]


async def test_an_account_without_redaction_still_sends_and_one_with_it_keeps_no_words(
    client: TwilioClient, provider: Provider
) -> None:
    await write(provider)
    sent = await send(client, redaction=True)
    assert "ContentRetention" not in provider.asked[-1][2]
    await provider.tell("/standin/pace", {"redaction": True})
    hidden = await send(client, "كلمات", redaction=True)
    assert provider.asked[-1][2]["ContentRetention"] == "discard"
    for sid in (sent.sid, hidden.sid):
        await final(provider, sid)
    held = {m["sid"]: m for m in await provider.show("/standin/messages")}
    assert (held[hidden.sid]["body"], held[hidden.sid]["to"][-4:]) == ("", "XXXX")


async def test_the_second_token_is_tried_when_the_first_was_retired(provider: Provider) -> None:
    client = TwilioClient(ACCOUNT, ["retired", TOKEN], provider.url)
    await write(provider)
    await send(client)
    await send(client)
    assert len(provider.asked) == 3  # refused once, then the good one is remembered
    await client.close()
    wrong = TwilioClient(ACCOUNT, ["wrong"], provider.url)
    with pytest.raises(ProviderRefused) as refused:
        await send(wrong)
    assert (refused.value.reason, refused.value.code, refused.value.status) == (Reason.BAD_CREDENTIALS, 20003, 401)
    await wrong.close()


@pytest.mark.parametrize(("after", "arrives"), [(False, 0), (True, 1)])
async def test_a_connection_cut_in_the_middle_may_or_may_not_have_sent_and_is_not_repeated(
    client: TwilioClient, provider: Provider, after: bool, arrives: int
) -> None:
    await write(provider)
    await provider.tell("/standin/faults", {"on": "create", "times": 1, "drop": True, "after": after})
    with pytest.raises(ProviderRefused) as refused:
        await send(client)
    assert (refused.value.reason, refused.value.maybe_done, refused.value.retry) == (Reason.UNREACHABLE, True, True)
    held = [m for m in await provider.show("/standin/messages") if m["direction"] == "outbound-api"]
    assert len(held) == arrives


async def test_nobody_listening_is_told_apart_from_a_lost_answer() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    client = TwilioClient(ACCOUNT, [TOKEN], f"http://127.0.0.1:{port}")
    with pytest.raises(ProviderRefused) as refused:
        await send(client)
    assert (refused.value.reason, refused.value.maybe_done) == (Reason.UNREACHABLE, False)
    assert refused.value.__cause__ is None and refused.value.__suppress_context__  # the library's own names the URL
    await client.close()


async def test_a_slow_provider_is_given_up_on_in_time(provider: Provider) -> None:
    client = TwilioClient(ACCOUNT, [TOKEN], provider.url, total_s=0.2)
    await provider.tell("/standin/faults", {"on": "create", "times": 1, "delay_s": 5.0})
    began = asyncio.get_running_loop().time()
    with pytest.raises(ProviderRefused) as refused:
        await send(client)
    assert asyncio.get_running_loop().time() - began < 4
    assert refused.value.maybe_done
    await client.close()


@pytest.fixture
async def odd() -> AsyncIterator[Any]:
    """A provider that answers whatever it is told to."""
    told: dict[str, Any] = {"status": 200, "text": ""}

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=told["status"], text=told["text"])

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    client = TwilioClient(ACCOUNT, [TOKEN], f"http://127.0.0.1:{runner.addresses[0][1]}")
    yield told, client
    await client.close()
    await runner.cleanup()


@pytest.mark.parametrize(
    ("status", "text", "reason"),
    [
        (502, "<html>Bad gateway to +962790000001</html>", Reason.BROKEN),
        (503, '{"code": "x"}', Reason.BROKEN),
        (201, "<html>", Reason.BROKEN),
        (201, "[]", Reason.BROKEN),
        (201, '{"status": "queued"}', Reason.BROKEN),
        (404, "<html>no such page</html>", Reason.UNKNOWN),
        (400, "[1]", Reason.UNKNOWN),
        (302, "", Reason.UNKNOWN),
        (409, "", Reason.NOT_FINAL),
    ],
)
async def test_an_answer_that_makes_no_sense_is_a_refusal_that_quotes_nothing(odd: Any, status: int, text: str, reason: Reason) -> None:
    told, client = odd
    told.update(status=status, text=text)
    with pytest.raises(ProviderRefused) as refused:
        await send(client, "canary-words")
    assert refused.value.reason is reason
    assert "962790000001" not in repr(refused.value) + str(refused.value.args)


async def test_a_page_that_points_elsewhere_is_not_followed(odd: Any) -> None:
    told, client = odd
    told.update(text='{"messages": [], "next_page_uri": "/2010-04-01/Accounts/ACother/Messages.json"}')
    with pytest.raises(ProviderRefused):
        async with asyncio.timeout(5):
            [listed async for listed in client.list_messages()]


async def test_nothing_of_a_message_stays_on_the_client_nor_in_what_it_raises(
    client: TwilioClient, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    await write(provider)
    await send(client, "canary-delivered")
    await provider.tell("/standin/faults", {"on": "create", "times": 1, "status": 400, "code": 21211})
    with pytest.raises(ProviderRefused) as refused:
        await send(client, "canary-refused")
    cause: BaseException | None = refused.value
    while cause is not None:
        assert "canary" not in repr(cause) and "79000" not in repr(cause)
        cause = cause.__cause__
    words = " ".join(record.getMessage() for record in caplog.records if not record.name.startswith("asyncio"))
    assert "canary" not in words and "79000" not in words
    del refused, cause
    gc.collect()
    held = _reachable(client)
    assert not [text for text in held if "canary" in text or "79000" in text]
    assert any(encode_basic_auth(ACCOUNT, TOKEN) in text for text in held)  # the search can find


def _reachable(root: object) -> list[str]:
    """Every string reachable from an object's attributes, three levels of containers and instances deep."""
    found, waiting, seen = [], [(root, 0)], set()
    while waiting:
        thing, depth = waiting.pop()
        if id(thing) in seen or depth > 6:
            continue
        seen.add(id(thing))
        if isinstance(thing, str | bytes):
            found.append(thing if isinstance(thing, str) else thing.decode("latin-1"))
        elif isinstance(thing, dict):
            waiting += [(item, depth + 1) for pair in thing.items() for item in pair]
        elif isinstance(thing, list | tuple | set | frozenset):
            waiting += [(item, depth + 1) for item in thing]
        elif hasattr(thing, "__dict__") and not isinstance(thing, type):
            waiting += [(item, depth + 1) for item in vars(thing).values()]
    return found


@pytest.mark.parametrize(("url", "good"), [("https://api.twilio.com", True), ("unix:/run/p.sock", True), ("api.twilio.com", False), ("unix:", False), ("ftp://x", False)])
def test_a_provider_url_is_checked(url: str, good: bool) -> None:
    if good:
        check_api_url(url)
    else:
        with pytest.raises(ValueError):
            check_api_url(url)


# -- typing marks: not in the published document of the messages API; https://www.twilio.com/docs/whatsapp/api/typing-indicators-resource


async def test_a_typing_mark_is_shown_on_the_phone_of_who_wrote_until_an_answer_comes_and_counts_the_message_as_read(
    client: TwilioClient, provider: Provider
) -> None:
    inbound = await write(provider)
    await client.typing(inbound["sid"], yes)
    seen = await provider.show(f"/standin/phones/{PHONE.wire.removeprefix('whatsapp:')}?after=0&typing=0")
    assert 20 < seen["typing"] - time.time() <= 25 and provider.standin.store.marked_read == [inbound["sid"]]
    sent = await send(client)
    await final(provider, sent.sid)
    seen = await provider.show(f"/standin/phones/{PHONE.wire.removeprefix('whatsapp:')}?after=0&typing=0")
    assert seen["typing"] == 0 and len(seen["messages"]) == 1


async def test_a_typing_mark_waits_for_its_last_check_and_for_a_message_the_provider_still_has(
    client: TwilioClient, provider: Provider
) -> None:
    inbound = await write(provider)

    async def no() -> bool:
        return False

    with pytest.raises(Withdrawn):
        await client.typing(inbound["sid"], no)
    assert provider.standin.store.typing == {}
    await client.delete(inbound["sid"])
    with pytest.raises(ProviderRefused) as refused:
        await client.typing(inbound["sid"], yes)
    assert refused.value.reason is Reason.GONE


async def test_sms_has_no_typing_mark(client: TwilioClient, provider: Provider) -> None:
    inbound = await write(provider, sender="+962790000001", to="+962770000000")
    with pytest.raises(ProviderRefused):
        await client.typing(inbound["sid"], yes)


@pytest.mark.parametrize(("api", "marks"), [
    ("https://api.twilio.com", "https://messaging.twilio.com"), ("https://api.dublin.ie1.twilio.com", "https://messaging.dublin.ie1.twilio.com"),
    ("http://127.0.0.1:9", "http://127.0.0.1:9"), ("https://api.twilio.com.evil.example", "https://api.twilio.com.evil.example"),
])
def test_typing_marks_go_to_the_provider_s_other_host_and_nowhere_else(api: str, marks: str) -> None:
    assert TwilioClient(ACCOUNT, [TOKEN], api)._marks_base == marks
