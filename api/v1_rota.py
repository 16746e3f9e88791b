"""The rota over HTTP, under ``/api/v1/rota``: supervisors and admins see who is on duty and set shifts, leave, competences.

Times of day are by the desk's clock; leave is between moments (RFC 3339 with an offset); a competence holds until the
end of a day (UTC). What may stand in a rota is decided in ``staff/rotas.py``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

import sqlalchemy as sa
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from redis.asyncio import Redis

from api import problems
from api.database import Database
from api.handoffs import queue
from api.problems import Problem
from api.scripts.desks import COMPETENCES, Desks, as_json
from api.staff import rotas
from api.staff.accounts import Staff
from api.staff.rotas import NoSuchEntry, NotInRota, NotTheirDesk, Overlaps, Rota
from api.weekly import DAYS, NotATime, minute_of, span_of, written


class RotaDeps(Protocol):
    """What of the API's parts the rota needs."""

    @property
    def database(self) -> Database:
        """The durable store."""

    @property
    def redis(self) -> Redis:
        """Tells the consoles."""

    @property
    def clock(self) -> Callable[[], float]:
        """The program's time."""

    @property
    def random_bytes(self) -> Callable[[int], bytes]:
        """For ids."""

    @property
    def desks(self) -> Callable[[], Desks]:
        """Those of the live release."""


class NewShifts(BaseModel):
    """The same hours on one or more days of the week. ``to`` not after ``from`` is on the next day."""

    model_config = ConfigDict(hide_input_in_errors=True)
    staff: str = Field(max_length=64)
    desk: str = Field(max_length=32)
    days: list[str] = Field(min_length=1, max_length=7, json_schema_extra={"items": {"type": "string", "enum": list(DAYS)}})
    from_: str = Field(alias="from", max_length=8)
    to: str = Field(max_length=8)


class NewLeave(BaseModel):
    """Somebody is away."""

    model_config = ConfigDict(hide_input_in_errors=True)
    staff: str = Field(max_length=64)
    from_: AwareDatetime = Field(alias="from")
    until: AwareDatetime


class NewCompetence(BaseModel):
    """Somebody is trained for something until the end of a day."""

    model_config = ConfigDict(hide_input_in_errors=True)
    staff: str = Field(max_length=64)
    code: str = Field(max_length=16, json_schema_extra={"enum": list(COMPETENCES)})
    expires_on: date


def may_set(member: Staff) -> bool:
    """Whether this member of staff sees and sets the rota."""
    return member.role in rotas.SETS


def rota_routes(deps: RotaDeps, signed_in: Callable[..., Awaitable[Staff]]) -> APIRouter:
    """The routes under ``/rota``, to be included in the API.

    Args:
        signed_in: who asks, or a problem if nobody is signed in.
    """
    router = APIRouter(prefix="/rota", tags=["rota"])

    async def planner(member: Staff = Depends(signed_in)) -> Staff:
        if not may_set(member):
            raise Problem("not-your-role")
        return member

    async def change(act: Callable[[sa.Connection, float], Any]) -> Rota:
        now = deps.clock()

        def run(connection: sa.Connection) -> Rota:
            act(connection, now)
            return rotas.read_rota(connection)

        rota = await deps.database.write(run)
        await queue.announce(deps.redis)
        return rota

    def new_id() -> str:
        return deps.random_bytes(12).hex()

    @router.get("", summary="Desks, who is on duty now, and the whole rota")
    async def get_rota(_: Staff = Depends(planner)) -> dict[str, Any]:
        rota, desks, now = await deps.database.read(rotas.read_rota), deps.desks(), deps.clock()
        return {
            "desks": [
                {**shown, "on_duty": [member.username for member in rotas.on_duty(rota, desks[shown["code"]], now)]}
                for shown in as_json(desks.values())
            ],
            "staff": [
                {"name": member.username, "role": member.role, "desks": sorted(member.scope)}
                for member in rota.staff.values()
            ],
            "shifts": shifts_json(rota), "leave": leave_json(rota), "competences": competences_json(rota),
        }

    @router.get("/shifts", summary="All shifts")
    async def get_shifts(_: Staff = Depends(planner)) -> dict[str, Any]:
        return {"shifts": shifts_json(await deps.database.read(rotas.read_rota))}

    @router.post("/shifts", status_code=201, summary="Give somebody shifts; all of them or none")
    async def post_shifts(body: NewShifts, by: Staff = Depends(planner)) -> dict[str, Any]:
        days = list(dict.fromkeys(body.days))
        if not set(days) <= set(DAYS):
            raise Problem("invalid", pointer="/days", detail=f"are of {' '.join(DAYS)}")
        start, end = _minute(body.from_, "/from"), _minute(body.to, "/to")
        try:
            spans = [span_of(DAYS.index(day), start, end) for day in days]
        except ValueError:
            raise Problem("shift-empty") from None
        ids = [new_id() for _ in spans]
        rota = await change(
            lambda connection, now: rotas.add_shifts(
                connection, username=body.staff, desk=body.desk, spans=spans, desks=deps.desks(), by=by.id, now=now, ids=ids
            )
        )
        return {"shifts": [shift for shift in shifts_json(rota) if shift["id"] in ids]}

    @router.get("/leave", summary="All leave, past leave too")
    async def get_leave(_: Staff = Depends(planner)) -> dict[str, Any]:
        return {"leave": leave_json(await deps.database.read(rotas.read_rota))}

    @router.post("/leave", status_code=201, summary="Somebody is away")
    async def post_leave(body: NewLeave, by: Staff = Depends(planner)) -> dict[str, Any]:
        leave_id = new_id()
        rota = await change(
            lambda connection, now: rotas.add_leave(
                connection, username=body.staff, begins_at=body.from_.timestamp(), ends_at=body.until.timestamp(),
                by=by.id, now=now, new_id=leave_id,
            )
        )
        return next(one for one in leave_json(rota) if one["id"] == leave_id)

    @router.get("/competences", summary="Who is trained for what until when")
    async def get_competences(_: Staff = Depends(planner)) -> dict[str, Any]:
        return {"competences": competences_json(await deps.database.read(rotas.read_rota))}

    @router.post("/competences", status_code=201, summary="Somebody is trained for something; said again, the new end counts")
    async def post_competence(body: NewCompetence, by: Staff = Depends(planner)) -> dict[str, Any]:
        competence_id, expires_at = new_id(), _end_of(body.expires_on)
        rota = await change(
            lambda connection, now: rotas.set_competence(
                connection, username=body.staff, code=body.code, expires_at=expires_at, by=by.id, now=now, new_id=competence_id
            )
        )
        return next(one for one in competences_json(rota) if one["id"] == competence_id)

    for kind, plural in (("shift", "shifts"), ("leave", "leave"), ("competence", "competences")):
        _add_removal(router, plural, kind, planner, change)
    return router


