"""One's own account at ``/console/account``, and the accounts of others for those who look after them.

Rendered here, changed through ``/api/v1``; the two lists are parts that the page asks for anew after a change.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from redis.exceptions import RedisError

from api.database import DatabaseUnavailable
from api.handoffs.queue import moment
from api.staff.accounts import Staff
from api.staff.passkeys import passkeys_of
from api.staff.recovery import accounts_for
from api.staff.sessions import Sessions
from api.staff.tables import LOOKS_AFTER, PASSKEY_LABELS
from api.v1 import Deps, who_is
from api.web.words import Words

PROBLEMS = (
    "problem_refused", "problem_too-soon", "problem_not-found", "problem_store-away", "problem_other",
    "problem_step-up-needed", "problem_own-password-first", "problem_no-passkeys", "problem_too-many-passkeys",
    "problem_not-possible", "problem_contact-gone", "problem_invalid", "problem_signed-out", "problem_passkey-refused",
    "problem_passkey-cancelled", "problem_passkey-known", "problem_not-yours", "problem_wrong-state", "problem_stale-epoch",
)
"""What may come back from an act on an account, a second factor or a contact."""

_SPOKEN = (*PROBLEMS, "really", "passkey_added", "passkey_removed", "password_changed")
"""What the scripts of the page and of the dialogs say."""


def about_accounts(words: Words) -> str:
    """The words for the scripts of this page, of the second factor and of the contact, as JSON."""
    return json.dumps({code: words(code) for code in _SPOKEN}, ensure_ascii=False)


def about_signing_in(words: Words) -> str:
    """The words for the script of the door, as JSON."""
    return json.dumps({code: words(code) for code in PROBLEMS}, ensure_ascii=False)


def add_account_pages(
    router: APIRouter, deps: Deps, sessions: Sessions, page: Callable[..., HTMLResponse], headers: Mapping[str, str]
) -> None:
    """Put the page and its two lists under the console's router.

    Args:
        page: renders a template in a language.
        headers: on every answer of the console.
    """

    def own(connection: sa.Connection, member: Staff) -> list[dict[str, Any]]:
        return [
            {"id": one.id, "label": one.label, "created_at": moment(one.created_at), "used_at": moment(one.used_at)}
            for one in passkeys_of(connection, member.id)
        ]

    def others(connection: sa.Connection, member: Staff) -> list[dict[str, Any]]:
        if member.role not in LOOKS_AFTER or member.provisional:
            return []
        return [
            {
                "username": one.username, "role": one.role, "desks": one.desks, "active": one.active,
                "passkeys": one.passkeys, "recovery_by": one.recovery_by, "recovery_until": moment(one.recovery_until),
            }
            for one in accounts_for(connection, member, deps.clock())
        ]

    def away(words: Words) -> Response:
        return PlainTextResponse(words("problem_store-away"), 503, headers={**headers, "Retry-After": "2"})

    @router.get("/account")
    async def account(request: Request, lang: str = "ar") -> Response:
        words = Words(lang)
        try:
            member = await who_is(deps, sessions, request)
            if member is None:
                return RedirectResponse(f"/console/sign-in?lang={words.language}", 303, headers=dict(headers))
            passkeys, accounts = await deps.database.read(lambda c: (own(c, member), others(c, member)))
        except (RedisError, DatabaseUnavailable):
            return away(words)
        return page(
            "console_account.html", words, member=member, account_spoken=about_accounts(words),
            passkey_labels=PASSKEY_LABELS, looks_after=LOOKS_AFTER, passkeys=passkeys, accounts=accounts,
        )

    async def part(request: Request, words: Words, template: str, name: str, read: Callable[..., Any]) -> Response:
        try:
            member = await who_is(deps, sessions, request, touch=False)
            if member is None or member.provisional:
                return PlainTextResponse("", 401, headers=dict(headers))
            found = await deps.database.read(lambda connection: read(connection, member))
        except (RedisError, DatabaseUnavailable):
            return away(words)
        return page(template, words, member=member, **{name: found})

    @router.get("/account/passkeys")
    async def passkey_list(request: Request, lang: str = "ar") -> Response:
        return await part(request, Words(lang), "console_passkeys.html", "passkeys", own)

    @router.get("/account/others")
    async def account_list(request: Request, lang: str = "ar") -> Response:
        return await part(request, Words(lang), "console_accounts.html", "accounts", others)
