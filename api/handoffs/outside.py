"""The ways out of the console: a signed webhook, a text message and a spoken call to the duty phone, and a heartbeat.

All say codes or neutral words: whoever stands beside the duty phone learns nothing. What fails raises, and is tried again
by whoever asked (``alerts.py``).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import aiohttp

from api.channels.address import Address
from api.channels.twilio import erasure
from api.channels.twilio.client import ProviderRefused, TwilioClient
from api.handoffs.alerts import Alert, Way
from api.handoffs.queue import moment
from api.settings import Senders
from safety.message_text import MessageText

SIGNATURE: Final = "Hams-Signature"
PATIENCE: Final = aiohttp.ClientTimeout(total=10.0, connect=3.0)

_SMS: Final = "الرجاء فتح شاشة المناوبة الآن.\nPlease open the duty screen now."
_SPOKEN: Final = (
    "<Response>"
    '<Say language="arb">الرجاء فتح شاشة المناوبة الآن.</Say><Pause length="1"/>'
    '<Say language="en-GB">Please open the duty screen now.</Say><Pause length="1"/>'
    '<Say language="arb">الرجاء فتح شاشة المناوبة الآن.</Say>'
    "</Response>"
)


class NotThrough(Exception):
    """The call did not get through; holds a code, never an address."""


@dataclass(frozen=True, slots=True)
class Exits:
    """What was set: where to call. Left out, a way does not exist."""

    webhook: str | None
    secret: str | None
    duty_phone: Senders
    sms_from: Senders
    heartbeat: str | None

    def ways(self, country: str) -> tuple[Way, ...]:
        """By which ways somebody can be called for a person in this country."""
        rings = bool(self.duty_phone.for_country(country) and self.sms_from.for_country(country))
        return (*(("webhook",) if self.webhook else ()), *(("sms", "call") if rings else ()))


def signature(secret: str, at: int, body: bytes) -> str:
    """``t=…,v1=…``: HMAC-SHA256 over the time, a full stop and the body, so that neither can be changed or replayed late."""
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={mac.hexdigest()}"


class Outside:
    """Makes the calls. Close it with :meth:`close`.

    Args:
        keep: takes the sids of what was sent, for the erasure ledger.
        clock: the program's time.
    """

    def __init__(
        self, exits: Exits, provider: TwilioClient, keep: Callable[[Sequence[erasure.Copy]], None], clock: Callable[[], float]
    ) -> None:
        self.exits, self._provider, self._keep, self._clock = exits, provider, keep, clock
        self._open: aiohttp.ClientSession | None = None

    async def make(self, alert: Alert) -> None:
        """Make one call.

        Raises:
            NotThrough: it did not get through; try again later.
        """
        if alert.way == "webhook":
            await self._report(alert)
            return
        country = alert.ticket.country
        to, sender = self.exits.duty_phone.for_country(country), self.exits.sms_from.for_country(country)
        if to is None or sender is None:
            raise NotThrough("not_set")
        try:
            if alert.way == "call":
                await self._provider.call(to, sender, _SPOKEN)
                return
            sent = await self._provider.send(
                Address("sms", to), sender, MessageText(_SMS), validity_s=300, status_callback=None, redaction=False,
                last_check=_always,
            )
        except ProviderRefused as refused:
            raise NotThrough(refused.reason.value) from None
        self._keep([erasure.Copy(sent.sid)])

    async def beat(self) -> None:
        """Tell the dead-man's check that somebody looks after the ladder.

        Raises:
            NotThrough: it did not hear.
        """
        if self.exits.heartbeat:
            await self._ask("GET", self.exits.heartbeat, None, {})

    async def close(self) -> None:
        """Let go of every connection."""
        if self._open is not None:
            await self._open.close()
            self._open = None

    async def _report(self, alert: Alert) -> None:
        if self.exits.webhook is None or self.exits.secret is None:
            raise NotThrough("not_set")
        now, ticket = self._clock(), alert.ticket
        body = json.dumps({
            "type": "handoff.unanswered", "id": alert.id, "handoff": ticket.id, "priority": ticket.priority, "band": ticket.band,
            "country": ticket.country, "rung": alert.rung, "waiting_since": moment(ticket.created_at), "at": moment(now),
        }).encode()  # fmt: skip
        headers = {"Content-Type": "application/json", SIGNATURE: signature(self.exits.secret, int(now), body)}
        await self._ask("POST", self.exits.webhook, body, headers)

    async def _ask(self, method: str, url: str, body: bytes | None, headers: dict[str, str]) -> None:
        if self._open is None:
            self._open = aiohttp.ClientSession(timeout=PATIENCE, trust_env=False, cookie_jar=aiohttp.DummyCookieJar())
        try:
            async with self._open.request(method, url, data=body, headers=headers, allow_redirects=False) as answer:
                if not 200 <= answer.status < 300:
                    raise NotThrough(f"status_{answer.status}")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NotThrough(type(error).__name__) from None  # its text holds the address


async def _always() -> bool:
    return True
