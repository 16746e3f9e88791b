"""A provider of our own, with Twilio's wire format: so that the gateway runs the same code in every mode.

Three faces. ``/2010-04-01/…`` is the REST API (create, fetch, list, redact, delete, media). ``/standin/inbound`` and
``/standin/phones/…`` are the people: a message they write becomes a signed webhook, what is sent to them appears on
their phone. ``/standin/faults`` and ``/standin/alerts`` are for tests. Served by aiohttp because a test must be able
to cut a connection, which ASGI cannot.
"""

from __future__ import annotations

import asyncio
import hmac
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import aiohttp
from aiohttp import web

from api.channels.standin.store import FINAL, Fault, Media, Message, Store, new_sid, segments, shown_media
from api.channels.twilio.verify import SIGNATURE_HEADER, sign

WEBHOOK_TIMEOUT_S: Final = 15.0
_DAY_S: Final = 86_400.0
_LONGEST_BODY: Final = 1_600
_TYPING_S: Final = 25.0
_STOP: Final = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
_START: Final = frozenset({"START", "UNSTOP", "YES"})
_TO: Final = re.compile(r"(?:whatsapp:)?(?:\+[1-9][0-9]{6,14}|[A-Z]{2}\.[0-9A-Za-z]+)")
_MORE: Final = "https://www.twilio.com/docs/errors/"


@dataclass(frozen=True, slots=True)
class Pace:
    """The provider's small clock: seconds from create to each later state. ``read_s`` only for WhatsApp; ``None``: never."""

    sent_s: float = 0.02
    delivered_s: float = 0.05
    read_s: float | None = None


