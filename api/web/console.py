"""The counsellors' console: a sign-in page, the queue with its cards, the live talk.

Pages are rendered here; acts go through ``/api/v1``. The queue is re-rendered as a fragment when the socket says that
it changed (and every few seconds when there is no socket); htmx puts it in place (``fragments.py``). Words of a talk are only ever in the page's memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2
import sqlalchemy as sa
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from redis.exceptions import RedisError

from api.database import DatabaseUnavailable
from api.handoffs import claims, contacts, plan, safe_contacts
from api.handoffs.aids import CannedReply, known_of
from api.handoffs.bands import LOWER_REASONS, RAISE_REASONS
from api.handoffs.blocks import REASONS as BLOCK_REASONS
from api.handoffs.relay import LONGEST_MESSAGE
from api.handoffs.tables import BANDS, OUTCOMES
from api.handoffs.tickets import Ticket
from api.handoffs.wrapup import DONE
from api.practice.pages import add_practice_pages, practice_spoken, span
from api.scripts.desks import desk_named
from api.scripts.segments import BODY_LIMIT, room_for
from api.staff.accounts import Staff
from api.staff.passkeys import relying_party
from api.v1 import Deps, seen, sessions_of, who_is
from api.v1_notes import LONGEST_NOTE
from api.v1_rota import may_set
from api.web.account import about_accounts, about_signing_in, add_account_pages
from api.web.assets import answer, read_assets
from api.web.board import Board, Drawing, Pages, Reading, grouped
from api.web.colleagues import add_colleagues
from api.web.fragments import HTMX_CONFIG
from api.web.rota import OnDuty, add_rota_page
from api.web.words import Words, catalogues, in_words

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

MARKS = (
    "mark_delivered", "mark_read", "mark_undelivered_opted_out", "mark_undelivered_window", "mark_undelivered_number",
    "mark_undelivered_region", "mark_undelivered_unreachable", "mark_undelivered_filtered", "mark_undelivered_slow_down",
    "mark_undelivered_other",
)
"""How far a counsellor's message has come, and why no further."""

_SPOKEN_BY_SCRIPT = (
    "connected", "reconnecting", "exit_warning", "left_banner", "taken_banner", "lapsed", "state_sending",
    "state_queued", "state_waits", "state_lapsed", "state_unsure", *MARKS, "unsent_banner", "state_sent", "state_failed", "state_refused", "too_long", "window_closed",
    "problem_refused", "problem_too-soon", "problem_stale-epoch", "problem_not-yours", "problem_wrong-state",
    "problem_not-invited", "problem_not-proposed", "problem_same-person", "problem_invalid", "problem_not-found", "now_with",
    "problem_store-away", "problem_other", "title", "bell_on", "bell_off", "bell_notice",
    "problem_no-browser", "problem_no-sealing", "note_for_you", "note_gone", "note_lapsed",
    "safe_contact_agreed", "safe_contact_gone",
    "aids_away", "in_the_box", "blank_left", "numbers_refused", "links_refused",
    "split_too_many", "not_sent_rest",
)

_COUNTED_BY_SCRIPT = ("unread",)


def spoken_by_script(words: Words) -> dict[str, str | list[str]]:
    """What the console's scripts say; of what they count, all forms."""
    return {**{code: words(code) for code in _SPOKEN_BY_SCRIPT}, **{code: words.forms(code) for code in _COUNTED_BY_SCRIPT}}


