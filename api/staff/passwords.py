"""Passwords: Argon2id, and the same work for a name that does not exist."""

from __future__ import annotations

import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 12
LONGEST = 256


class WeakPassword(ValueError):
    """A password is 12 to 256 characters long."""

    def __init__(self) -> None:
        super().__init__(f"a password has {SHORTEST} to {LONGEST} characters")


class Passwords:
    """Hashing and checking with one set of costs.

    Args:
        hasher: argon2-cffi's; its defaults are RFC 9106's second recommendation (64 MiB, three passes).
    """

    __slots__ = ("_hasher", "_nobody")

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._nobody: str | None = None

    def hash(self, password: str) -> str:
        """The Argon2id hash to store.

        Raises:
            WeakPassword: too short or too long.
        """
        folded = unicodedata.normalize("NFKC", password)
        if not SHORTEST <= len(folded) <= LONGEST:
            raise WeakPassword
        return self._hasher.hash(folded)

    def matches(self, stored: str | None, password: str) -> bool:
        """Whether the password is right; takes as long when there is no such account (``stored`` is ``None``)."""
        against = stored if stored is not None else self._hash_of_nobody()
        try:
            right = self._hasher.verify(against, unicodedata.normalize("NFKC", password[: LONGEST * 4]))
        except (VerificationError, InvalidHashError):
            return False
        return right and stored is not None

    def prepare(self) -> None:
        """Make nobody's hash now, so that the first unknown name costs no more than the second."""
        self._hash_of_nobody()

    def _hash_of_nobody(self) -> str:
        if self._nobody is None:
            self._nobody = self._hasher.hash("no account has this password")
        return self._nobody
