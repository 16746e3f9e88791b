"""What became of a message we sent. Callbacks arrive in any order, so they are applied monotonically (twilio.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from api.channels.twilio.parse import Unreadable

RANK: Final[Mapping[str, int]] = {
    "accepted": 0,
    "scheduled": 1,
    "queued": 2,
    "sending": 3,
    "sent": 4,
    "partially_delivered": 5,
    "delivered": 6,
    "read": 7,
    "undelivered": 6,
    "failed": 6,
    "canceled": 6,
}
"""How far along each status is. At rank 6 only ``read`` may still follow, and only ``delivered``."""

FAILED: Final = frozenset({"undelivered", "failed", "canceled"})
FINAL: Final = FAILED | {"delivered", "read", "received"}
"""States in which the provider lets go of a message (20009 before)."""

_SID = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}")


@dataclass(frozen=True, slots=True)
class StatusReport:
    """One callback: a sid, a status, an error code (0: none). Addresses in it are dropped."""

    sid: str
    status: str
    code: int = 0

    @property
    def final(self) -> bool:
        """Whether the provider's copy can be deleted now."""
        return self.status in FINAL


def parse_status(params: Sequence[tuple[str, str]]) -> StatusReport | None:
    """The report in a *verified* form; ``None`` for a status we do not know (new ones appear without notice).

    Raises:
        Unreadable: no sid.
    """
    form = dict(params)
    sid = form.get("MessageSid") or form.get("SmsSid") or ""
    if not _SID.fullmatch(sid):
        raise Unreadable("sid")
    status = (form.get("MessageStatus") or form.get("SmsStatus") or "").lower()
    if status not in RANK:
        return None
    code = form.get("ErrorCode", "")
    return StatusReport(sid, status, int(code) if code.isascii() and code.isdigit() and len(code) < 7 else 0)


def advance(known: str | None, reported: str) -> str:
    """The status after a report: never backwards, and a failure is final."""
    if known is None or known not in RANK:
        return reported
    if known in FAILED or reported not in RANK:
        return known
    if known == "delivered" and reported in FAILED:
        return known
    return reported if RANK[reported] > RANK[known] else known
