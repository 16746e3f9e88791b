"""The provider's door: size, signature, parse, then the one path (``inbound.py``).

A genuine message is always answered 200 with an empty TwiML response within ten seconds, whatever is broken behind:
a webhook that fails is written into the provider's alerts with its body, and alerts cannot be deleted (twilio.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from api.channels.twilio import erasure
from api.channels.twilio.parse import Unreadable, parse_inbound, read_form
from api.channels.twilio.status import parse_status
from api.channels.twilio.verify import SIGNATURE_HEADER, SignatureCheck
from api.database import Database, DatabaseUnavailable
from api.handoffs.marks import Marks
from api.inbound import Line
from api.observability.errors import report
from api.observability.logs import warn
from api.observability.metrics import FORGED, INBOUND

LARGEST_BODY = 64 * 1024
ANSWER_WITHIN_S = 9.0

_EMPTY = b'<?xml version="1.0" encoding="UTF-8"?><Response/>'


@dataclass(frozen=True, slots=True)
class Doors:
    """What the two webhooks need."""

    line: Line
    signature: SignatureCheck
    database: Database
    eraser: erasure.Eraser
    clock: Callable[[], float]
    marks: Marks | None = None
    """Tells counsellors how far their messages have come."""


def webhook_routes(doors: Doors) -> list[Route]:
    """``POST /webhooks/twilio/message`` and ``/webhooks/twilio/status``."""
    under_way: set[asyncio.Task[Any]] = set()

    async def message(request: Request) -> Response:
        since = doors.clock()
        params = await _genuine_form(request, doors)
        if isinstance(params, Response):
            return params
        try:
            inbound = parse_inbound(params)
        except Unreadable as unreadable:
            await _note_unreadable(doors, unreadable)
            return _twiml()
        task = asyncio.create_task(doors.line.receive(inbound, since))
        under_way.add(task)
        task.add_done_callback(lambda done: _finished(done, under_way))
        # The work goes on when the provider has waited long enough: it is owed an answer, the person is owed a reply.
        await asyncio.wait({task}, timeout=ANSWER_WITHIN_S)
        return _twiml()

    async def status(request: Request) -> Response:
        params = await _genuine_form(request, doors)
        if isinstance(params, Response):
            return params
        try:
            update = parse_status(params)
        except Unreadable:
            return Response(status_code=204)
        if update is not None and doors.marks is not None:
            await doors.marks.report(update)
        if update is not None and update.final:
            now = doors.clock()
            try:
                await doors.database.write(lambda c: erasure.hurry(c, [update.sid], now))
            except DatabaseUnavailable:
                warn("database_unavailable", where="status")
            else:
                doors.eraser.wake()
        return Response(status_code=204)

    return [
        Route("/webhooks/twilio/message", message, methods=["POST"]),
        Route("/webhooks/twilio/status", status, methods=["POST"]),
    ]


async def _genuine_form(request: Request, doors: Doors) -> list[tuple[str, str]] | Response:
    """The form of a request that the provider signed; otherwise the response that says no and nothing else."""
    try:
        raw = await _body(request)
    except ClientDisconnect:
        return Response(status_code=400)
    if raw is None:
        return Response(status_code=413)
    target = request.scope["raw_path"].decode("latin-1")
    if request.scope["query_string"]:
        target += "?" + request.scope["query_string"].decode("latin-1")
    try:
        params = read_form(raw)
    except Unreadable:
        params = None
    if params is None or not doors.signature.genuine(target, params, request.headers.get(SIGNATURE_HEADER)):
        FORGED.inc()
        return Response(status_code=403)
    return params


async def _body(request: Request) -> bytes | None:
    declared = request.headers.get("content-length", "0")
    if declared.isascii() and declared.isdigit() and int(declared) > LARGEST_BODY:
        return None
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > LARGEST_BODY:
            return None
    return bytes(raw)


async def _note_unreadable(doors: Doors, unreadable: Unreadable) -> None:
    """No message for us, but the provider holds a copy of it: that is erased all the same."""
    INBOUND.labels("none", "unreadable").inc()
    if unreadable.sid is None:
        return
    copies = [erasure.Copy(unreadable.sid), *(erasure.Copy(media, unreadable.sid) for media in unreadable.media)]
    now = doors.clock()
    try:
        await doors.database.write(lambda c: erasure.note(c, copies, now=now, due_at=now + erasure.SETTLES_AFTER_S))
    except DatabaseUnavailable:
        warn("database_unavailable", where="unreadable")


def _finished(task: asyncio.Task[Any], under_way: set[asyncio.Task[Any]]) -> None:
    under_way.discard(task)
    if task.cancelled():
        return
    failure = task.exception()
    if failure is not None:
        report(failure)
        warn("message_failed", error=type(failure).__name__)


def _twiml() -> Response:
    return Response(_EMPTY, media_type="text/xml")