class StandIn:
    """The provider.

    Args:
        account_sid: the one account it has.
        auth_tokens: the tokens it takes; webhooks are signed with the first.
        webhook: where the gateway listens for messages, as it can be reached.
        public_url: the gateway's public base when that is not where it can be reached: signatures are over it.
        redaction: whether the account has Message Redaction (30029 otherwise).
        clock: seconds since 1970.
    """

    def __init__(
        self, account_sid: str, auth_tokens: Sequence[str], webhook: str, *, public_url: str | None = None,
        redaction: bool = False, pace: Pace | None = None, clock: Callable[[], float] = time.time,
    ) -> None:
        self.account = account_sid
        self.tokens = list(auth_tokens)
        self.webhook = webhook
        self.public_url = public_url.rstrip("/") if public_url else None
        self.redaction = redaction
        self.pace = pace or Pace()
        self.store = Store()
        self.window = True
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._arrived = asyncio.Condition()
        self._ending = False
        self._http: aiohttp.ClientSession | None = None

    def app(self) -> web.Application:
        """The application to serve."""
        app = web.Application(middlewares=[self._guard], client_max_size=256 * 1024)
        account = "/2010-04-01/Accounts/{account}"
        app.router.add_post(f"{account}/Messages.json", self._create, name="create")
        app.router.add_get(f"{account}/Messages.json", self._list, name="list")
        app.router.add_get(f"{account}/Messages/{{sid}}.json", self._fetch, name="fetch")
        app.router.add_post(f"{account}/Messages/{{sid}}.json", self._redact, name="redact")
        app.router.add_delete(f"{account}/Messages/{{sid}}.json", self._delete, name="delete")
        app.router.add_get(f"{account}/Messages/{{parent}}/Media.json", self._list_media, name="list_media")
        app.router.add_get(f"{account}/Messages/{{parent}}/Media/{{sid}}.json", self._fetch_media, name="fetch_media")
        app.router.add_delete(f"{account}/Messages/{{parent}}/Media/{{sid}}.json", self._delete_media, name="media")
        app.router.add_post(f"{account}/Calls.json", self._call, name="call")
        app.router.add_post("/v2/Indicators/Typing.json", self._typing, name="typing")
        app.router.add_post("/standin/inbound", self._inbound)
        app.router.add_get("/standin/calls", self._calls)
        app.router.add_get("/standin/phones/{number}", self._phone)
        app.router.add_get("/standin/messages", self._everything)
        app.router.add_get("/standin/alerts", self._alerts)
        app.router.add_post("/standin/faults", self._set_fault)
        app.router.add_post("/standin/pace", self._set_pace)
        app.router.add_post("/standin/age", self._age)
        app.router.add_post("/standin/reset", self._reset)
        app.on_startup.append(self._start)
        app.on_shutdown.append(self._let_phones_go)
        app.on_cleanup.append(self._stop)
        return app

    # -- the REST API ---------------------------------------------------------------------------------------------

    async def _create(self, request: web.Request) -> web.Response:
        form = dict(await _form(request))
        to, sender, body = form.get("To", ""), form.get("From", ""), form.get("Body", "")
        if not to:
            return _error(400, 21604, "A 'To' phone number is required.")
        if not sender:
            return _error(400, 21603, "A 'From' phone number is required.")
        if not body and not form.get("ContentSid"):
            return _error(400, 21602, "Message body is required.")
        if len(body.encode("utf-16-le", "surrogatepass")) // 2 > _LONGEST_BODY:
            return _error(400, 21617, "The concatenated message body exceeds the 1600 character limit")
        if not _TO.fullmatch(to):
            return _error(400, 21211, f"The 'To' number {to} is not a valid phone number.")
        if to.startswith("whatsapp:") != sender.startswith("whatsapp:"):
            return _error(400, 63007, "Twilio could not find a Channel with the specified From address")
        validity = form.get("ValidityPeriod", "36000")
        if not validity.isdigit() or not 1 <= int(validity) <= 36_000:
            return _error(400, 20001, f"ValidityPeriod {validity} is out of range")
        if (form.get("ContentRetention") or form.get("AddressRetention")) and not self.redaction:
            return _error(400, 30029, "Invalid ContentRetention: this account does not have Message Redaction")
        if (to, sender) in self.store.opted_out:
            return _error(400, 21610, "Attempt to send to unsubscribed recipient")
        now = self._clock()
        message = Message(
            sid=new_sid("SM"), direction="outbound-api", sender=sender, to=to, body=body, status="queued",
            created_at=now, updated_at=now, status_callback=form.get("StatusCallback") or None,
            validity_s=int(validity), masked=form.get("AddressRetention") == "obfuscate",
        )
        self.store.messages[message.sid] = message
        shown = message.shown(self.account)
        self._spawn(self._carry(message, discard=form.get("ContentRetention") == "discard"))
        return web.json_response(shown, status=201)

    async def _call(self, request: web.Request) -> web.Response:
        form = dict(await _form(request))
        to, sender = form.get("To", ""), form.get("From", "")
        for number, code, name in ((to, 21211, "To"), (sender, 21212, "From")):
            if not re.fullmatch(r"\+[1-9][0-9]{6,14}", number):
                return _error(400, code, f"Invalid '{name}' Phone Number")
        if not form.get("Twiml") and not form.get("Url"):
            return _error(400, 21205, "Url parameter is required.")
        call = {"sid": new_sid("CA"), "to": to, "from": sender, "status": "queued", "twiml": form.get("Twiml", "")}
        self.store.calls.append(call)
        return web.json_response({key: call[key] for key in ("sid", "to", "from", "status")}, status=201)

    async def _typing(self, request: web.Request) -> web.Response:
        """Twilio's typing indicator for WhatsApp, a public beta: of a message it still has, which counts as read then."""
        form = dict(await _form(request))
        if form.get("channel") != "whatsapp" or not re.fullmatch(r"(SM|MM)[0-9a-fA-F]{32}", form.get("messageId", "")):
            return _error(400, 20001, "Invalid parameter")
        message = self.store.messages.get(form["messageId"])
        if message is None or message.direction != "inbound" or not message.sender.startswith("whatsapp:"):
            return _error(404, 20404, "The requested resource was not found")
        self.store.typing[message.sender.removeprefix("whatsapp:")] = self._clock() + _TYPING_S
        self.store.marked_read.append(message.sid)
        async with self._arrived:
            self._arrived.notify_all()
        return web.json_response({"success": True})

    async def _calls(self, _request: web.Request) -> web.Response:
        return web.json_response({"calls": self.store.calls})

    async def _list(self, request: web.Request) -> web.Response:
        query = request.query
        found = [
            message
            for message in sorted(self.store.messages.values(), key=lambda message: -message.created_at)
            if query.get("To") in (None, message.to) and query.get("From") in (None, message.sender)
        ]
        return self._page(request, "messages", [message.shown(self.account) for message in found])

    async def _fetch(self, request: web.Request) -> web.Response:
        message = self.store.messages.get(request.match_info["sid"])
        return _not_found(request) if message is None else web.json_response(message.shown(self.account))

    async def _redact(self, request: web.Request) -> web.Response:
        form = dict(await _form(request))
        message = self.store.messages.get(request.match_info["sid"])
        if message is None:
            return _not_found(request)
        if form.get("Body") != "" or "Status" in form:
            return _error(400, 30400, "Parameters are not valid")
        if message.status not in FINAL and message.status != "sent":
            return _error(409, 20009, "Cannot update this resource before it is complete")
        message.body, message.updated_at = "", self._clock()
        return web.json_response(message.shown(self.account))

    async def _delete(self, request: web.Request) -> web.Response:
        message = self.store.messages.get(request.match_info["sid"])
        if message is None:
            return _not_found(request)
        if message.status not in FINAL:
            return _error(409, 20009, "Cannot delete this resource before it is complete")
        del self.store.messages[message.sid]
        return web.Response(status=204)

    async def _list_media(self, request: web.Request) -> web.Response:
        message = self.store.messages.get(request.match_info["parent"])
        if message is None:
            return _not_found(request)
        return self._page(request, "media_list", [shown_media(media, self.account) for media in message.media])

    async def _fetch_media(self, request: web.Request) -> web.Response:
        _, media = self._find_media(request)
        return _not_found(request) if media is None else web.json_response(shown_media(media, self.account))

    async def _delete_media(self, request: web.Request) -> web.Response:
        message, media = self._find_media(request)
        if message is None or media is None:
            return _not_found(request)
        message.media.remove(media)
        return web.Response(status=204)

    def _find_media(self, request: web.Request) -> tuple[Message | None, Media | None]:
        message = self.store.messages.get(request.match_info["parent"])
        wanted = request.match_info["sid"]
        found = [media for media in message.media if media.sid == wanted] if message else []
        return message, found[0] if found else None

    def _page(self, request: web.Request, name: str, rows: list[dict[str, Any]]) -> web.Response:
        size = max(1, min(int(request.query.get("PageSize", "50")), 1000))
        page = max(0, int(request.query.get("Page", "0")))
        base = {key: value for key, value in request.query.items() if key not in ("Page", "PageSize", "PageToken")}

        def uri(number: int) -> str:
            query = {**base, "PageSize": size, "Page": number}
            if number:
                query["PageToken"] = f"PA{number}"
            return f"{request.path}?{urlencode(query)}"

        shown = rows[page * size : (page + 1) * size]
        return web.json_response({
            "end": page * size + max(0, len(shown) - 1), "start": page * size, "page": page, "page_size": size,
            "first_page_uri": uri(0), "uri": uri(page), "previous_page_uri": uri(page - 1) if page else None,
            "next_page_uri": uri(page + 1) if len(rows) > (page + 1) * size else None, name: shown,
        })

    # -- the network between the provider and the phones ----------------------------------------------------------

    async def _carry(self, message: Message, *, discard: bool) -> None:
        """Take a message through its states, telling the callback URL of each."""
        pace = self.pace
        if pace.sent_s > message.validity_s:
            await asyncio.sleep(message.validity_s)
            return await self._become(message, "failed", 30036)  # validity period expired
        await asyncio.sleep(pace.sent_s)
        window_open = self._clock() - self.store.last_inbound.get((message.to, message.sender), -_DAY_S) < _DAY_S
        if self.window and message.to.startswith("whatsapp:") and not window_open:
            return await self._become(message, "failed", 63016)
        message.sent_at = self._clock()
        self.store.deliver(message, message.sent_at)
        if discard:
            message.body = ""
        async with self._arrived:
            self._arrived.notify_all()
        await self._become(message, "sent")
        await asyncio.sleep(max(0.0, pace.delivered_s - pace.sent_s))
        await self._become(message, "delivered")
        if pace.read_s is not None and message.to.startswith("whatsapp:"):
            await asyncio.sleep(max(0.0, pace.read_s - pace.delivered_s))
            await self._become(message, "read")

    async def _become(self, message: Message, status: str, error_code: int | None = None) -> None:
        message.status, message.error_code, message.updated_at = status, error_code, self._clock()
        if message.status_callback is None:
            return
        params = [
            ("ApiVersion", "2010-04-01"), ("AccountSid", self.account), ("MessageSid", message.sid),
            ("SmsSid", message.sid), ("MessageStatus", status), ("SmsStatus", status), ("To", message.to),
            ("From", message.sender),
        ]
        if message.to.startswith("whatsapp:"):
            params += [
                ("ChannelPrefix", "whatsapp"), ("ChannelToAddress", message.to.removeprefix("whatsapp:")),
                ("ChannelInstallSid", "XE" + "a" * 32), ("StructuredMessage", "false"),
            ]
        if status == "read":
            params.append(("EventType", "READ"))
        if error_code is not None:
            params.append(("ErrorCode", str(error_code)))
        await self._call_webhook(message.status_callback, params)

    async def _inbound(self, request: web.Request) -> web.Response:
        """Somebody writes: ``{from, to, body, channel?, media?, voice?, location?, button?, sid?, extra?, copies?}``."""
        wish = await request.json()
        channel = wish.get("channel") or ("whatsapp" if str(wish["from"]).startswith("whatsapp:") else "sms")
        prefix = "whatsapp:" if channel == "whatsapp" else ""
        sender, to = (prefix + str(wish[end]).removeprefix("whatsapp:") for end in ("from", "to"))
        kinds = ["image/jpeg"] * int(wish.get("media") or 0) + ["audio/ogg"] * bool(wish.get("voice"))
        sid = wish.get("sid") or new_sid("MM" if kinds else "SM")
        now = self._clock()
        message = Message(
            sid=sid, direction="inbound", sender=sender, to=to, body=str(wish.get("body") or ""), status="received",
            created_at=now, updated_at=now, sent_at=now,
        )
        message.media = [Media(new_sid("ME"), sid, kind, now) for kind in kinds]
        self.store.messages.setdefault(sid, message)
        self.store.last_inbound[(sender, to)] = now
        if channel == "sms":  # a long code's own opt-out, before we hear of it (twilio.md, "Opt-out")
            word = message.body.strip().upper()
            if word in _STOP:
                self.store.opted_out.add((sender, to))
            elif word in _START:
                self.store.opted_out.discard((sender, to))
        params = self._inbound_params(message, wish)
        answers = await asyncio.gather(
            *(self._call_webhook(self.webhook, params) for _ in range(max(1, int(wish.get("copies") or 1))))
        )
        return web.json_response({"sid": sid, "media": [media.sid for media in message.media], **answers[0],
                                  "copies": answers})

    def _inbound_params(self, message: Message, wish: dict[str, Any]) -> list[tuple[str, str]]:
        params = [("SmsMessageSid", message.sid), ("NumMedia", str(len(message.media)))]
        if message.sender.startswith("whatsapp:"):
            voice = bool(message.media) and message.media[-1].content_type.startswith("audio/")
            kind = "audio" if voice else "image" if message.media else "text"
            kind = "location" if wish.get("location") else "button" if wish.get("button") else kind
            params += [("ProfileName", str(wish.get("profile", "سارة"))), ("MessageType", kind)]
            value = message.sender.removeprefix("whatsapp:")
            if value.startswith("+"):
                params.append(("WaId", value[1:]))
            else:
                params.append(("ExternalUserId", message.sender))
        else:
            params += [(end + part, "") for end in ("To", "From") for part in ("Country", "State", "City", "Zip")]
        for index, media in enumerate(message.media):
            url = f"https://api.twilio.com/2010-04-01/Accounts/{self.account}/Messages/{message.sid}/Media/{media.sid}"
            params += [(f"MediaContentType{index}", media.content_type), (f"MediaUrl{index}", url)]
        if wish.get("location"):
            params += [("Latitude", "31.9539"), ("Longitude", "35.9106")]
        if wish.get("button"):
            params += [("ButtonText", message.body), ("ButtonPayload", str(wish["button"]))]
        params += [
            ("SmsSid", message.sid), ("SmsStatus", "received"), ("Body", message.body), ("To", message.to),
            ("NumSegments", str(segments(message.body))), ("ReferralNumMedia", "0"), ("MessageSid", message.sid),
            ("AccountSid", self.account), ("From", message.sender), ("ApiVersion", "2010-04-01"),
        ]
        return params + [(str(name), str(value)) for name, value in (wish.get("extra") or {}).items()]

    async def _call_webhook(self, url: str, params: list[tuple[str, str]]) -> dict[str, Any]:
        """Post a signed form; once more on a connection failure, never on a bad answer; what fails becomes an alert."""
        signed_url, reached_url = self._both_urls(url)
        headers = {
            SIGNATURE_HEADER: sign(self.tokens[0], signed_url, params), "I-Twilio-Idempotency-Token": new_sid("")[:32],
            "User-Agent": "TwilioProxy/1.1", "Accept": "*/*",
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
        }
        began = time.monotonic()
        status, text, error, attempts = 0, "", 11200, 0
        assert self._http is not None
        while attempts < 2:
            attempts += 1
            try:
                async with self._http.post(
                    reached_url, data=urlencode(params).encode(), headers=headers, allow_redirects=False
                ) as answer:
                    status, text = answer.status, await answer.text()
                    error = 0 if 200 <= status < 300 else 11200
                    if not error and url == self.webhook and "<Response" not in text:
                        error = 12300  # content type or document that is no TwiML
                break
            except TimeoutError:
                error = 11205
                break
            except aiohttp.ClientError:
                error = 11205
        if error:
            # "written into Twilio's alerts with its parameters, body included" (twilio.md)
            self.store.alerts.append({"error_code": error, "request_url": signed_url, "status": status,
                                      "request_variables": dict(params)})
        return {"status": status, "answer": text, "attempts": attempts, "alert": error,
                "ms": round((time.monotonic() - began) * 1000, 3)}

    def _both_urls(self, url: str) -> tuple[str, str]:
        """The URL a signature is over, and the one where the gateway can be reached."""
        if self.public_url is None:
            return url, url
        here = urlsplit(self.webhook)
        origin = urlunsplit((here.scheme, here.netloc, "", "", ""))
        if url.startswith(self.public_url):
            return url, origin + url[len(self.public_url) :]
        return self.public_url + url[len(origin) :] if url.startswith(origin) else url, url

    # -- the people, and the switches for tests -------------------------------------------------------------------

    async def _phone(self, request: web.Request) -> web.Response:
        """What a phone has received after number ``after``; waits up to ``wait`` seconds for something new.

        ``typing`` is until when it shows that somebody writes; one that asks says until when it knows that already.
        """
        number = request.match_info["number"].removeprefix("whatsapp:").replace(" ", "+")
        after, wait = int(request.query.get("after", "0")), min(float(request.query.get("wait", "0")), 30.0)

        known = float(request.query.get("typing", "inf"))

        def new() -> list[dict[str, Any]]:
            return [asdict(seen) for seen in self.store.phones.get(number, []) if seen.number > after]

        def typing() -> float:
            until = self.store.typing.get(number, 0.0)
            return until if until > self._clock() else 0.0

        if wait > 0 and not new() and typing() <= known:
            try:
                async with self._arrived:
                    await asyncio.wait_for(self._arrived.wait_for(lambda: self._ending or bool(new()) or typing() > known), wait)
            except TimeoutError:
                pass
        found = new()
        return web.json_response({"messages": found, "next": found[-1]["number"] if found else after, "typing": typing()})

    async def _everything(self, request: web.Request) -> web.Response:
        return web.json_response([message.shown(self.account) for message in self.store.messages.values()])

    async def _alerts(self, request: web.Request) -> web.Response:
        return web.json_response(self.store.alerts)

    async def _set_fault(self, request: web.Request) -> web.Response:
        """``{on, times, status?, code?, delay_s?, drop?, after?, retry_after?}``; ``on``: create, delete, media, redact, list, any."""
        self.store.faults.append(Fault(**(await request.json())))
        return web.json_response({"faults": len(self.store.faults)})

    async def _set_pace(self, request: web.Request) -> web.Response:
        """``{sent_s, delivered_s, read_s?, window?, redaction?}``."""
        wish = await request.json()
        self.window = wish.pop("window", self.window)
        self.redaction = wish.pop("redaction", self.redaction)
        self.pace = Pace(**{**asdict(self.pace), **wish})
        return web.json_response(asdict(self.pace))

    async def _age(self, request: web.Request) -> web.Response:
        """``{from, to, channel, seconds}``: this phone's last message to us is so old."""
        wish = await request.json()
        prefix = "whatsapp:" if wish.get("channel") == "whatsapp" else ""
        phone, ours = (prefix + str(wish[end]).removeprefix("whatsapp:") for end in ("from", "to"))
        self.store.last_inbound[(phone, ours)] = self._clock() - float(wish["seconds"])
        return web.json_response({})

    async def _reset(self, request: web.Request) -> web.Response:
        self.store = Store()
        return web.json_response({})

    # -- the door -------------------------------------------------------------------------------------------------

    @property
    def _guard(self) -> Any:
        @web.middleware
        async def guard(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            if not request.path.startswith(("/2010-04-01/", "/v2/")):
                return await handler(request)
            if not self._authorized(request):
                return _error(401, 20003, "Authentication Error - invalid username")
            name = request.match_info.route.name or ""
            fault = self.store.next_fault(name)
            if fault is None:
                return await self._answer(request, handler)
            done = await handler(request) if fault.after else None
            await asyncio.sleep(fault.delay_s)
            if fault.drop:
                if request.transport is not None:
                    request.transport.abort()
                return web.Response(status=500)
            if fault.delay_s and fault.status == 200:
                return done or await handler(request)
            headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after is not None else {}
            return _error(fault.status, fault.code, "An error was asked for", headers)

        return guard

    async def _answer(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if request.match_info.get("account") not in (None, self.account):
            return _not_found(request)
        try:
            return await handler(request)
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
            return _not_found(request)

    def _authorized(self, request: web.Request) -> bool:
        given = request.headers.get("Authorization", "")
        allowed = (aiohttp.encode_basic_auth(self.account, token) for token in self.tokens)
        return any(hmac.compare_digest(given.encode(), each.encode()) for each in allowed)

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start(self, _: web.Application) -> None:
        self._http = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=WEBHOOK_TIMEOUT_S), cookie_jar=aiohttp.DummyCookieJar(), trust_env=False,
            connector=aiohttp.TCPConnector(limit=256),
        )

    async def _let_phones_go(self, _: web.Application) -> None:
        """Answer every phone that waits, with nothing: whoever asked for it is being stopped too, and waits for us."""
        self._ending = True
        async with self._arrived:
            self._arrived.notify_all()

    async def _stop(self, _: web.Application) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._http is not None:
            await self._http.close()


async def _form(request: web.Request) -> list[tuple[str, str]]:
    return parse_qsl((await request.read()).decode("utf-8", "replace"), keep_blank_values=True)


def _error(status: int, code: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    body = {"code": code, "message": message, "more_info": f"{_MORE}{code}", "status": status}
    return web.json_response(body, status=status, headers=headers)


def _not_found(request: web.Request) -> web.Response:
    return _error(404, 20404, f"The requested resource {request.path} was not found")