def _add_removal(
    router: APIRouter, plural: str, kind: str, planner: Callable[..., Awaitable[Staff]],
    change: Callable[[Callable[[sa.Connection, float], Any]], Awaitable[Rota]],
) -> None:
    @router.delete(f"/{plural}/{{entry_id}}", status_code=204, summary="Take it out", operation_id=f"remove_{kind}")
    async def delete_entry(entry_id: str, by: Staff = Depends(planner)) -> None:
        await change(lambda connection, now: rotas.remove(connection, kind, entry_id[:64], by=by.id, now=now))


def install(app: FastAPI) -> None:
    """The rota's own errors as problems."""

    def answering(code: str) -> Callable[[Request, Exception], Awaitable[Response]]:
        async def reply(_: Request, _error: Exception) -> Response:
            return problems.answer(code)

        return reply

    async def not_in_rota(_: Request, error: Exception) -> Response:
        assert isinstance(error, NotInRota)
        if error.args[0] == "is in the past":
            return problems.answer("in-the-past", errors=[{"pointer": f"/{error.field}", "detail": "is in the past"}])
        return problems.answer("invalid", errors=[{"pointer": f"/{error.field}", "detail": str(error)}])

    app.add_exception_handler(NotInRota, not_in_rota)
    for error, code in ((NoSuchEntry, "not-found"), (Overlaps, "shift-overlaps"), (NotTheirDesk, "not-their-desk")):
        app.add_exception_handler(error, answering(code))


def shifts_json(rota: Rota) -> list[dict[str, Any]]:
    """The shifts, from Sunday on."""
    return [
        {
            "id": shift.id, "staff": rota.staff[shift.staff].username, "desk": shift.desk, "day": DAYS[shift.span.day],
            "from": written(shift.span.start), "to": written(shift.span.end), "overnight": shift.span.overnight,
        }
        for shift in rota.shifts if shift.staff in rota.staff
    ]


def leave_json(rota: Rota) -> list[dict[str, Any]]:
    """Leave, the earliest first."""
    return [
        {
            "id": one.id, "staff": rota.staff[one.staff].username, "from": queue.moment(one.begins_at),
            "until": queue.moment(one.ends_at),
        }
        for one in rota.leave if one.staff in rota.staff
    ]


def competences_json(rota: Rota) -> list[dict[str, Any]]:
    """Competences, the one that lapses first on top."""
    return [
        {
            "id": one.id, "staff": rota.staff[one.staff].username, "code": one.code,
            "expires_on": datetime.fromtimestamp(one.expires_at - 1, UTC).date().isoformat(),
        }
        for one in rota.competences if one.staff in rota.staff
    ]


def _minute(text: str, pointer: str) -> int:
    try:
        return minute_of(text)
    except NotATime:
        raise Problem("invalid", pointer=pointer, detail="is a time of day such as 08:30") from None


def _end_of(day: date) -> float:
    """The end of a day; of the last day there is, its beginning."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return midnight.timestamp() if day == date.max else (midnight + timedelta(days=1)).timestamp()
