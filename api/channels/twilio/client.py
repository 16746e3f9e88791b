"""The provider's REST API, the five calls we need of it, on aiohttp.

Nothing of a message stays on the client: Twilio's own SDK keeps the last request and answer, body and number
included (twilio.md, "Outbound and erasure"), which is why it is not used here. Failures carry a code and never a
word of the answer, because the provider quotes numbers in its error texts.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import aiohttp
from aiohttp.client_reqrep import ClientRequest, ClientResponse
from aiohttp.connector import Connection

from api.channels.address import Address
from safety.message_text import MessageText

CONNECT_S: Final = 2.0
TOTAL_S: Final = 8.0
_API: Final = "/2010-04-01/Accounts"
_TYPING: Final = "/v2/Indicators/Typing.json"
_UNIX: Final = "unix:"

LastCheck = Callable[[], Awaitable[bool]]
"""Asked when a connection stands ready, right before the first byte is written: may this message still go out?"""


class Reason(StrEnum):
    """Why the provider would not do it, in the words of the trade."""

    OPTED_OUT = "opted_out"
    WINDOW_CLOSED = "window_closed"
    BAD_ADDRESS = "bad_address"
    BAD_SENDER = "bad_sender"
    REGION = "region"
    REFUSED_CONTENT = "refused_content"
    NO_REDACTION = "no_redaction"
    SLOW_DOWN = "slow_down"
    NOT_FINAL = "not_final"
    GONE = "gone"
    BAD_CREDENTIALS = "bad_credentials"
    BROKEN = "broken"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a code means for us: why, whether the same request may work later, and when to try."""

    reason: Reason
    retry: bool = False
    after_s: float | None = None


REFUSALS: Final[Mapping[int, Refusal]] = {
    # twilio.md, "Errors that matter"; the numbers are Twilio's error codes
    20003: Refusal(Reason.BAD_CREDENTIALS),
    20009: Refusal(Reason.NOT_FINAL, True, 60.0),
    20404: Refusal(Reason.GONE),
    20429: Refusal(Reason.SLOW_DOWN, True, 1.0),
    20500: Refusal(Reason.BROKEN, True, 2.0),
    20503: Refusal(Reason.BROKEN, True, 2.0),
    21211: Refusal(Reason.BAD_ADDRESS),
    21408: Refusal(Reason.REGION),
    21602: Refusal(Reason.REFUSED_CONTENT),
    21603: Refusal(Reason.BAD_SENDER),
    21604: Refusal(Reason.BAD_ADDRESS),
    21606: Refusal(Reason.BAD_SENDER),
    21610: Refusal(Reason.OPTED_OUT),
    21611: Refusal(Reason.SLOW_DOWN, True, 5.0),
    21612: Refusal(Reason.BAD_ADDRESS),
    21614: Refusal(Reason.BAD_ADDRESS),
    21617: Refusal(Reason.REFUSED_CONTENT),
    30029: Refusal(Reason.NO_REDACTION),
    30400: Refusal(Reason.REFUSED_CONTENT),
    63003: Refusal(Reason.BAD_ADDRESS),
    63007: Refusal(Reason.BAD_SENDER),
    63016: Refusal(Reason.WINDOW_CLOSED),
    63018: Refusal(Reason.SLOW_DOWN, True, 2.0),
    63024: Refusal(Reason.BAD_ADDRESS),
}


class ProviderRefused(Exception):
    """The provider did not do what was asked. Never holds an address, a word or the provider's own text.

    Attributes:
        reason: why.
        code: Twilio's error code; 0 when it gave none.
        status: the HTTP status; 0 when there was no answer.
        retry: the same request may work later.
        after_s: how long to wait before that, where known.
        maybe_done: no answer, or a broken one, came after the request had begun: it may have been carried out.
    """

    def __init__(
        self, reason: Reason, *, code: int = 0, status: int = 0, retry: bool = False, after_s: float | None = None,
        maybe_done: bool = False,
    ) -> None:
        super().__init__(f"{reason} (code {code}, status {status})")
        self.reason = reason
        self.code = code
        self.status = status
        self.retry = retry
        self.after_s = after_s
        self.maybe_done = maybe_done


