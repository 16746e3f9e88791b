"""The rota's page at ``/console/rota``: who is on duty now, the week, leave and competences, for supervisors and admins.

Rendered here, changed through ``/api/v1/rota``. Nothing on it is about anybody who seeks help.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from redis.exceptions import RedisError

from api.database import DatabaseUnavailable
from api.scripts.desks import COMPETENCES, Desks, chain
from api.staff.rotas import Rota, attended, everybody_on_duty, on_duty, read_rota
from api.staff.sessions import Sessions
from api.v1 import Deps, who_is
from api.v1_rota import competences_json, leave_json, may_set, shifts_json
from api.web.words import Words
from api.weekly import DAYS, covers

_SPOKEN = (
    "rota_done", "rota_problem_invalid", "rota_problem_not-found", "rota_problem_not-your-role", "problem_shift-overlaps",
    "problem_shift-empty", "problem_in-the-past", "problem_not-their-desk", "problem_store-away", "problem_other",
)


def add_rota_page(
    router: APIRouter, deps: Deps, sessions: Sessions, page: Callable[..., HTMLResponse], headers: Mapping[str, str]
) -> None:
    """Put the page and its fragment under the console's router.

    Args:
        page: renders a template in a language.
        headers: on every answer of the console.
    """

    def away(words: Words) -> Response:
        return PlainTextResponse(words("problem_store-away"), 503, headers={**headers, "Retry-After": "2"})

    @router.get("/rota")
    async def rota_page(request: Request, lang: str = "ar") -> Response:
        words = Words(lang)
        try:
            member = await who_is(deps, sessions, request)
            if member is None and "hx-request" in request.headers:  # the page that asks for its parts anew
                return PlainTextResponse("", 401, headers=dict(headers))
            if member is None:
                return RedirectResponse(f"/console/sign-in?lang={words.language}", 303, headers=dict(headers))
            if not may_set(member):
                return PlainTextResponse(words("rota_no_planner"), 403, headers=dict(headers))
            rota = await deps.database.read(read_rota)
        except (RedisError, DatabaseUnavailable):
            return away(words)
        desks, now = deps.desks(), deps.clock()
        return page(
            "console_rota.html", words, member=member, duty=duty_now(rota, desks, now, words.language), entered=rota.entered,
            week=week_of(rota, desks, now, words.language), days=DAYS, staff=list(rota.staff.values()),
            desks=[(desk.code, desk.name[words.language]) for desk in desks.values()], codes=COMPETENCES,
            leave=[one for one in leave_json(rota) if datetime.fromisoformat(one["until"]).timestamp() > now],
            competences=[{**one, "lapsed": _lapsed(one["expires_on"], now)} for one in competences_json(rota)],
            spoken=json.dumps({code: words(code) for code in _SPOKEN}, ensure_ascii=False),
        )

    @router.get("/rota/now")
    async def duty_fragment(request: Request, lang: str = "ar") -> Response:
        # Fetched by the page itself: it does not keep a session alive.
        words = Words(lang)
        try:
            member = await who_is(deps, sessions, request, touch=False)
            if member is None or not may_set(member):
                return PlainTextResponse("", 401, headers=dict(headers))
            rota = await deps.database.read(read_rota)
        except (RedisError, DatabaseUnavailable):
            return away(words)
        duty = duty_now(rota, deps.desks(), deps.clock(), words.language)
        return page("console_rota_now.html", words, duty=duty, entered=rota.entered)


class OnDuty:
    """How many are on duty, for every console's queue: read again after some seconds, however many ask."""

    READ_AGAIN = 5.0

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._known: tuple[float, int | None] | None = None

    async def count(self) -> int | None:
        """How many people; ``None`` where there is no rota.

        Raises:
            DatabaseUnavailable: nobody can tell.
        """
        now = self._deps.clock()
        if self._known is None or not 0 <= now - self._known[0] < self.READ_AGAIN:
            rota, desks = await self._deps.database.read(read_rota), self._deps.desks()
            self._known = (now, len(everybody_on_duty(rota, desks, now)) if rota.entered and desks else None)
        return self._known[1]


def duty_now(rota: Rota, desks: Desks, now: float, language: str) -> list[dict[str, Any]]:
    """For each desk who is on duty, and who stands in where nobody is: a desk's name, or "" for everybody."""
    there = attended(rota, desks, now)
    return [
        {
            "name": desk.name[language], "zone": desk.zone.key, "open": covers(desk.hours, now, desk.zone),
            "clock": datetime.fromtimestamp(now, desk.zone).strftime("%H:%M"),
            "people": [member.username for member in on_duty(rota, desk, now)],
            "stands_in": next((desks[code].name[language] for code in chain(desks, desk.code)[1:] if code in there), ""),
        }
        for desk in desks.values()
    ]


def week_of(rota: Rota, desks: Desks, now: float, language: str) -> list[dict[str, Any]]:
    """Every desk with its shifts by day, those too whose desk is no longer there, so that they can be removed."""
    held = {(rota.staff[one.staff].username, one.code) for one in rota.competences if one.expires_at > now and one.staff in rota.staff}
    listed = shifts_json(rota)
    gone = sorted({shift["desk"] for shift in listed} - desks.keys())
    rows = []
    for code in (*desks, *gone):
        desk = desks.get(code)
        wanted = desk.competences if desk is not None else ()
        rows.append({
            "code": code, "name": desk.name[language] if desk is not None else code,
            "zone": desk.zone.key if desk is not None else "",
            "days": [
                [
                    {**shift, "counts": all((shift["staff"], one) in held for one in wanted)}
                    for shift in listed if shift["desk"] == code and shift["day"] == day
                ]
                for day in DAYS
            ],
        })
    return rows


def _lapsed(expires_on: str, now: float) -> bool:
    return datetime.fromtimestamp(now, UTC).date().isoformat() > expires_on
