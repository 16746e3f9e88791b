"""Webhooks as Twilio sends them, one case each: a reader learns the provider from this list.

Field names and their combinations are those of Twilio's "request to your webhook URL" and "track the message status"
pages, and of bodies recorded by public projects; numbers, sids and words are our own.
"""

from __future__ import annotations

from dataclasses import dataclass

SM = "SM" + "a1b2c3d4" * 4
MM = "MM" + "a1b2c3d4" * 4
ME = ["ME" + f"{index:032x}" for index in range(41)]
ACCOUNT = "AC" + "0123456789abcdef" * 2

_MEDIA = f"https%3A%2F%2Fapi.twilio.com%2F2010-04-01%2FAccounts%2F{ACCOUNT}%2FMessages%2F{MM}%2FMedia%2F"
_WHATSAPP = f"ApiVersion=2010-04-01&AccountSid={ACCOUNT}&To=whatsapp%3A%2B14155550100&ReferralNumMedia=0&SmsStatus=received"
_FROM_JO = "From=whatsapp%3A%2B962790000001&WaId=962790000001&ProfileName=%D8%B3%D8%A7%D8%B1%D8%A9"
_SIDS = f"SmsMessageSid={SM}&SmsSid={SM}&MessageSid={SM}"
_MM_SIDS = f"SmsMessageSid={MM}&SmsSid={MM}&MessageSid={MM}"


@dataclass(frozen=True)
class Case:
    """A raw body and what must be read from it. ``code`` is set when it is no message for us."""

    label: str
    raw: str
    sid: str = SM
    channel: str = "whatsapp"
    sender: str = "+962790000001"
    to: str = "whatsapp:+14155550100"
    body: str = ""
    media: tuple[str, ...] = ()
    has_media: bool = False
    has_voice: bool = False
    location: bool = False
    code: str | None = None


def forty_media(count: int = 40) -> str:
    attached = "&".join(f"MediaContentType{i}=image%2Fjpeg&MediaUrl{i}={_MEDIA}{ME[i]}" for i in range(count))
    return f"{_MM_SIDS}&NumMedia={count}&MessageType=image&{_FROM_JO}&{_WHATSAPP}&Body=&NumSegments=1&{attached}"


