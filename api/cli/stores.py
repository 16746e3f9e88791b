"""What a command needs of the two stores before it goes on: that they answer, or one line that says which does not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

from api.cli.say import Failure
from api.settings import Settings

T = TypeVar("T")

PATIENCE_S = 3.0
"""For a server that is started beside us; a service manager that starts us again and again must not give up on us."""


class NotYet(Exception):
    """Nobody answers: worth another try. The message is for the person at the keyboard."""


def refuse_stores_that_do_not_answer(settings: Settings) -> None:
    """Try what the gateway will need, as the gateway will: it could only die of it, again and again.

    Raises:
        Failure: a store is away or refuses; the message names the setting and nothing of its value.
    """
    from api.cli.casework import open_database

    refuse_a_redis_that_does_not_answer(settings)
    with open_database(settings):
        pass


def refuse_a_redis_that_does_not_answer(settings: Settings) -> None:
    """The same for the short-lived alone. The embedded one is the supervisor's.

    Raises:
        Failure: it is away or refuses.
    """
    if settings.redis_url is not None:
        url = settings.redis_url
        patiently("HAMS_REDIS_URL", lambda: asyncio.run(_ping(url)))


def patiently(setting: str, attempt: Callable[[], T], patience_s: float | None = None) -> T:
    """What ``attempt`` returns; while nobody answers it is tried again for a few seconds.

    Raises:
        Failure: nobody answered in that time.
    """
    until = time.monotonic() + (PATIENCE_S if patience_s is None else patience_s)
    while True:
        try:
            return attempt()
        except NotYet as problem:
            if time.monotonic() >= until:
                raise Failure(f"{setting}: {problem}") from None
        time.sleep(0.3)


async def _ping(url: str) -> None:
    from redis.exceptions import AuthenticationError, RedisError, ResponseError

    from api.conversations.wire import connect

    try:
        client = connect(url)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await client.ping()
        finally:
            await client.aclose()
    except AuthenticationError:
        raise Failure("HAMS_REDIS_URL: the server does not let this user in") from None
    except ResponseError:
        raise Failure("HAMS_REDIS_URL: the server refuses its database's number, or gives this user no rights") from None
    except (RedisError, OSError, TimeoutError) as error:
        trust = ", or not with a certificate we trust" if url.startswith("rediss") else ""
        raise NotYet(f"no Redis answers there{trust} ({type(error).__name__})") from None
    except (TypeError, ValueError):  # an option after the ? that the client does not know
        raise Failure("HAMS_REDIS_URL: has an option the client does not take") from None
