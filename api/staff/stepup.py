"""Step-up: before a contact is unsealed or an account is touched, a second factor shown a moment ago.

threats.md, insider: "reason and second sign-in to unseal a contact". A session lasts a shift; a machine left open for a
minute must not be enough. What counts is in the session (``Session.proved_at``), set at sign-in and at each step-up.
"""

from __future__ import annotations

from api.staff.sessions import Session

FRESH_SECONDS = 5 * 60
"""How long a second factor counts as shown just now."""


class StepUpNeeded(Exception):
    """The act needs a second factor shown within the last five minutes; nothing was done."""


def fresh_until(session: Session) -> float:
    """When the session's second factor stops being fresh."""
    return session.proved_at + FRESH_SECONDS


def require_fresh(session: Session, now: float) -> None:
    """
    Raises:
        StepUpNeeded: the last second factor is older than five minutes, or lies in the future (a clock went back).
    """
    if not session.proved_at <= now <= fresh_until(session):
        raise StepUpNeeded
