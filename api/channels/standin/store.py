"""What the stand-in remembers: messages, attachments, what each phone saw, alerts. In memory, never in a file.

It keeps words and numbers on purpose: it plays the provider, whose copies are the ones to be erased, and an audit
searches it to see that they are.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Final

FINAL: Final = frozenset({"delivered", "read", "undelivered", "failed", "canceled", "received"})
_API: Final = "/2010-04-01/Accounts"
_GSM: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_TWO: Final = frozenset("^{}\\[~]|€")


def new_sid(prefix: str) -> str:
    """A sid as Twilio makes them: two letters, 32 hex digits."""
    return prefix + secrets.token_hex(16)


def segments(text: str) -> int:
    """How many SMS parts a text takes: 160/153 in the GSM alphabet, 70/67 code units otherwise (twilio.md)."""
    if all(letter in _GSM or letter in _GSM_TWO for letter in text):
        units, alone, part = sum(2 if letter in _GSM_TWO else 1 for letter in text), 160, 153
    else:
        units, alone, part = len(text.encode("utf-16-le", "surrogatepass")) // 2, 70, 67
    return 1 if units <= alone else -(-units // part)


@dataclass(slots=True)
class Media:
    """An attachment of an inbound message. The stand-in has no content for it, only that it exists."""

    sid: str
    parent: str
    content_type: str
    created_at: float


@dataclass(slots=True)
class Message:
    """A message as the provider's API shows it."""

    sid: str
    direction: str
    sender: str
    to: str
    body: str
    status: str
    created_at: float
    updated_at: float
    sent_at: float | None = None
    error_code: int | None = None
    status_callback: str | None = None
    validity_s: int = 36_000  # the provider's default, which is why ours is always set
    media: list[Media] = field(default_factory=list)
    masked: bool = False

    def shown(self, account: str) -> dict[str, Any]:
        """The resource in the published document's shape."""
        uri = f"{_API}/{account}/Messages/{self.sid}"
        outside = self.sender if self.direction == "inbound" else self.to
        masked = outside[:-4] + "XXXX"
        return {
            "account_sid": account,
            "api_version": "2010-04-01",
            "body": self.body,
            "date_created": _rfc2822(self.created_at),
            "date_sent": _rfc2822(self.sent_at),
            "date_updated": _rfc2822(self.updated_at),
            "direction": self.direction,
            "error_code": self.error_code,
            "error_message": None,
            "from": masked if self.masked and self.direction == "inbound" else self.sender,
            "messaging_service_sid": None,
            "num_media": str(len(self.media)),
            "num_segments": str(segments(self.body)),
            "price": None,
            "price_unit": "USD",
            "sid": self.sid,
            "status": self.status,
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": masked if self.masked and self.direction != "inbound" else self.to,
            "uri": f"{uri}.json",
        }


def shown_media(media: Media, account: str) -> dict[str, Any]:
    """An attachment in the published document's shape."""
    return {
        "account_sid": account,
        "content_type": media.content_type,
        "date_created": _rfc2822(media.created_at),
        "date_updated": _rfc2822(media.created_at),
        "parent_sid": media.parent,
        "sid": media.sid,
        "uri": f"{_API}/{account}/Messages/{media.parent}/Media/{media.sid}.json",
    }


@dataclass(frozen=True, slots=True)
class Seen:
    """A message on somebody's phone. The provider deleting its copy does not take it from there."""

    number: int
    sid: str
    channel: str
    sender: str
    body: str
    at: float
    validity_s: int


@dataclass(slots=True)
class Fault:
    """A failure to play on the next ``times`` calls of one kind."""

    on: str
    times: int
    status: int = 500
    code: int = 20500
    delay_s: float = 0.0
    drop: bool = False
    after: bool = False
    retry_after: int | None = None


@dataclass(slots=True)
class Store:
    """Everything the stand-in knows."""

    messages: dict[str, Message] = field(default_factory=dict)
    phones: dict[str, list[Seen]] = field(default_factory=dict)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    calls: list[dict[str, str]] = field(default_factory=list)
    typing: dict[str, float] = field(default_factory=dict)
    marked_read: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    opted_out: set[tuple[str, str]] = field(default_factory=set)
    last_inbound: dict[tuple[str, str], float] = field(default_factory=dict)
    seen: int = 0

    def deliver(self, message: Message, at: float) -> None:
        """Put a message on the phone it was sent to."""
        channel, _, value = message.to.rpartition(":")
        self.typing.pop(value, None)
        self.seen += 1
        self.phones.setdefault(value, []).append(
            Seen(self.seen, message.sid, channel or "sms", message.sender, message.body, at, message.validity_s)
        )

    def next_fault(self, on: str) -> Fault | None:
        """The fault to play on this call, if one is set; it is used up by it."""
        for fault in self.faults:
            if fault.on in (on, "any"):
                fault.times -= 1
                if fault.times <= 0:
                    self.faults.remove(fault)
                return fault
        return None


def _rfc2822(at: float | None) -> str | None:
    return None if at is None else formatdate(at, localtime=False).replace("-0000", "+0000")
