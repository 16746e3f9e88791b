"""The counsellors' console: a sign-in page, the queue with its cards, the live talk.

Pages are rendered here; acts go through ``/api/v1``. The queue is re-rendered as a fragment when the socket says that
it changed (and every few seconds when there is no socket). Words of a talk are only ever in the page's memory.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from redis.exceptions import RedisError

from api.database import DatabaseUnavailable
from api.handoffs import contacts, queue
from api.handoffs.relay import LONGEST_MESSAGE
from api.handoffs.tables import OUTCOMES
from api.staff.accounts import Staff
from api.staff.passkeys import relying_party
from api.staff.tables import LOOKS_AFTER, PASSKEY_LABELS
from api.v1 import Deps, sessions_of, who_is
from api.web.words import Words
from api.web.words_accounts import ACCOUNT_WORDS

_HERE = Path(__file__).parent

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
"""On every answer of the console. No inline script or style, nothing from elsewhere, nothing stored."""

_KINDS = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}

_SPOKEN_BY_SCRIPT = (
    "connected", "reconnecting", "exit_warning", "left_banner", "taken_banner", "lapsed", "state_sending",
    "state_queued", "state_sent", "state_failed", "state_refused", "too_long", "window_closed", "unread",
    "problem_refused", "problem_too-soon", "problem_stale-epoch", "problem_not-yours", "problem_wrong-state",
    "problem_store-away", "problem_other", "title", "bell_on", "bell_off", "bell_notice",
)

_SPOKEN_ABOUT_ACCOUNTS = (*ACCOUNT_WORDS, *(code for code in _SPOKEN_BY_SCRIPT if code.startswith("problem_")))
"""What the scripts of the account page and of the dialogs say."""


def build_console(deps: Deps) -> APIRouter:
    """The console's routes under ``/console``."""
    router = APIRouter(prefix="/console", include_in_schema=False)
    sessions = sessions_of(deps)
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )
    static = {
        path.name: (path.read_bytes(), _KINDS[path.suffix])
        for path in (_HERE / "static").glob("console*")
        if path.suffix in _KINDS
    }

    passkeys_possible = relying_party(deps.public_url) is not None

    def page(name: str, words: Words, **values: Any) -> HTMLResponse:
        other = "en" if words.language == "ar" else "ar"
        html = templates.get_template(name).render(
            words=words, other_language=other, passkeys_possible=passkeys_possible, **values
        )
        return HTMLResponse(html, headers=HEADERS)

    async def rows_for(member: Staff) -> Sequence[queue.QueueRow]:
        return await deps.database.read(lambda connection: queue.waiting(connection, member.desks))

    @router.get("")
    @router.get("/")
    async def home(request: Request, lang: str = "ar") -> Response:
        words = Words(lang)
        try:
            member = await who_is(deps, sessions, request)
            rows = await rows_for(member) if member is not None and member.talks else ()
        except (RedisError, DatabaseUnavailable):
            return PlainTextResponse(words("problem_store-away"), 503, headers={**HEADERS, "Retry-After": "2"})
        if member is None:
            return RedirectResponse(f"/console/sign-in?lang={words.language}", 303, headers=HEADERS)
        if member.provisional:
            return RedirectResponse(f"/console/account?lang={words.language}", 303, headers=HEADERS)
        spoken = {code: words(code) for code in _SPOKEN_BY_SCRIPT}
        return page(
            "console.html", words, member=member, groups=_groups(rows, member), now=deps.clock(),
            spoken=json.dumps(spoken, ensure_ascii=False), outcomes=OUTCOMES, longest=LONGEST_MESSAGE,
            contact_reasons=contacts.REASONS, account_spoken=about_accounts(words),
        )

    def about_accounts(words: Words) -> str:
        return json.dumps({code: words(code) for code in _SPOKEN_ABOUT_ACCOUNTS}, ensure_ascii=False)

    @router.get("/account")
    async def account(request: Request, lang: str = "ar") -> Response:
        words = Words(lang)
        try:
            member = await who_is(deps, sessions, request)
        except (RedisError, DatabaseUnavailable):
            return PlainTextResponse(words("problem_store-away"), 503, headers={**HEADERS, "Retry-After": "2"})
        if member is None:
            return RedirectResponse(f"/console/sign-in?lang={words.language}", 303, headers=HEADERS)
        return page(
            "console_account.html", words, member=member, account_spoken=about_accounts(words),
            passkey_labels=PASSKEY_LABELS, looks_after=LOOKS_AFTER,
        )

    @router.get("/sign-in")
    async def sign_in(lang: str = "ar") -> Response:
        words = Words(lang)
        spoken = {code: words(code) for code in _SPOKEN_ABOUT_ACCOUNTS if code.startswith("problem_")}
        return page("console_signin.html", words, spoken=json.dumps(spoken, ensure_ascii=False))

    @router.get("/queue")
    async def fragment(request: Request, lang: str = "ar") -> Response:
        # Fetched by the page itself, not by somebody's hand: it does not keep a session alive.
        try:
            member = await who_is(deps, sessions, request, touch=False)
            if member is None or not member.talks:
                return PlainTextResponse("", 401, headers=HEADERS)
            groups = _groups(await rows_for(member), member)
        except (RedisError, DatabaseUnavailable):
            return PlainTextResponse("", 503, headers={**HEADERS, "Retry-After": "2"})
        return page("console_queue.html", Words(lang), groups=groups, now=deps.clock())

    @router.get("/static/{name}")
    async def static_file(name: str) -> Response:
        found = static.get(name)
        if found is None:
            return PlainTextResponse("", 404, headers=HEADERS)
        content, kind = found
        return Response(content, media_type=kind, headers={**HEADERS, "Cache-Control": "no-cache"})

    return router


def _groups(rows: Sequence[queue.QueueRow], member: Staff) -> list[tuple[str, list[dict[str, Any]]]]:
    """The cards under their headings, each group in the queue's order."""
    groups: dict[str, list[dict[str, Any]]] = {"mine": [], "waiting": [], "left_group": [], "with_colleagues": []}
    for row in rows:
        mine = row.ticket.owner == member.id
        if mine:
            name = "mine"
        elif row.ticket.owner is not None:
            name = "with_colleagues"
        else:
            name = "left_group" if row.ticket.state == "left" else "waiting"
        groups[name].append({**queue.card(row), "mine": mine})
    return [(name, cards) for name, cards in groups.items() if cards or name == "waiting"]
