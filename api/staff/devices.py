"""A browser somebody has signed in with before: its tries are counted apart from everybody else's.

Behind a proxy, or in one office, many people come from one address. Whoever guesses there would slow down whoever
works there; a browser that is known is counted by itself, so it stays open whatever is tried beside it (OWASP, "Slow
down online guessing attacks with device cookies"). The cookie lets nobody in and names nobody: it is sealed.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

from api.conversations.sealing import CannotOpen, Keyring

REMEMBERED_SECONDS = 30 * 24 * 3600
"""Since the last sign-in. A machine that is given away does not say for longer that somebody of ours used it."""

_LONGEST = 512


class Devices:
    """Makes and reads the cookie of a known browser.

    Args:
        secure: whether the gateway is reached by https; decides the cookie's name and flag.
        practice: whether this is the world of made-up people, whose cookies have names of their own.
    """

    __slots__ = ("_clock", "_keyring", "_random_bytes", "cookie", "secure")

    def __init__(
        self, keyring: Keyring, *, clock: Callable[[], float], random_bytes: Callable[[int], bytes], secure: bool,
        practice: bool = False,
    ) -> None:
        self._keyring, self._clock, self._random_bytes, self.secure = keyring, clock, random_bytes, secure
        self.cookie = ("__Host-hams-known" if secure else "hams-known") + ("-practice" if practice else "")

    def remember(self, staff_id: str) -> str:
        """What the cookie carries after a sign-in: account, time, and a number that tells two browsers apart."""
        value = f"{staff_id}:{int(self._clock())}:{self._random_bytes(8).hex()}"
        return base64.urlsafe_b64encode(self._keyring.seal("device", value.encode(), b"known")).rstrip(b"=").decode()

    def lane(self, cookie: str | None, staff_id: str | None) -> str | None:
        """The name under which tries of this browser for this account are counted; ``None`` if it is not known for it.

        Args:
            cookie: its value, from outside, of any shape.
        """
        if cookie is None or staff_id is None or len(cookie) > _LONGEST:
            return None
        try:
            sealed = base64.urlsafe_b64decode(cookie.encode("ascii", "strict") + b"=" * (-len(cookie) % 4))
            owner, since, number = self._keyring.open("device", sealed, b"known").decode().split(":")
        except (CannotOpen, ValueError, binascii.Error):
            return None
        if owner != staff_id or self._clock() - int(since) > REMEMBERED_SECONDS:
            return None
        return number
