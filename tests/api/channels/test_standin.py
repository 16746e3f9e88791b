from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, encode_basic_auth, web

from api.channels.simulator import SimulatedPhones, StandInUnreachable
from api.channels.standin.app import StandIn
from api.channels.standin.store import segments
from api.channels.twilio.client import TwilioClient
from api.channels.twilio.parse import parse_inbound
from safety.message_text import MessageText

from .conftest import ACCOUNT, TOKEN, Gateway, Provider
from .published import NotAsPublished, judge_answer, judge_request
from .test_client import send

MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
SIGNED_IN = {"Authorization": encode_basic_auth(ACCOUNT, TOKEN)}
WISH: dict[str, Any] = {"from": "whatsapp:+962790000001", "to": "whatsapp:+14155550100", "body": "مرحبا"}


async def test_a_message_a_person_writes_becomes_a_webhook_as_twilio_makes_it(provider: Provider, gateway: Gateway) -> None:
    answer = await provider.tell("/standin/inbound", WISH)
    assert (answer["status"], answer["attempts"], answer["alert"]) == (200, 1, 0)
    assert gateway.genuine == [True]
    form = dict(gateway.messages[0])
    documented = {"SmsMessageSid", "NumMedia", "ProfileName", "MessageType", "WaId", "SmsSid", "SmsStatus", "Body", "To",
                  "NumSegments", "ReferralNumMedia", "MessageSid", "AccountSid", "From", "ApiVersion"}
    assert set(form) == documented
    assert (form["MessageSid"], form["Body"], form["WaId"]) == (answer["sid"], "مرحبا", "962790000001")
    assert parse_inbound(gateway.messages[0]).body.reveal() == "مرحبا"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"voice": True}, {"has_voice": True, "has_media": True}),
        ({"media": 3}, {"has_voice": False, "has_media": True}),
        ({"location": True}, {"location": True}),
        ({"from": "+962790000001", "to": "+962770000000"}, {"channel": "sms"}),
        ({"from": "+962790000001", "channel": "whatsapp"}, {"channel": "whatsapp", "to": "whatsapp:+14155550100"}),
        ({"from": "whatsapp:JO.1181", "extra": {"New": "x"}}, {"channel": "whatsapp"}),
    ],
)
async def test_every_kind_of_message_is_read_by_our_own_parser(
    provider: Provider, gateway: Gateway, more: dict[str, Any], expected: dict[str, Any]
) -> None:
    answer = await provider.tell("/standin/inbound", {**WISH, **more})
    read = parse_inbound(gateway.messages[0])
    assert gateway.genuine == [True]
    assert {name: getattr(read, name) for name in expected} == expected
    assert list(read.media) == answer["media"]


async def test_a_tapped_button_arrives_as_what_it_stands_for(provider: Provider, gateway: Gateway) -> None:
    await provider.tell("/standin/inbound", {**WISH, "body": "نعم", "button": "1"})
    assert parse_inbound(gateway.messages[0]).body.reveal() == "1"


async def test_the_same_message_can_arrive_twice_at_the_same_instant(provider: Provider, gateway: Gateway) -> None:
    answer = await provider.tell("/standin/inbound", {**WISH, "copies": 2})
    assert [copy["status"] for copy in answer["copies"]] == [200, 200]
    assert len({dict(form)["MessageSid"] for form in gateway.messages}) == 1 and len(gateway.messages) == 2


async def test_a_webhook_that_fails_is_an_alert_with_its_parameters_and_is_not_repeated(provider: Provider, gateway: Gateway) -> None:
    gateway.status = 500
    answer = await provider.tell("/standin/inbound", WISH)
    assert (answer["status"], answer["attempts"], answer["alert"]) == (500, 1, 11200)
    alerts = await provider.show("/standin/alerts")
    assert [(alert["error_code"], alert["request_variables"]["Body"]) for alert in alerts] == [(11200, "مرحبا")]


async def test_an_answer_that_is_no_twiml_is_an_alert(provider: Provider, gateway: Gateway) -> None:
    gateway.answer = "ok"
    assert (await provider.tell("/standin/inbound", WISH))["alert"] == 12300


