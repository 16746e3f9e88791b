"""The practice room's part of the API. Exists in a practice world only; elsewhere these addresses are not found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import Depends, FastAPI, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.practice.accounts import LEARNERS, learner
from api.practice.room import Haste, NoSuchPerson, Pace, Room, RoomFull
from api.problems import Problem
from api.staff.accounts import Staff
from api.v1_accounts import Me

if TYPE_CHECKING:
    from api.v1_accounts import Entrance


class Learner(BaseModel):
    """As whom somebody practises."""

    model_config = ConfigDict(hide_input_in_errors=True)
    name: str = Field(max_length=32, json_schema_extra={"enum": [name for name, _ in LEARNERS]})


class Wanted(BaseModel):
    """Who is to come; anybody who is not here, if nobody is named."""

    model_config = ConfigDict(hide_input_in_errors=True)
    code: str | None = Field(default=None, max_length=32)


class Chosen(BaseModel):
    """How people come, and how much quicker than in life they answer."""

    model_config = ConfigDict(hide_input_in_errors=True)
    pace: Pace
    haste: Haste = 1


class Inside(BaseModel):
    """The room: who is here, how people come, and which talks can be looked back at, newest first."""

    here: list[str]
    pace: Pace
    haste: Haste
    look_backs: list[str]


def add_practice(app: FastAPI, room: Room, entrance: Entrance) -> None:
    """Add the routes."""

    def inside(member: Staff) -> Inside:
        return Inside(
            here=room.here(), pace=room.pace, haste=room.haste, look_backs=[one.id for one in room.look_backs(member)]
        )

    @app.post("/practice/session", summary="Practise as", tags=["practice"], response_model_exclude_none=True)
    async def post_session(body: Learner, request: Request, response: Response) -> Me:
        member = await entrance.deps.database.read(lambda connection: learner(connection, body.name))
        if member is None:
            raise Problem("not-found")
        await entrance.sessions.end(request.cookies.get(entrance.sessions.cookie))
        return await entrance.open_session(response, member, None)

    @app.get("/practice", summary="Who is here", tags=["practice"])
    async def get_room(member: Staff = Depends(entrance.talker)) -> Inside:
        return inside(member)

    @app.post("/practice/people", summary="Let somebody come", tags=["practice"])
    async def post_people(body: Wanted, member: Staff = Depends(entrance.talker)) -> Inside:
        try:
            room.start(body.code)
        except NoSuchPerson:
            raise Problem("not-found") from None
        except RoomFull:
            raise Problem("room-full") from None
        return inside(member)

    @app.put("/practice/pace", summary="How people come", tags=["practice"])
    async def put_pace(body: Chosen, member: Staff = Depends(entrance.talker)) -> Inside:
        room.set_pace(body.pace, body.haste)
        return inside(member)

    @app.delete("/practice/people", summary="Everybody goes", tags=["practice"])
    async def delete_people(member: Staff = Depends(entrance.talker)) -> Inside:
        await room.clear()
        return inside(member)
