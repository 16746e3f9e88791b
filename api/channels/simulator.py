"""A simulated phone: what ``/simulator`` and ``hams chat`` hold in their hands. It talks to the stand-in only.

The message takes the real way (signed webhook, gateway, REST call back to the provider), so that what is tried out
here is what runs in production.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp

from api.channels.address import Channel
from safety.message_text import MessageText


@dataclass(frozen=True, slots=True)
class Received:
    """A message on the phone's screen."""

    number: int
    channel: str
    sender: str
    body: MessageText
    at: float


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a message the phone wrote: the webhook's status (0: nobody answered) and the time it took."""

    sid: str
    status: int
    ms: float


class StandInUnreachable(Exception):
    """The stand-in did not answer."""


class SimulatedPhones:
    """All simulated phones of one stand-in.

    Args:
        api_url: where the stand-in listens, ``http://127.0.0.1:…`` or ``unix:/path``.
    """

    def __init__(self, api_url: str) -> None:
        self._socket = api_url.removeprefix("unix:") if api_url.startswith("unix:") else None
        self._base = "http://standin" if self._socket else api_url.rstrip("/")
        self._open: aiohttp.ClientSession | None = None

    async def write(
        self, number: str, to: str, channel: Channel, body: MessageText, *, voice: bool = False, media: int = 0,
        location: bool = False,
    ) -> Written:
        """Write from a phone to one of our numbers.

        Raises:
            StandInUnreachable: it is not there.
        """
        wish = {"from": number, "to": to, "channel": channel, "body": body.reveal(), "voice": voice, "media": media,
                "location": location}
        answer = await self._ask("POST", "/standin/inbound", json=wish)
        return Written(answer["sid"], answer["status"], answer["ms"])

    async def received(self, number: str, after: int = 0, wait_s: float = 0.0) -> list[Received]:
        """What came to a phone after message number ``after``; waits up to ``wait_s`` for something new.

        Raises:
            StandInUnreachable: it is not there.
        """
        return (await self.screen(number, after, wait_s, float("inf")))[0]

    async def screen(self, number: str, after: int, wait_s: float, typing: float) -> tuple[list[Received], float]:
        """What came to a phone, and until when it shows that somebody is writing (0: it does not).

        Args:
            typing: until when the phone shows that already: it waits for something later than this.

        Raises:
            StandInUnreachable: it is not there.
        """
        path = f"/standin/phones/{quote(number, safe='')}?after={after}&wait={wait_s}&typing={typing}"
        answer = await self._ask("GET", path)
        return [
            Received(seen["number"], seen["channel"], seen["sender"], MessageText(seen["body"]), seen["at"])
            for seen in answer["messages"]
        ], float(answer.get("typing") or 0.0)

    async def age(self, number: str, to: str, channel: Channel, seconds: float) -> None:
        """Let a phone's last message be so many seconds old: the provider's reply window closes by it.

        Raises:
            StandInUnreachable: it is not there.
        """
        await self._ask("POST", "/standin/age", json={"from": number, "to": to, "channel": channel, "seconds": seconds})

    async def close(self) -> None:
        """Let go of the connections."""
        if self._open is not None:
            await self._open.close()
            self._open = None

    async def _ask(self, method: str, path: str, **rest: Any) -> dict[str, Any]:
        if self._open is None:
            connector = aiohttp.UnixConnector(path=self._socket) if self._socket else aiohttp.TCPConnector()
            self._open = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60))
        try:
            async with self._open.request(method, self._base + path, **rest) as response:
                if response.status != 200:
                    raise StandInUnreachable(f"status {response.status}")
                answer: dict[str, Any] = await response.json()
                return answer
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise StandInUnreachable("no answer") from None
