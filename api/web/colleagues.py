"""To whom a person can be handed: the list in a talk's menu, for its owner alone.

Asked for each time the menu is opened, since who is on duty changes by the hour. Whether somebody may take the person is
decided again when it happens (``v1.py``, ``v1_hands.py``); the list only spares typing a name at night.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sqlalchemy as sa
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse
from redis.exceptions import RedisError

from api.database import DatabaseUnavailable
from api.handoffs import claims
from api.handoffs.tickets import Ticket
from api.scripts.desks import Desks
from api.staff.accounts import Staff, may_see
from api.staff.rotas import Rota, everybody_on_duty, read_rota
from api.staff.sessions import Sessions
from api.v1 import Deps, seen, who_is
from api.web.words import Words


def colleagues_for(
    rota: Rota, desks: Desks, ticket: Ticket, member: Staff, now: float
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of those who may take this person: who is on duty now, and the others; without the member who asks.

    Where there is no rota, nobody is on duty and all are others.
    """
    able = sorted(
        one.username for one in rota.staff.values()
        if one.id != member.id and one.talks and may_see(one, ticket.desk, ticket.called_desk)
    )
    there = everybody_on_duty(rota, desks, now)
    on_duty = {rota.staff[staff].username for staff in there if staff in rota.staff}
    return tuple(name for name in able if name in on_duty), tuple(name for name in able if name not in on_duty)


def add_colleagues(
    router: APIRouter, deps: Deps, sessions: Sessions, page: Callable[..., HTMLResponse], headers: Mapping[str, str]
) -> None:
    """Put the list under the console's router.

    Args:
        page: renders a template in a language.
        headers: on every answer of the console.
    """

    @router.get("/colleagues/{ticket_id}")
    async def colleagues(ticket_id: str, request: Request, lang: str = "ar") -> Response:
        # Fetched by the page itself: it does not keep a session alive.
        try:
            member = await who_is(deps, sessions, request, touch=False)
            if member is None or not member.talks:
                return PlainTextResponse("", 401, headers=dict(headers))

            def ask(connection: sa.Connection) -> tuple[Ticket, Rota]:
                seen(connection, ticket_id, member)
                return claims.owned(connection, ticket_id, staff=member.id, epoch=None), read_rota(connection)

            ticket, rota = await deps.database.read(ask)
        except (claims.NoSuchTicket, claims.NotYours):
            return PlainTextResponse("", 404, headers=dict(headers))
        except (RedisError, DatabaseUnavailable):
            return PlainTextResponse("", 503, headers={**headers, "Retry-After": "2"})
        on_duty, others = colleagues_for(rota, deps.desks(), ticket, member, deps.clock())
        return page("console_colleagues.html", Words(lang), on_duty=on_duty, others=others)
