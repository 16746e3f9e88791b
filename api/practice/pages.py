"""The pages of a practice world: its door, its room, and the looks back at talks that have ended."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from redis.exceptions import RedisError

from api.database import DatabaseUnavailable
from api.practice.accounts import LEARNERS
from api.practice.room import HASTES, PACES, Room
from api.staff.sessions import Sessions
from api.v1 import Deps, who_is
from api.web.words import Words

if TYPE_CHECKING:
    from api.staff.accounts import Staff

_SPOKEN = ("practice_on_its_way", "practice_problem", "practice_problem_room-full")


def practice_spoken(words: Words) -> str:
    """What the scripts of these pages say."""
    return json.dumps({code: words(code) for code in _SPOKEN}, ensure_ascii=False)


def span(seconds: float | None) -> str:
    """Minutes and seconds; empty if there is nothing to tell."""
    return "" if seconds is None else f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def add_practice_pages(
    router: APIRouter, room: Room, deps: Deps, sessions: Sessions, page: Callable[..., HTMLResponse], headers: Mapping[str, str]
) -> None:
    """Put the pages under the console's router, before its own: the door and the account's page are other ones here.

    Args:
        page: renders a template in a language.
        headers: on every answer of the console.
    """

    async def somebody(request: Request, *, touch: bool) -> Staff | None:
        member = await who_is(deps, sessions, request, touch=touch)
        return member if member is not None and member.talks else None

    def away(words: Words) -> Response:
        return PlainTextResponse(words("problem_store-away"), 503, headers={**headers, "Retry-After": "2"})

    @router.get("/sign-in")
    async def door(lang: str = "ar") -> Response:
        return page("console_practice_signin.html", Words(lang), learners=LEARNERS)

    @router.get("/account")
    async def no_account(lang: str = "ar") -> Response:
        """Nothing to set up: and so no field into which somebody types the password of the live console."""
        return RedirectResponse(f"/console/practice?lang={Words(lang).language}", 303, headers=dict(headers))

    @router.get("/practice")
    async def practice_room(request: Request, lang: str = "ar") -> Response:
        words = Words(lang)
        try:
            member = await somebody(request, touch=True)
        except (RedisError, DatabaseUnavailable):
            return away(words)
        if member is None:
            return RedirectResponse(f"/console/sign-in?lang={words.language}", 303, headers=dict(headers))
        return page(
            "console_practice.html", words, member=member, room=room, people=list(room.cast.values()), paces=PACES, hastes=HASTES,
            looks=room.look_backs(member), here=room.here(),
        )

    @router.get("/practice/looks")
    async def looks(request: Request, lang: str = "ar") -> Response:
        # Fetched by the page itself, like the queue: it does not keep a session alive.
        words = Words(lang)
        try:
            member = await somebody(request, touch=False)
        except (RedisError, DatabaseUnavailable):
            return away(words)
        if member is None:
            return PlainTextResponse("", 401, headers=dict(headers))
        return page("console_practice_looks.html", words, looks=room.look_backs(member), here=room.here())
