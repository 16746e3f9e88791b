"""The releases this gateway holds: the live one, and those that running talks began with."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.scripts.desks import Desks
from api.scripts.release import Release
from safety.danger import Lexicon
from safety.exit import ExitPhrases

_KEPT = 8


@dataclass(frozen=True, slots=True)
class Gate:
    """What the safety gate needs of the *live* release: exit phrases and danger words apply at once."""

    digest: str
    exits: ExitPhrases
    danger: Lexicon


class Releases:
    """Live release first; a talk keeps the one it began with while it is held."""

    def __init__(self, release: Release) -> None:
        self._held: OrderedDict[str, Release] = OrderedDict()
        self.publish(release)

    def publish(self, release: Release) -> None:
        """Make a release the live one."""
        self._held[release.digest] = release
        self._held.move_to_end(release.digest)
        while len(self._held) > _KEPT:
            self._held.popitem(last=False)
        self._gate = Gate(release.digest, release.exits, release.danger)

    def live(self) -> Gate:
        """The gate of the live release."""
        return self._gate

    def desks(self) -> Desks:
        """The desks of the live release: where somebody waits is never a matter of the release their talk began with."""
        return self._held[self._gate.digest].desks

    def holds(self, digest: str) -> bool:
        """Whether a talk can go on under this release."""
        return digest in self._held

    def get(self, digest: str) -> Release:
        """A release by digest; the live one when it is no longer held."""
        return self._held.get(digest) or self._held[self._gate.digest]

    def engine_part(self, digest: str) -> Mapping[str, Any]:
        """What the engine is given of a release."""
        return self.get(digest).engine_part()