async def test_a_connection_failure_is_tried_once_more_and_then_is_an_alert(provider: Provider, gateway: Gateway) -> None:
    gateway.drop_next = 1
    assert (await provider.tell("/standin/inbound", WISH))["attempts"] == 2
    assert await provider.show("/standin/alerts") == []
    gateway.drop_next = 2
    answer = await provider.tell("/standin/inbound", WISH)
    assert (answer["attempts"], answer["alert"]) == (2, 11205)


async def test_a_webhook_that_takes_too_long_is_an_alert(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.channels.standin.app.WEBHOOK_TIMEOUT_S", 0.1)

    async def never(_: web.Request) -> web.Response:
        await asyncio.sleep(1)
        return web.Response()

    slow = web.Application()
    slow.router.add_post("/webhooks/twilio/message", never)
    async with (
        served(slow) as url,
        served(StandIn(ACCOUNT, [TOKEN], f"{url}/webhooks/twilio/message").app()) as standin,
        ClientSession() as session,
        session.post(f"{standin}/standin/inbound", json=WISH) as answer,
    ):
        assert (await answer.json())["alert"] == 11205


async def test_signatures_are_over_the_public_url_where_the_gateway_is_reached_elsewhere(gateway: Gateway) -> None:
    reached, gateway.url = gateway.url, "https://line.example"
    standin = StandIn(ACCOUNT, [TOKEN], f"{reached}/webhooks/twilio/message", public_url="https://line.example")
    async with served(standin.app()) as url:
        async with ClientSession() as session, session.post(f"{url}/standin/inbound", json=WISH) as answer:
            assert (await answer.json())["status"] == 200
        client = TwilioClient(ACCOUNT, [TOKEN], url)
        await send(client, status_callback="https://line.example/webhooks/twilio/status")
        await asyncio.sleep(0.15)
        await client.close()
    assert gateway.genuine == [True, True, True]
    assert [report["MessageStatus"] for report in gateway.statuses] == ["sent", "delivered"]


@pytest.mark.parametrize(
    ("method", "path", "form", "status", "code"),
    [
        ("POST", MESSAGES, {}, 400, 21604),
        ("POST", MESSAGES, {"To": "+962790000001"}, 400, 21603),
        ("POST", MESSAGES, {"To": "+962790000001", "From": "+1415", "Body": "x", "ValidityPeriod": "0"}, 400, 20001),
        ("GET", MESSAGES.replace(".json", "/SM" + "0" * 32 + ".json"), None, 404, 20404),
        ("DELETE", MESSAGES.replace(".json", "/SM" + "0" * 32 + ".json"), None, 404, 20404),
        ("GET", MESSAGES.replace(".json", "/SM" + "0" * 32 + "/Media.json"), None, 404, 20404),
        ("GET", "/2010-04-01/Accounts/AC" + "f" * 32 + "/Messages.json", None, 404, 20404),
        ("GET", MESSAGES.replace("Messages", "messages"), None, 404, 20404),
    ],
)
async def test_errors_are_printed_as_twilio_prints_them(
    provider: Provider, method: str, path: str, form: dict[str, str] | None, status: int, code: int
) -> None:
    async with (
        ClientSession(headers=SIGNED_IN) as session,
        session.request(method, provider.url + path, data=form) as answer,
    ):
        error = await answer.json()
    assert (answer.status, error["code"], error["status"]) == (status, code, status)
    assert error["more_info"] == f"https://www.twilio.com/docs/errors/{code}"
    provider.broken_rules[:] = [rule for rule in provider.broken_rules if not rule.startswith("request")]


async def test_only_an_empty_body_redacts(provider: Provider) -> None:
    sid = (await provider.tell("/standin/inbound", WISH))["sid"]
    one = provider.url + MESSAGES.replace(".json", f"/{sid}.json")
    async with ClientSession(headers=SIGNED_IN) as session:
        async with session.post(one, data={"Body": "other words"}) as answer:
            assert (answer.status, (await answer.json())["code"]) == (400, 30400)
        async with session.post(one, data={"Body": ""}) as answer:
            assert (answer.status, (await answer.json())["body"]) == (200, "")
        async with session.get(one) as answer:
            assert (await answer.json())["body"] == ""


async def test_media_are_listed_fetched_and_deleted(provider: Provider) -> None:
    inbound = await provider.tell("/standin/inbound", {**WISH, "media": 2})
    base = provider.url + MESSAGES.replace(".json", f"/{inbound['sid']}/Media")
    async with ClientSession(headers=SIGNED_IN) as session:
        async with session.get(f"{base}.json") as answer:
            assert [media["sid"] for media in (await answer.json())["media_list"]] == inbound["media"]
        async with session.get(f"{base}/{inbound['media'][0]}.json") as answer:
            assert (await answer.json())["content_type"] == "image/jpeg"
        async with session.delete(f"{base}/{inbound['media'][0]}.json") as answer:
            assert answer.status == 204
        async with session.get(f"{base}/{inbound['media'][0]}.json") as answer:
            assert answer.status == 404


async def test_without_the_right_token_there_is_nothing_to_see(provider: Provider) -> None:
    for auth in ("", encode_basic_auth(ACCOUNT, "wrong"), encode_basic_auth("ACother", TOKEN)):
        async with ClientSession(headers={"Authorization": auth}) as session, session.get(provider.url + MESSAGES) as answer:
            assert (answer.status, (await answer.json())["code"]) == (401, 20003)


async def test_a_message_that_waits_longer_than_its_validity_fails_and_never_reaches_the_phone(
    provider: Provider, client: TwilioClient, gateway: Gateway
) -> None:
    await provider.tell("/standin/inbound", WISH)
    await provider.tell("/standin/pace", {"sent_s": 5.0, "delivered_s": 5.0})
    await send(client, validity_s=1, status_callback=f"{gateway.url}/webhooks/twilio/status")
    await asyncio.sleep(1.2)
    assert [(report["MessageStatus"], report["ErrorCode"]) for report in gateway.statuses] == [("failed", "30036")]
    assert (await provider.show("/standin/phones/+962790000001"))["messages"] == []


async def test_a_whatsapp_message_that_is_read_says_so(provider: Provider, client: TwilioClient, gateway: Gateway) -> None:
    await provider.tell("/standin/inbound", WISH)
    await provider.tell("/standin/pace", {"read_s": 0.05})
    await send(client, status_callback=f"{gateway.url}/webhooks/twilio/status")
    await asyncio.sleep(0.2)
    assert [report["MessageStatus"] for report in gateway.statuses] == ["sent", "delivered", "read"]


async def test_the_simulated_phone_writes_and_waits_for_what_comes(provider: Provider, client: TwilioClient) -> None:
    phones = SimulatedPhones(provider.url)
    written = await phones.write("+962790000001", "+14155550100", "whatsapp", MessageText("مرحبا"))
    assert (written.status, written.sid[:2]) == (200, "SM")
    waiting = asyncio.create_task(phones.received("+962790000001", wait_s=2))
    await send(client, "أهلا")
    received = await waiting
    assert [(each.channel, each.body.reveal()) for each in received] == [("whatsapp", "أهلا")]
    assert await phones.received("+962790000001", after=received[-1].number) == []
    await phones.close()
    gone = SimulatedPhones("http://127.0.0.1:9")
    with pytest.raises(StandInUnreachable):
        await gone.received("+962790000001")
    await gone.close()


async def test_deleting_at_the_provider_takes_nothing_from_the_phone(provider: Provider, client: TwilioClient) -> None:
    await provider.tell("/standin/inbound", WISH)
    sent = await send(client)
    await asyncio.sleep(0.15)
    await client.delete(sent.sid)
    assert len((await provider.show("/standin/phones/+962790000001"))["messages"]) == 1


@pytest.mark.parametrize(
    ("text", "parts"),
    [("x" * 160, 1), ("x" * 161, 2), ("ه" * 70, 1), ("ه" * 71, 2), ("ه" * 134, 2), ("ه" * 135, 3), ("€" * 80, 1), ("€" * 81, 2), ("😀" * 35, 1), ("😀" * 36, 2), ("", 1)],
)
def test_parts_of_an_sms_are_counted_in_code_units(text: str, parts: int) -> None:
    assert segments(text) == parts


@pytest.mark.parametrize("where", ["port", "uds"])
async def test_it_runs_as_a_process_of_its_own_and_writes_no_file(tmp_path: Path, gateway: Gateway, where: str) -> None:
    arguments = ["--port", "0"] if where == "port" else ["--uds", "p.sock"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "api.channels.standin", *arguments, "--account-sid", ACCOUNT,
        "--webhook", f"{gateway.url}/webhooks/twilio/message", cwd=tmp_path, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "TWILIO_AUTH_TOKEN": TOKEN, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    try:
        assert process.stdout is not None
        ready = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))["ready"]
        url = ready if where == "port" else f"unix:{tmp_path / ready}"
        phones, client = SimulatedPhones(url), TwilioClient(ACCOUNT, [TOKEN], url)
        assert (await phones.write("+962790000001", "+14155550100", "whatsapp", MessageText("hi"))).status == 200
        await send(client, "answer")
        assert [each.body.reveal() for each in await phones.received("+962790000001", wait_s=2)] == ["answer"]
        await client.close()
        await phones.close()
    finally:
        process.terminate()
        assert await process.wait() == 0
    assert [path.name for path in tmp_path.iterdir() if path.name != "p.sock"] == []


