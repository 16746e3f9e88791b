"""The screening sets in force, by release digest.

The gateway pushes a release's data to the engine; an action finds it by the digest in the turn's facts.
A change of questions needs no training and no restart.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from safety.screening import Instruments, load_instruments

_KEPT = 4  # running talks finish on the release they began with


class LacksRelease(LookupError):
    """The engine has not been given the release this turn names."""


class Releases:
    """The releases this engine holds, newest last."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, Instruments] = OrderedDict()

    def put(self, digest: str, part: Mapping[str, Any]) -> None:
        """Take a release's engine part.

        Raises:
            safety.screening.InstrumentError: a screening file breaks a rule of screening.md.
        """
        self._held[digest] = load_instruments(part["screening"])
        self._held.move_to_end(digest)
        while len(self._held) > _KEPT:
            self._held.popitem(last=False)

    def __contains__(self, digest: object) -> bool:
        return digest in self._held

    def instruments(self, digest: str) -> Instruments:
        """The screening sets of a release; without a digest, those of the working tree (``rasa shell``, ``rasa test``).

        Raises:
            LacksRelease: it was never put here, or has been pushed out since.
        """
        if not digest and digest not in self._held:
            self.put("", {"screening": _working_tree()})
        try:
            return self._held[digest]
        except KeyError:
            raise LacksRelease(digest) from None


def _working_tree() -> dict[str, Any]:
    files = sorted((Path(__file__).resolve().parent.parent / "scripts" / "screening").glob("*.yml"))
    return {file.stem: yaml.safe_load(file.read_text(encoding="utf-8")) for file in files}


RELEASES = Releases()
"""One an engine process: Rasa makes action objects by itself, so they find it here."""