def build_console(deps: Deps) -> APIRouter:
    """The console's routes under ``/console``.

    Raises:
        CatalogueError: what the pages say cannot be read.
    """
    catalogues()
    router = APIRouter(prefix="/console", include_in_schema=False)
    sessions = sessions_of(deps)
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )
    templates.globals.update(
        practice=deps.practice is not None, practice_url=deps.practice_url, practice_spoken=practice_spoken, span=span,
    )
    assets = read_assets(*(_HERE / "static").glob("console*"), *(_HERE / "static" / "vendor").glob("*"), *(_HERE / "static" / "fonts").glob("*"))

    passkeys_possible = relying_party(deps.public_url) is not None

    def page(name: str, words: Words, **values: Any) -> HTMLResponse:
        other = "en" if words.language == "ar" else "ar"
        html = templates.get_template(name).render(
            words=words, other_language=other, passkeys_possible=passkeys_possible, htmx_config=HTMX_CONFIG, **values
        )
        return HTMLResponse(html, headers=HEADERS)

    if deps.practice is not None:
        add_practice_pages(router, deps.practice, deps, sessions, page, HEADERS)
    add_account_pages(router, deps, sessions, page, HEADERS)
    add_rota_page(router, deps, sessions, page, HEADERS)
    add_colleagues(router, deps, sessions, page, HEADERS)
    duty = OnDuty(deps)

    reading, drawing, pages = Reading(deps.database), Drawing(templates), Pages()

    def board(shown: Board, member: Staff, words: Words, page_there: str = "") -> dict[str, Any]:
        """The cards as drawn for one member of staff, under their headings, but for those that their page has."""
        desk_named = _desk_named(deps, words)

        def desks_of(ticket: Ticket) -> str:
            return " + ".join(desk_named(code) for code in (ticket.desk, ticket.called_desk) if code)

        groups = [
            (name, [drawing.card(person, words, concerns, desks_of(person.row.ticket)) for person, concerns in cards])
            for name, cards in grouped(shown.people, member)
        ]
        everyone = [card for _, cards in groups for card in cards]
        html = pages.without_those_of(page_there, everyone)
        return {
            "groups": [(name, [html[card.id] for card in cards]) for name, cards in groups],
            "drawn": pages.sent(everyone), "now": deps.clock(), "more": shown.more,
        }

    @router.get("")
    @router.get("/")
    async def home(request: Request, lang: str = "ar") -> Response:
        words = Words(lang)
        try:
            member = await who_is(deps, sessions, request)
            seen_here = await reading.board(member.scope) if member is not None and member.talks else Board()
            count, session = await duty.count(), await session_tag(request)
        except (RedisError, DatabaseUnavailable):
            return PlainTextResponse(words("problem_store-away"), 503, headers={**HEADERS, "Retry-After": "2"})
        if member is None:
            return RedirectResponse(f"/console/sign-in?lang={words.language}", 303, headers=HEADERS)
        if member.provisional:
            return RedirectResponse(f"/console/account?lang={words.language}", 303, headers=HEADERS)
        spoken = spoken_by_script(words)
        if deps.practice is not None:  # what a browser shows beside other windows says which world it is of
            spoken["title"] = words("practice_title")
        return page(
            "console.html", words, member=member, **board(seen_here, member, words), duty=count, may_set_rota=may_set(member),
            spoken=json.dumps(spoken, ensure_ascii=False), outcomes=OUTCOMES, done=DONE, longest=LONGEST_MESSAGE,
            bands=BANDS, raise_reasons=RAISE_REASONS,
            lower_reasons=LOWER_REASONS, block_reasons=BLOCK_REASONS,
            session=session, longest_note=LONGEST_NOTE,
            contact_reasons=contacts.REASONS, account_spoken=about_accounts(words),
        )

    async def session_tag(request: Request) -> str:
        """Tells the page one session from the next, so that it never uses the key of another. Says nothing about either."""
        session = await sessions.read(request.cookies.get(sessions.cookie), touch=False)
        return deps.keyring.mac("session tag", session.key.encode()).hex()[:32] if session is not None else ""

    @router.get("/sign-in")
    async def sign_in(request: Request, lang: str = "ar") -> Response:
        words = Words(lang)
        try:
            nobody = await who_is(deps, sessions, request, touch=False) is None
        except (RedisError, DatabaseUnavailable):
            nobody = False
        return page("console_signin.html", words, nobody=nobody, spoken=about_signing_in(words))

    @router.get("/queue")
    async def fragment(request: Request, lang: str = "ar", drawn: str = "") -> Response:
        # Fetched by the page itself, not by somebody's hand: it does not keep a session alive.
        try:
            member = await who_is(deps, sessions, request, touch=False)
            if member is None or not member.talks:
                return PlainTextResponse("", 401, headers=HEADERS)
            seen_here, count = await reading.board(member.scope), await duty.count()
        except (RedisError, DatabaseUnavailable):
            return PlainTextResponse("", 503, headers={**HEADERS, "Retry-After": "2"})
        words = Words(lang)
        return page("console_queue.html", words, **board(seen_here, member, words, drawn), duty=count)

    @router.get("/aids/{ticket_id}")
    async def aids_of_talk(ticket_id: str, request: Request, lang: str = "ar") -> Response:
        """The working aids of one talk, for its owner. Fetched by the page itself, like the queue."""
        now, aids = deps.clock(), deps.aids
        try:
            member = await who_is(deps, sessions, request, touch=False)
            if member is None or not member.talks:
                return PlainTextResponse("", 401, headers=HEADERS)

            def ask(connection: sa.Connection) -> tuple[Ticket, frozenset[str], bool]:
                seen(connection, ticket_id, member)
                mine = claims.owned(connection, ticket_id, staff=member.id, epoch=None)
                return mine, plan.talked_about(connection, ticket_id), safe_contacts.sealed_of(connection, ticket_id) is not None

            ticket, talked, agreed = await deps.database.read(ask)
        except (claims.NoSuchTicket, claims.NotYours):
            return PlainTextResponse("", 404, headers=HEADERS)
        except (RedisError, DatabaseUnavailable):
            return PlainTextResponse("", 503, headers={**HEADERS, "Retry-After": "2"})
        if aids is None:
            return Response(status_code=204, headers=HEADERS)
        words, channel = Words(lang), aids.channel(ticket)
        by_sms = ticket.channel == "sms"
        return page(
            "console_aids.html", words, ticket=ticket, known=known_of(ticket.reasons), channel=channel,
            # a pair that does not fit the end of a part moves on whole: a unit less for each end
            whole=min(BODY_LIMIT, room_for("ا", channel.segment_budget) - channel.segment_budget + 1) if by_sms else BODY_LIMIT,
            replies=[(reply.code, words(reply.code) if in_words(reply.code) else reply.body.split("\n", 1)[0],
                      _blanks_in_words(reply, words)) for reply in aids.replies(ticket, now)],
            steps=[(heading, list(steps)) for heading, steps in groupby(aids.plan(ticket, now), lambda step: step.heading)],
            talked=talked, agreed=agreed,
        )

    @router.get("/static/{name}")
    async def static_file(name: str, request: Request) -> Response:
        return answer(request, assets.get(name), HEADERS)

    return router


def _blanks_in_words(reply: CannedReply, words: Words) -> str:
    """A reply as it goes into the box: what the counsellor is to fill in is named in the console's language."""
    body = reply.body
    for blank in reply.blanks:
        name = f"blank_{blank[1:-1]}"
        body = body.replace(blank, f"{{{words(name)}}}" if in_words(name) else blank)
    return body


def _desk_named(deps: Deps, words: Words) -> Callable[[str], str]:
    return lambda code: desk_named(deps.desks(), code, words.language)