CASES = [
    Case(
        "WhatsApp text",
        f"{_SIDS}&NumMedia=0&{_FROM_JO}&MessageType=text&Body=%D9%85%D8%B1%D8%AD%D8%A8%D8%A7&NumSegments=1&{_WHATSAPP}",
        body="مرحبا",
    ),
    Case(
        "SMS with the places of both numbers",
        f"ToCountry=JO&ToState=&{_SIDS}&NumMedia=0&ToCity=&FromZip=&FromState=&SmsStatus=received&FromCity=AMMAN&Body=help+me"
        f"%21&FromCountry=JO&To=%2B962770000000&ToZip=&NumSegments=1&ReferralNumMedia=0&AccountSid={ACCOUNT}"
        "&From=%2B962790000001&ApiVersion=2010-04-01",
        channel="sms", to="+962770000000", body="help me!",
    ),
    Case(
        "SMS through a messaging service, from a short code",
        f"ToCountry=US&{_SIDS}&NumMedia=0&Body=Your+code&FromCountry=US&To=384387&MessagingServiceSid=MG{'0' * 32}&From=97801",
        channel="sms", sender="97801", to="384387", body="Your code",
    ),
    Case(
        "WhatsApp voice note",
        f"{_MM_SIDS}&NumMedia=1&MessageType=audio&{_FROM_JO}&{_WHATSAPP}&Body=&NumSegments=1&MediaContentType0=audio%2Fogg"
        f"&MediaUrl0={_MEDIA}{ME[0]}",
        sid=MM, media=(ME[0],), has_media=True, has_voice=True,
    ),
    Case(
        "WhatsApp picture with words",
        f"{_MM_SIDS}&NumMedia=1&MessageType=image&{_FROM_JO}&{_WHATSAPP}&Body=%D8%B4%D9%88%D9%81%D9%8A&MediaContentType0="
        f"image%2Fjpeg&MediaUrl0={_MEDIA}{ME[0]}",
        sid=MM, body="شوفي", media=(ME[0],), has_media=True,
    ),
    Case("WhatsApp with forty attachments", forty_media(), sid=MM, media=tuple(ME[:40]), has_media=True),
    Case("more attachments than there can be", forty_media(41), sid=MM, media=tuple(ME[:40]), has_media=True),
    Case(
        "an attachment whose sid cannot be read",
        f"{_MM_SIDS}&NumMedia=1&{_FROM_JO}&{_WHATSAPP}&Body=&MediaContentType0=video%2Fmp4&MediaUrl0=cat.jpg",
        sid=MM, has_media=True,
    ),
    Case(
        "WhatsApp location",
        f"{_SIDS}&NumMedia=0&MessageType=location&{_FROM_JO}&{_WHATSAPP}&Body=&Latitude=31.95394&Longitude=35.91064"
        "&Address=Rainbow+Street&Label=Home&NumSegments=1",
        location=True,
    ),
    Case(
        "WhatsApp button of a template",
        f"{_SIDS}&NumMedia=0&MessageType=button&{_FROM_JO}&{_WHATSAPP}&Body=%D9%86%D8%B9%D9%85&ButtonText=%D9%86%D8%B9%D9%85"
        f"&ButtonPayload=1&OriginalRepliedMessageSid={'SM' + 'f' * 32}&OriginalRepliedMessageSender=whatsapp%3A%2B14155550100",
        body="1",
    ),
    Case(
        "a button without a payload says what its label says",
        f"{_SIDS}&NumMedia=0&{_FROM_JO}&{_WHATSAPP}&Body=&ButtonText=%D9%86%D8%B9%D9%85", body="نعم",
    ),
    Case(
        "a row of a list",
        f"{_SIDS}&NumMedia=0&MessageType=interactive&{_FROM_JO}&{_WHATSAPP}&Body=Shelter&ListId=5&ListTitle=Shelter",
        body="5",
    ),
    Case(
        "words are never replaced by a button's payload",
        f"{_SIDS}&NumMedia=0&{_FROM_JO}&{_WHATSAPP}&Body=%D8%AE%D8%B1%D9%88%D8%AC&ButtonText=No&ButtonPayload=2", body="خروج",
    ),
    Case(
        "a reply to an older message, forwarded",
        f"{_SIDS}&NumMedia=0&MessageType=text&{_FROM_JO}&{_WHATSAPP}&Body=0&Forwarded=true"
        f"&OriginalRepliedMessageSid={MM}", body="0",
    ),
    Case(
        "a business-scoped sender with no number",
        f"{_SIDS}&NumMedia=0&MessageType=text&From=whatsapp%3AJO.11815799212886844830&ExternalUserId=whatsapp%3AJO."
        f"11815799212886844830&ProfileName=x&{_WHATSAPP}&Body=hi",
        sender="JO.11815799212886844830", body="hi",
    ),
    Case(
        "a number that also has a business-scoped id",
        f"{_SIDS}&NumMedia=0&{_FROM_JO}&ExternalUserId=whatsapp%3AJO.1181&{_WHATSAPP}&Body=hi", body="hi",
    ),
    Case("unknown fields", f"{_SIDS}&{_FROM_JO}&{_WHATSAPP}&Body=hi&ChannelMetadata=%7B%22a%22%3A1%7D&New1=&New2=x", body="hi"),
    Case("a repeated field: the first counts", f"{_SIDS}&{_FROM_JO}&{_WHATSAPP}&Body=hi&Body=bye", body="hi"),
    Case("control and bidi characters stay for the gate to fold", f"{_SIDS}&{_FROM_JO}&{_WHATSAPP}&Body=%E2%80%AE0%00%07%0D%0A",
         body="\u202e0\x00\x07\r\n"),
    Case("1,600 of one letter", f"{_SIDS}&{_FROM_JO}&{_WHATSAPP}&Body={'%D9%87' * 1600}", body="ه" * 1600),
    Case("no body at all", f"{_SIDS}&{_FROM_JO}&{_WHATSAPP}&NumMedia=0", body=""),
    Case("NumMedia that is no number", f"{_SIDS}&{_FROM_JO}&{_WHATSAPP}&NumMedia=9999999999999999&Body=x", body="x"),
    Case("empty sender", f"{_SIDS}&From=&{_WHATSAPP}&Body=secret", code="sender"),
    Case("a channel without an address", f"{_SIDS}&From=whatsapp%3A&{_WHATSAPP}&Body=secret", code="sender"),
    Case("no sender", f"{_SIDS}&{_WHATSAPP}&Body=secret", code="sender"),
    Case("a channel we do not have", f"{_SIDS}&From=messenger%3A123&{_WHATSAPP}&Body=secret", code="channel"),
    Case("no sid", f"{_FROM_JO}&{_WHATSAPP}&Body=secret", code="sid", sid=""),
    Case("a sid that is none", f"MessageSid=SM%27%3B--&{_FROM_JO}&{_WHATSAPP}&Body=secret", code="sid", sid=""),
    Case("nothing", "", code="sid", sid=""),
]

_CALLBACK = f"ApiVersion=2010-04-01&AccountSid={ACCOUNT}&From=%2B14155550100&To=%2B962790000001&SmsSid={SM}&MessageSid={SM}"
_CHANNEL = "&ChannelPrefix=whatsapp&ChannelInstallSid=XE00&ChannelToAddress=%2B962790000001&StructuredMessage=false"

STATUS_CASES = [
    # label, raw, status (None: unknown), error code, whether the copy can be deleted now
    ("SMS sent", f"{_CALLBACK}&SmsStatus=sent&MessageStatus=sent", "sent", 0, False),
    ("SMS delivered", f"{_CALLBACK}&SmsStatus=delivered&MessageStatus=delivered&RawDlrDoneDate=2611220209", "delivered", 0, True),
    ("WhatsApp read", f"{_CALLBACK}{_CHANNEL}&SmsStatus=read&MessageStatus=read&EventType=READ", "read", 0, True),
    ("opted out", f"ErrorCode=21610&MessageSid={SM}&MessageStatus=failed&To=%2B962790000001", "failed", 21610, True),
    ("outside the window", f"{_CALLBACK}{_CHANNEL}&MessageStatus=failed&ErrorCode=63016&ChannelStatusMessage=x", "failed", 63016, True),
    ("filtered", f"{_CALLBACK}&MessageStatus=undelivered&ErrorCode=30007", "undelivered", 30007, True),
    ("only the old name", f"SmsSid={SM}&SmsStatus=delivered", "delivered", 0, True),
    ("a status nobody knows yet", f"{_CALLBACK}&MessageStatus=huh", None, 0, False),
    ("an error code that is none", f"{_CALLBACK}&MessageStatus=failed&ErrorCode=abc", "failed", 0, True),
]
