"""What a message is, once everything we have no need for is dropped at the door.

Kept: the sid, who wrote on which channel, to which number of ours, the words, the sids of media (to erase
them), and whether there was a voice note or a place. Never kept: profile name, WhatsApp id, coordinates,
media URLs, city and postcode, and every field that Twilio may add tomorrow (twilio.md, "Inbound").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import parse_qsl

from api.channels.address import Address, AddressUnreadable, Channel, parse_address
from safety.message_text import MessageText

MOST_MEDIA: Final = 40
_MOST_FIELDS: Final = 2_000  # a genuine message has under 130
_LONGEST_OF_OURS: Final = 64
_SID = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}")
_MEDIA_SID = re.compile(r"/Media/(ME[0-9a-fA-F]{32})(?:[/?.]|$)")

Problem = Literal["form", "sid", "sender", "channel", "recipient"]


class Unreadable(ValueError):
    """A request that is no message for us. Carries a code and, to be erased, the sids it named; never a value of it."""

    def __init__(self, code: Problem, sid: str | None = None, media: tuple[str, ...] = ()) -> None:
        super().__init__(code)
        self.code: Problem = code
        self.sid = sid
        self.media = media


@dataclass(frozen=True, slots=True)
class Inbound:
    """One message of one person.

    Attributes:
        sid: the provider's name for it; the only thing that tells a replay.
        channel: where it came in.
        sender: who wrote; its ``repr`` hides the number.
        to: our number as the provider wrote it (``whatsapp:+…``): the answer goes out from there.
        body: the words, or what a tapped button stands for.
        media: sids of what was attached, to be erased and never fetched.
        has_media: something was attached, even if its sid could not be read.
        has_voice: one of the attachments is sound.
        location: a place was shared; which place is not kept.
    """

    sid: str
    channel: Channel
    sender: Address
    to: str
    body: MessageText
    media: tuple[str, ...] = ()
    has_media: bool = False
    has_voice: bool = False
    location: bool = False


def read_form(raw: bytes) -> list[tuple[str, str]]:
    """The names and values of a form body, in order, empty values kept: the signature covers them.

    Strict about UTF-8: Twilio sends nothing else, and a lenient reading would let two bodies share a signature.

    Raises:
        Unreadable: not UTF-8, or more fields than any message has.
    """
    try:
        return parse_qsl(
            raw.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS, separator="&"
        )
    except ValueError:  # UnicodeDecodeError is one; its text would quote the body
        raise Unreadable("form") from None


def parse_inbound(params: Sequence[tuple[str, str]]) -> Inbound:
    """The message in a *verified* form.

    Raises:
        Unreadable: no sid, no sender, a channel we do not have, or no number of ours to answer from.
    """
    form: dict[str, str] = {}
    for name, value in params:
        form.setdefault(name, value)
    sid = next((form[name] for name in ("MessageSid", "SmsMessageSid", "SmsSid") if form.get(name)), "")
    media = _media_sids(form)
    if not _SID.fullmatch(sid):
        raise Unreadable("sid", None, media)
    try:
        sender = parse_address(form.get("From", ""))
    except AddressUnreadable as unreadable:
        raise Unreadable(unreadable.code, sid, media) from None
    to = form.get("To", "").strip()
    if not _is_ours(to, sender.channel):
        raise Unreadable("recipient", sid, media)
    count = _count(form.get("NumMedia", ""))
    kinds = (form.get(f"MediaContentType{index}", "") for index in range(MOST_MEDIA))
    return Inbound(
        sid=sid,
        channel=sender.channel,
        sender=sender,
        to=to,
        body=MessageText(_words(form)),
        media=media,
        has_media=bool(media) or count > 0,
        has_voice=any(kind.lower().startswith("audio/") for kind in kinds),
        location=bool(form.get("Latitude") or form.get("Longitude")) or form.get("MessageType") == "location",
    )


def _is_ours(to: str, channel: Channel) -> bool:
    """Whether an answer could go out from there: it is kept with a ticket, so it must be an address and a short one."""
    try:
        return parse_address(to).channel == channel and len(to) <= _LONGEST_OF_OURS
    except AddressUnreadable:
        return False


def _words(form: dict[str, str]) -> str:
    """The body, or what a tapped button or list row stands for. Words that differ from the button's label always win."""
    body = form.get("Body", "")
    label = form.get("ButtonText") or form.get("ListTitle") or ""
    meaning = form.get("ButtonPayload") or form.get("ListId") or label
    return meaning if meaning and body in ("", label) else body


def _media_sids(form: dict[str, str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for index in range(MOST_MEDIA):
        match = _MEDIA_SID.search(form.get(f"MediaUrl{index}", ""))
        if match is not None:
            found[match[1]] = None
    return tuple(found)


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