class Withdrawn(Exception):
    """The last check before sending said no (an exit came in between): nothing was sent."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message the provider took: its sid goes into the erasure ledger at once."""

    sid: str
    status: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A message the provider still has, as far as erasing needs to know it."""

    sid: str
    status: str
    direction: str
    has_media: bool


class TwilioClient:
    """A connection pool to the provider. Close it with :meth:`close`.

    Args:
        account_sid: the account all calls are about.
        auth_tokens: the account's tokens, the current one first; the next is tried when one is refused.
        api_url: ``https://api.twilio.com``, or where a stand-in listens (``unix:/path`` for a socket).
        connections: most connections at once.
    """

    def __init__(
        self, account_sid: str, auth_tokens: Sequence[str], api_url: str = "https://api.twilio.com", *,
        connect_s: float = CONNECT_S, total_s: float = TOTAL_S, connections: int = 64,
    ) -> None:
        if not auth_tokens:
            raise ValueError("no auth token")
        self._account = f"{_API}/{account_sid}"
        self._authorizations = [aiohttp.encode_basic_auth(account_sid, token) for token in auth_tokens]
        self._socket = api_url.removeprefix(_UNIX) if api_url.startswith(_UNIX) else None
        self._base = "http://provider" if self._socket else api_url.rstrip("/")
        self._marks_base = re.sub(r"^(https?://)api\.((?:[a-z0-9-]+\.)*twilio\.com)$", r"\1messaging.\2", self._base)
        self._timeout = aiohttp.ClientTimeout(total=total_s, connect=connect_s, sock_connect=connect_s)
        self._connections = connections
        self._open: aiohttp.ClientSession | None = None

    async def send(
        self, to: Address, sender: str, body: MessageText, *, validity_s: int, status_callback: str | None,
        redaction: bool, last_check: LastCheck,
    ) -> Sent:
        """Hand one message over.

        Args:
            to: who gets it.
            sender: our number, in the provider's form.
            validity_s: how long the provider may queue it; a late reply lights up a phone when nobody expects it.
            status_callback: where the provider tells what became of it.
            redaction: ask the provider to discard the words and mask the number; where the account cannot, the
                message is sent without (30029), since the ledger erases it anyway.
            last_check: see :data:`LastCheck`.

        Raises:
            Withdrawn: the check said no.
            ProviderRefused: it was not taken; with ``maybe_done`` nobody knows.
            Exception: whatever ``last_check`` raised; nothing was sent.
        """
        fields = [("To", to.wire), ("From", sender), ("Body", body.reveal()), ("ValidityPeriod", str(validity_s))]
        if status_callback is not None:
            fields.append(("StatusCallback", status_callback))
        hidden = [("ContentRetention", "discard"), ("AddressRetention", "obfuscate")] if redaction else []
        path = f"{self._account}/Messages.json"
        try:
            answer = await self._ask("POST", path, fields + hidden, last_check)
        except ProviderRefused as refused:
            if refused.reason is not Reason.NO_REDACTION or not hidden:
                raise
            answer = await self._ask("POST", path, fields, last_check)
        sid = answer.get("sid")
        if not isinstance(sid, str):
            raise ProviderRefused(Reason.BROKEN, status=201, maybe_done=True)
        return Sent(sid, str(answer.get("status")))

    async def call(self, to: str, sender: str, twiml: str) -> str:
        """Ring a telephone of ours and have something neutral spoken (twilio.md: the duty phone). Returns the call's sid.

        Args:
            to, sender: numbers in E.164; never a help-seeker's.
            twiml: what is spoken.

        Raises:
            ProviderRefused: it was not taken; with ``maybe_done`` nobody knows.
        """
        fields = [("To", to), ("From", sender), ("Twiml", twiml), ("Timeout", "40")]
        answer = await self._ask("POST", f"{self._account}/Calls.json", fields)
        return str(answer.get("sid"))

    async def typing(self, sid: str, last_check: LastCheck) -> None:
        """Show on WhatsApp that somebody is writing, in answer to the person's message ``sid``. The provider marks that
        message as read as well and takes the mark away after 25 s or with the next message; a public beta.

        Raises:
            Withdrawn: the check said no.
            ProviderRefused: it was not taken: among others, its copy of that message is erased.
            Exception: whatever ``last_check`` raised.
        """
        fields = [("messageId", sid), ("channel", "whatsapp")]
        await self._ask("POST", _TYPING, fields, last_check, base=self._marks_base)

    async def delete(self, sid: str) -> None:
        """Delete a message and whatever is attached to it.

        Raises:
            ProviderRefused: ``NOT_FINAL`` until it is in a final state, ``GONE`` when it is not there any more.
        """
        await self._ask("DELETE", f"{self._account}/Messages/{sid}.json")

    async def redact(self, sid: str) -> None:
        """Empty the body of a message and leave the rest of it (an empty ``Body``; anything else is 30400)."""
        await self._ask("POST", f"{self._account}/Messages/{sid}.json", [("Body", "")])

    async def delete_media(self, message_sid: str, media_sid: str) -> None:
        """Delete one attachment; never fetched before."""
        await self._ask("DELETE", f"{self._account}/Messages/{message_sid}/Media/{media_sid}.json")

    async def list_messages(
        self, *, since: datetime | None = None, until: datetime | None = None, page_size: int = 200
    ) -> AsyncIterator[Listed]:
        """What the provider still holds, words and numbers dropped as it comes in: for the reconciliation."""
        query = [("PageSize", str(page_size))]
        if since is not None:
            query.append(("DateSent>", f"{since:%Y-%m-%dT%H:%M:%SZ}"))
        if until is not None:
            query.append(("DateSent<", f"{until:%Y-%m-%dT%H:%M:%SZ}"))
        path: str | None = f"{self._account}/Messages.json?{urlencode(query)}"
        while path is not None:
            page = await self._ask("GET", path)
            for message in page.get("messages", ()):
                yield Listed(
                    sid=str(message["sid"]), status=str(message.get("status")),
                    direction=str(message.get("direction")), has_media=message.get("num_media") not in (None, "0"),
                )
            path = page.get("next_page_uri") or None
            if path is not None and not path.startswith(self._account):  # never follow an answer somewhere else
                raise ProviderRefused(Reason.BROKEN, status=200)

    async def close(self) -> None:
        """Let go of every connection."""
        if self._open is not None:
            await self._open.close()
            self._open = None

    async def _ask(
        self, method: str, path: str, fields: Sequence[tuple[str, str]] = (), last_check: LastCheck | None = None,
        base: str | None = None,
    ) -> dict[str, Any]:
        """One call; when a token is refused, once more with each of the others (two while one is rotated)."""
        for position, authorization in enumerate(list(self._authorizations)):
            try:
                answer = await self._call(method, (base or self._base) + path, fields, authorization, last_check)
            except ProviderRefused as refused:
                if refused.reason is not Reason.BAD_CREDENTIALS or position == len(self._authorizations) - 1:
                    raise
                continue
            if position:
                self._authorizations.remove(authorization)
                self._authorizations.insert(0, authorization)
            return answer
        raise AssertionError("no token to try")  # pragma: no cover

    async def _call(
        self, method: str, url: str, fields: Sequence[tuple[str, str]], authorization: str,
        last_check: LastCheck | None,
    ) -> dict[str, Any]:
        headers = {"Authorization": authorization, "Accept": "application/json"}
        data: bytes | None = None
        if method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8"
            data = urlencode(fields, errors="replace").encode()
        gate = _Gate(last_check)
        marker = _gate.set(gate)
        try:
            async with self._session().request(
                method, url, data=data, headers=headers, allow_redirects=False
            ) as response:
                return _understand(response.status, response.headers, await response.read())
        except _Shut:
            # raised on, out of aiohttp's frames: those hold the URL and the body
            raise (gate.failure or Withdrawn()) from None
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError, OSError):
            # the library's exceptions name hosts, URLs and headers: none of that goes on
            raise ProviderRefused(Reason.UNREACHABLE, retry=True, after_s=2.0, maybe_done=gate.begun) from None
        finally:
            _gate.reset(marker)

    def _session(self) -> aiohttp.ClientSession:
        if self._open is None:
            connector: aiohttp.BaseConnector = (
                aiohttp.UnixConnector(path=self._socket, limit=self._connections)
                if self._socket
                else aiohttp.TCPConnector(limit=self._connections, ttl_dns_cache=300)
            )
            self._open = aiohttp.ClientSession(
                connector=connector, timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar(),
                request_class=_GatedRequest, trust_env=False, auto_decompress=True,
            )
        return self._open


class _Shut(Exception):
    """The gate stayed shut: carries nothing through aiohttp."""


class _Gate:
    """Holds the last check of one call, and whether its first byte has been handed to the kernel."""

    __slots__ = ("_check", "begun", "failure")

    def __init__(self, check: LastCheck | None) -> None:
        self._check = check
        self.begun = False
        self.failure: Exception | None = None

    async def pass_through(self) -> None:
        if self._check is not None:
            try:
                allowed = await self._check()
            except Exception as failure:  # the caller's own, given back to it unchanged
                self.failure = failure
                raise _Shut from None
            if not allowed:
                raise _Shut
        self.begun = True


_gate: ContextVar[_Gate] = ContextVar("provider_gate")


class _GatedRequest(ClientRequest):
    """A request whose last check is made after a connection was found or opened, not before.

    Opening one takes up to two seconds; an exit within them must still stop the message (safety.md: "no request to
    the provider starts after the wipe"). Between the check and the first byte there is no other await of ours.
    """

    async def send(self, conn: Connection) -> ClientResponse:
        await _gate.get().pass_through()
        return await super().send(conn)


def _understand(status: int, headers: Mapping[str, str], raw: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(raw) if raw else {}
    except ValueError:  # its text quotes the answer
        answer = None
    if 200 <= status < 300:
        if isinstance(answer, dict):
            return answer
        raise ProviderRefused(Reason.BROKEN, status=status, retry=True, maybe_done=True)
    code = answer.get("code") if isinstance(answer, dict) else None
    code = code if isinstance(code, int) else 0
    refusal = REFUSALS.get(code) or _by_status(status)
    after = _seconds(headers.get("Retry-After")) or refusal.after_s
    raise ProviderRefused(
        refusal.reason, code=code, status=status, retry=refusal.retry, after_s=after, maybe_done=status >= 500
    )


def _by_status(status: int) -> Refusal:
    """What a bare status means. Not here: 404. Only Twilio's own 20404 proves that something is gone; the 404 of a proxy
    or a wrong URL would make the erasure ledger forget what still exists."""
    if status == 401:
        return Refusal(Reason.BAD_CREDENTIALS)
    if status == 409:
        return Refusal(Reason.NOT_FINAL, True, 60.0)
    if status == 429:
        return Refusal(Reason.SLOW_DOWN, True, 1.0)
    if status >= 500:
        return Refusal(Reason.BROKEN, True, 2.0)
    return Refusal(Reason.UNKNOWN)


def _seconds(text: str | None) -> float | None:
    """``Retry-After`` in seconds; its other form, a date, is not used by the provider."""
    return min(float(text), 3600.0) if text and text.isascii() and text.isdigit() and len(text) < 8 else None


def check_api_url(url: str) -> None:
    """Refuse a provider URL that could not be called.

    Raises:
        ValueError: in one line, what is wrong with it.
    """
    if url.startswith(_UNIX) and len(url) > len(_UNIX):
        return
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be https://…, http://… or unix:/path")