async def test_a_phone_that_waits_is_let_go_at_once_when_it_is_stopped(tmp_path: Path) -> None:
    """A gateway that is stopped too waits for that answer; cut off instead, it would say so in lines nobody needs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "api.channels.standin", "--port", "0", "--account-sid", ACCOUNT, "--webhook", "http://127.0.0.1:9/",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "TWILIO_AUTH_TOKEN": TOKEN},
    )
    assert process.stdout is not None
    url = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))["ready"]
    phones = SimulatedPhones(url)
    waiting = [asyncio.create_task(phones.received(f"+96279000000{number}", wait_s=25)) for number in range(3)]
    await asyncio.sleep(0.3)
    process.terminate()
    began = asyncio.get_running_loop().time()
    assert await asyncio.gather(*waiting) == [[], [], []]
    assert asyncio.get_running_loop().time() - began < 0.8  # it cuts off after a second what it cannot answer
    assert await asyncio.wait_for(process.wait(), 10) == 0
    assert await process.stdout.read() == b""
    await phones.close()


def test_the_judge_itself_refuses_what_is_not_published() -> None:
    """Positive controls: a judge that lets everything pass would prove nothing."""
    good = b"To=%2B962790000001&From=%2B1415&Body=x&ValidityPeriod=60"
    judge_request("POST", MESSAGES, [], good)
    sid = "SM" + "0" * 32
    for method, path, query, body in (
        ("POST", MESSAGES, [], b"From=%2B1415&Body=x"),
        ("POST", MESSAGES, [], good + b"&Validity=1"),
        ("POST", MESSAGES, [], good + b"&ContentRetention=forget"),
        ("POST", MESSAGES, [("x", "1")], good),
        ("PUT", MESSAGES, [], good),
        ("DELETE", MESSAGES.replace(".json", "/nonsense.json"), [], b""),
        ("DELETE", MESSAGES.replace(".json", f"/{sid}.json"), [], b"Body="),
    ):
        with pytest.raises(NotAsPublished):
            judge_request(method, path, query, body)
    with pytest.raises((NotAsPublished, ValueError)):
        judge_request("POST", MESSAGES, [], good.replace(b"60", b"1.5"))
    for status, answer in ((200, {}), (201, {"sid": sid}), (404, {"code": 20404}), (400, {"code": "x", "message": "", "more_info": "", "status": 400})):
        with pytest.raises(NotAsPublished):
            judge_answer("POST", MESSAGES, status, json.dumps(answer).encode())


@contextlib.asynccontextmanager
async def served(app: web.Application) -> Any:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize(("seconds", "arrives"), [(86_000.0, True), (86_500.0, False)])
async def test_a_phone_whose_last_message_is_a_day_old_gets_no_free_answer(provider: Provider, seconds: float, arrives: bool) -> None:
    await provider.tell("/standin/inbound", WISH)
    await provider.tell("/standin/age", {**WISH, "channel": "whatsapp", "seconds": seconds})
    form = {"To": WISH["from"], "From": WISH["to"], "Body": "أهلا"}
    async with ClientSession() as http, http.post(provider.url + MESSAGES, data=form, headers=SIGNED_IN) as answer:
        sid = (await answer.json())["sid"]
    found: dict[str, Any] = {}
    for _ in range(600):
        (found,) = [one for one in await provider.show("/standin/messages") if one["sid"] == sid]
        if found["status"] in ("delivered", "read", "failed"):
            break
        await asyncio.sleep(0.05)
    assert (found["status"], found["error_code"]) == (("delivered", None) if arrives else ("failed", 63016))
