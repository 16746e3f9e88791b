"""The phone on the screen, in demo mode only: two phones side by side, WhatsApp or SMS, as somebody from four countries.

What is typed here takes the real way: the stand-in provider signs a webhook to this gateway, and what comes back was
sent to the stand-in by REST. Nothing here can reach a real phone: the routes do not exist outside demo mode.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from api.channels.simulator import SimulatedPhones, StandInUnreachable
from api.clock import Clock
from api.scripts.channels import channel_of
from api.scripts.current import Releases
from api.scripts.segments import count_segments, estimate_cost
from api.settings import Settings
from api.staff.demo import demo_sign_ins
from safety.message_text import MessageText

_HERE = Path(__file__).parent
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_LONGEST_POLL_S = 20.0

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
}


def simulator_routes(
    settings: Settings, releases: Releases, clock: Clock, phones: SimulatedPhones | None = None
) -> list[Route]:
    """The page, its two files, and what the phones call."""
    simulated = phones or SimulatedPhones(settings.twilio_api_url)

    async def page(_request: Request) -> Response:
        return FileResponse(_HERE / "templates" / "simulator.html", headers=HEADERS, media_type="text/html")

    async def write(request: Request) -> Response:
        return await _guarded(request, lambda wish: _write(wish, settings, simulated))

    async def received(request: Request) -> Response:
        number = request.path_params["number"]
        after = request.query_params.get("after", "0")
        if not _NUMBER.fullmatch(number) or not (after.isascii() and after.isdigit() and len(after) < 12):
            return _problem(400, "number and after are wanted")
        typing = request.query_params.get("typing", "0")
        if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", typing):
            return _problem(400, "typing is a time")
        try:
            seen, until = await simulated.screen(number, int(after), _LONGEST_POLL_S, float(typing))
        except StandInUnreachable:
            return _problem(503, "the stand-in provider does not answer")
        return JSONResponse(
            {"messages": [_shown(message, number, releases) for message in seen], "typing": until}, headers=HEADERS
        )

    async def move(request: Request) -> Response:
        async def go(wish: dict[str, Any]) -> Response:
            try:
                return JSONResponse({"ahead": clock.move(float(wish.get("seconds", 0)))}, headers=HEADERS)
            except (TypeError, ValueError, OverflowError):
                return _problem(400, "seconds forward are wanted")

        return await _guarded(request, go)

    async def sign_ins(_request: Request) -> Response:
        return JSONResponse({"staff": demo_sign_ins(settings)}, headers=HEADERS)

    def static(name: str, kind: str) -> Route:
        async def file(_request: Request) -> Response:
            return FileResponse(_HERE / "static" / name, headers=HEADERS, media_type=kind)

        return Route(f"/simulator/{name}", file)

    return [
        Route("/simulator", page),
        static("simulator.css", "text/css"),
        static("simulator.js", "text/javascript"),
        Route("/simulator/messages", write, methods=["POST"]),
        Route("/simulator/phones/{number}", received),
        Route("/simulator/clock", move, methods=["POST"]),
        Route("/simulator/staff", sign_ins),
    ]


async def _write(wish: dict[str, Any], settings: Settings, phones: SimulatedPhones) -> Response:
    number, channel, body = wish.get("from"), wish.get("channel"), wish.get("body", "")
    if not isinstance(number, str) or not _NUMBER.fullmatch(number) or not isinstance(body, str) or len(body) > 1600:
        return _problem(400, "from, channel and a body of 1,600 characters at most are wanted")
    if channel not in ("whatsapp", "sms"):
        return _problem(400, "channel is whatsapp or sms")
    country = str(wish.get("country", ""))
    senders = settings.twilio_whatsapp_from if channel == "whatsapp" else settings.twilio_sms_from
    to = senders.for_country(country)
    if to is None:
        return _problem(400, "no number of ours for that channel and country")
    try:
        written = await phones.write(
            number, to, channel, MessageText(body), voice=bool(wish.get("voice")), location=bool(wish.get("location"))
        )
    except StandInUnreachable:
        return _problem(503, "the stand-in provider does not answer")
    return JSONResponse({"status": written.status, "ms": round(written.ms, 1)}, headers=HEADERS)


def _shown(message: Any, number: str, releases: Releases) -> dict[str, Any]:
    """A message as the phone shows it; an SMS with its parts and what they cost, an estimate."""
    words = message.body.reveal()
    shown = {"number": message.number, "channel": message.channel, "body": words, "at": message.at}
    if message.channel == "sms":
        segments = count_segments(words)
        channel = channel_of(releases.get("").channels, _country(number), "sms")
        cost = estimate_cost(segments, channel.estimated_price_per_part_usd)
        shown |= {"parts": segments.parts, "units": segments.units, "encoding": segments.encoding, "usd": str(cost)}
    return shown


def _country(number: str) -> str:
    return {"+962": "JO", "+974": "QA", "+973": "BH", "+971": "AE"}.get(number[:4], "XX")


async def _guarded(request: Request, act: Callable[[dict[str, Any]], Any]) -> Response:
    """Another site's page in the same browser must not write here: only same-origin JSON is taken."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return _problem(403, "another site's request")
    if request.headers.get("content-type", "").split(";")[0] != "application/json":
        return _problem(415, "send application/json")
    try:
        wish = await request.json()
    except (ValueError, RecursionError):
        wish = None
    if not isinstance(wish, dict):
        return _problem(400, "send a JSON object")
    answer: Response = await act(wish)
    return answer


def _problem(status: int, title: str) -> Response:
    return JSONResponse(
        {"type": "about:blank", "title": title, "status": status}, status_code=status,
        headers={**HEADERS, "Content-Type": "application/problem+json"},
    )
