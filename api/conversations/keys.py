"""Keys that live for an hour, a day or a quarter, in files outside the database, and are then destroyed.

A database keeps dead rows, logs and backups, so overwriting a row erases little; what a row seals is gone when the
key is (architecture.md 4: "sealed under a key of its own whose wrapping key lies outside SQL and is destroyed by day").
The directory is shared by the gateways of a deployment and left out of its backups.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from api.conversations.sealing import Keyring

_PURPOSE = "period key"


def hour_of(now: float) -> str:
    """``2026-11-22T13`` (UTC)."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H")


def day_of(now: float) -> str:
    """``2026-11-22`` (UTC)."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d")


def quarter_of(now: float) -> str:
    """``2026Q4`` (UTC)."""
    date = datetime.fromtimestamp(now, UTC)
    return f"{date.year}Q{(date.month + 2) // 3}"


class PeriodKeys:
    """One random 32-byte key for each use and period, each in a file of its own, sealed by the process's keyring.

    Args:
        directory: made with mode 0700 when it is not there.
    """

    def __init__(self, directory: Path, keyring: Keyring, random_bytes: Callable[[int], bytes]) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory, self._keyring, self.random_bytes = directory, keyring, random_bytes
        self._known: dict[tuple[str, str], bytes] = {}
        self._lock = threading.Lock()

    def key(self, use: str, period: str) -> bytes:
        """The key, made now if it is the first time this use needs it in this period."""
        with self._lock:
            found = self._find(use, period)
            if found is not None:
                return found
            key = self.random_bytes(32)
            path = self._path(use, period)
            draft = path.with_name(f".{path.name}.{self.random_bytes(8).hex()}")
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                os.write(handle, self._keyring.seal(_PURPOSE, key, path.name.encode()))
                os.fsync(handle)
            finally:
                os.close(handle)
            with contextlib.suppress(FileExistsError):  # another gateway was first: its key counts
                os.link(draft, path)
            _overwrite(draft, draft_of=path)
            _sync(self._directory)
            made = self._find(use, period)
            if made is None:
                raise OSError("a period's key could not be written")
            return made

    def find(self, use: str, period: str) -> bytes | None:
        """The key, or nothing if it was destroyed or never made.

        Raises:
            CannotOpen: a secret that once sealed it is no longer in the keyring.
        """
        with self._lock:
            return self._find(use, period)

    def reseal(self) -> int:
        """Seal every key's file under the newest secret (``./hams keys rotate``); how many were moved."""
        moved = 0
        with self._lock:
            for path in self._directory.glob("*.*"):
                sealed = path.read_bytes()
                if path.name.startswith(".") or self._keyring.is_current(sealed):
                    continue
                key = self._keyring.open(_PURPOSE, sealed, path.name.encode())
                draft = path.with_name(f".{path.name}.{self.random_bytes(8).hex()}")
                handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                try:
                    os.write(handle, self._keyring.seal(_PURPOSE, key, path.name.encode()))
                    os.fsync(handle)
                finally:
                    os.close(handle)
                draft.replace(path)
                moved += 1
            _sync(self._directory)
        return moved

    def destroy_before(self, use: str, period: str) -> int:
        """Overwrite and remove every key of this use from before ``period``; how many files went."""
        with self._lock:
            for known in [known for known in self._known if known[0] == use and known[1] < period]:
                del self._known[known]
            old = [path for path in self._directory.glob(f"{use}.*") if path.name.split(".", 1)[1] < period]
            for path in old:
                _overwrite(path)
            if old:
                _sync(self._directory)
            return len(old)

    def _find(self, use: str, period: str) -> bytes | None:
        known = self._known.get((use, period))
        if known is None:
            path = self._path(use, period)
            try:
                sealed = path.read_bytes()
            except FileNotFoundError:
                return None
            known = self._known[use, period] = self._keyring.open(_PURPOSE, sealed, path.name.encode())
        return known

    def _path(self, use: str, period: str) -> Path:
        if not use.isidentifier() or not all(letter.isalnum() or letter == "-" for letter in period):
            raise ValueError("a use is a word, a period an hour, day or quarter")
        return self._directory / f"{use}.{period}"


def _overwrite(path: Path, draft_of: Path | None = None) -> None:
    """Zeros, then gone. On flash the old block may linger; it is sealed by a secret that is not on this disk."""
    with contextlib.suppress(FileNotFoundError):
        if draft_of is None or not draft_of.samefile(path):  # a draft that became the key is only unlinked
            handle = os.open(path, os.O_WRONLY)
            try:
                os.write(handle, bytes(os.fstat(handle).st_size))
                os.fsync(handle)
            finally:
                os.close(handle)
        path.unlink()


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
