"""Errors as RFC 9457 ``application/problem+json``: what was wrong, where, what to do.

Never a stack trace and never an echo of what was sent (contract.md): every sentence here is written beforehand, and
a pointer names only fields of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException

from api.database import DatabaseUnavailable

MEDIA_TYPE = "application/problem+json"

PROBLEMS: Mapping[str, tuple[int, str, str]] = {
    # code: (status, title, what to do)
    "bad-request": (400, "The request could not be read", "Send a well-formed request."),
    "not-json": (400, "The body is not JSON", "Send a JSON object."),
    "signed-out": (401, "Nobody is signed in", "Sign in at POST session and send the cookie."),
    "refused": (401, "The sign-in was refused", "Check name, password and code; a code works once."),
    "foreign-origin": (403, "The request comes from another site", "Use the console of this server."),
    "not-your-role": (403, "This role may not do that", "Ask somebody whose role may."),
    "step-up-needed": (403, "A second factor is needed", "Show one at POST session/step-up, then try again."),
    "own-password-first": (403, "This password is good for one thing only", "Choose your own at POST session/password."),
    "not-found": (404, "There is no such thing here", "Look at the list again."),
    "wrong-method": (405, "This address does not take that method", "See openapi.json."),
    "stale-epoch": (409, "It changed hands since you looked", "Load it again and use its present epoch."),
    "not-yours": (409, "Somebody else owns this, or nobody does", "Claim it first; one person has one owner."),
    "wrong-state": (409, "Its state does not allow that", "Load it again and look at its state."),
    "not-invited": (409, "There is no such invitation", "Load it again: it lapsed, was taken back or is somebody else's."),
    "no-browser": (409, "That colleague has no console open that could show the note", "Hand on without it, or ask for the keys again."),
    "not-proposed": (409, "There is no such proposal", "Load it again and propose anew if it is still right."),
    "same-person": (409, "It takes a second person", "Ask a colleague to look at it and confirm."),
    "shift-overlaps": (409, "There is a shift at some of these hours already", "Remove that one first, or choose other hours."),
    "no-passkeys": (409, "Passkeys do not work at this address", "They need https and a name, or localhost."),
    "too-many-passkeys": (409, "There is no room for another passkey", "Take one away first."),
    "not-possible": (409, "Not possible now, or not by you", "It takes two different people; look at the list again."),
    "room-full": (409, "The practice room is full", "Talk to somebody who is here, or let everybody go."),
    "contact-gone": (410, "There is no number to be seen", "The person left, or wrote from an address without a number."),
    "too-large": (413, "The body is too large", "Send less than 16 KiB."),
    "not-json-type": (415, "The body is not declared as JSON", "Send Content-Type: application/json."),
    "invalid": (422, "A field is missing or wrong", "Correct the fields named in errors."),
    "shift-empty": (422, "A shift begins and ends at the same minute", "A whole day is 00:00 to 24:00."),
    "in-the-past": (422, "That is over already", "Choose a later end."),
    "not-their-desk": (422, "This person does not work at that desk", "Choose somebody of that desk: others do not see who waits there."),
    "too-soon": (429, "Too many tries", "Wait as long as Retry-After says."),
    "broken": (500, "Something broke here", "Try again; the failure has been noted."),
    "comes-later": (501, "Not built yet", "This comes with referrals."),
    "store-away": (503, "A store cannot be reached", "Try again in a moment; nothing was done."),
}
"""Every problem the API can answer with."""

_BY_STATUS = {404: "not-found", 405: "wrong-method", 400: "bad-request", 413: "too-large", 415: "not-json-type"}

_FIELD_ERRORS = {
    "missing": "is missing",
    "string_too_long": "is too long",
    "string_too_short": "is too short",
    "too_long": "is too long",
    "too_short": "is too short",
}


class Problem(Exception):
    """Something is wrong with a request. Holds codes and our own words only."""

    def __init__(
        self,
        code: str,
        *,
        pointer: str | None = None,
        detail: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.code, self.pointer, self.detail, self.headers = code, pointer, detail, dict(headers or {})


def answer(
    code: str,
    *,
    detail: str | None = None,
    errors: list[dict[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The response for a problem of the table."""
    status, title, advice = PROBLEMS[code]
    body: dict[str, Any] = {
        "type": f"urn:hams:problem:{code}", "title": title, "status": status, "detail": detail or advice
    }
    if errors:
        body["errors"] = errors
    return JSONResponse(
        body, status_code=status, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store", **(headers or {})}
    )


def install(app: FastAPI) -> None:
    """Let every error of an app leave as a problem."""

    async def problem(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Problem)
        errors = [{"pointer": error.pointer, "detail": error.detail or ""}] if error.pointer else None
        return answer(error.code, detail=None if errors else error.detail, errors=errors, headers=error.headers)

    async def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        found = error.errors()
        if any(one["type"] == "json_invalid" for one in found):
            return answer("not-json")
        errors = [
            {"pointer": _pointer(one["loc"]), "detail": _FIELD_ERRORS.get(one["type"], "is not of the right kind")}
            for one in found
        ]
        return answer("invalid", errors=errors)

    async def http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return answer(_BY_STATUS.get(error.status_code, "bad-request" if error.status_code < 500 else "broken"))

    async def away(_: Request, _error: Exception) -> JSONResponse:
        return answer("store-away", headers={"Retry-After": "2"})

    async def broken(_: Request, _error: Exception) -> JSONResponse:
        return answer("broken")

    app.add_exception_handler(Problem, problem)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(DatabaseUnavailable, away)
    app.add_exception_handler(RedisError, away)
    app.add_exception_handler(Exception, broken)


def _pointer(place: tuple[Any, ...]) -> str:
    # The models of this API ignore unknown fields, so a location is made of our names and of positions only.
    return "/" + "/".join(str(part) for part in place[1:])
