"""Safe words: two plain words, made by the system, that alone bring back what was agreed after an exit. Duress words look
the same and lie in the same table: they leave, and ring (``inbound.py``).

safety.md: "Safe words are made by the system (two plain words), stored as HMAC and looked up for every message, so that
timing tells nothing." A safe word belongs to the number it was given to: forty thousand pairs are enough against the
few messages a number may send, not against everybody's words at once. Whoever reads the table without the quarter's
key sees neither words nor people.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped, unused-ignore]
import sqlalchemy as sa

from api.conversations.keys import PeriodKeys, quarter_of
from api.conversations.optouts import quarters_in_force
from api.conversations.sealing import CannotOpen, open_under, seal_under
from api.database import metadata
from safety import folding

_USE = "safewords"
_MOST = 4  # words of one number that hold at the same time; the oldest give way
_TRIES = 8
_PADDED = 512  # every record has one length, and so has the decoy that is opened when there is none

safe_words = sa.Table(
    "safe_words",
    metadata,
    sa.Column("mark", sa.LargeBinary(32), primary_key=True),
    sa.Column("owner", sa.LargeBinary(32), nullable=False, index=True),
    sa.Column("quarter", sa.String(8), nullable=False, index=True),
    sa.Column("record", sa.LargeBinary, nullable=False),
)


@dataclass(frozen=True, slots=True)
class SafeWord:
    """What to tell the person, once: the only place where the words themselves are.

    Attributes:
        replaces: other words were given in the same talk; those are void now, and the person must hear it.
    """

    words: str = field(repr=False)
    replaces: bool = False


@cache
def word_lists() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """First and second words, from ``safewords.txt``: two blocks parted by an empty line, ``#`` begins a remark."""
    text = (Path(__file__).parent / "safewords.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    first, second = "\n".join(lines).strip().split("\n\n")
    return tuple(first.split()), tuple(second.split())


def words_alone(text: str) -> str:
    """Folded words without the full stop that a phone sets by itself: what words are compared by at the door."""
    return " ".join(re.findall(r"\w+", folding.fold(text)))


def could_be(folded: str) -> bool:
    """Whether a message, folded by :func:`words_alone`, is made like words of ours: one of the first list, one of the
    second. Pure, and the same for everybody: only such a message costs the look-up at the door."""
    first, second = _folded_lists()
    words = folded.split()
    return len(words) == 2 and words[0] in first and words[1] in second


@cache
def _folded_lists() -> tuple[frozenset[str], frozenset[str]]:
    first, second = word_lists()
    return frozenset(map(words_alone, first)), frozenset(map(words_alone, second))


def make(
    connection: sa.Connection, keys: PeriodKeys, person: str, record: dict[str, Any], now: float,
    fold: Callable[[str], str], talk: int, *, duress: bool = False,
) -> SafeWord:
    """Make two words for this number. Those given in this same talk are void; those of an earlier one stay: whoever
    else holds the phone and asks for words must not lock out the person who was given some before.

    Args:
        record: what was agreed (codes, a safe contact); at most half a kilobyte when packed.
        fold: how every message is folded before :func:`recognise` sees it (``safety``'s).
        talk: tells talks of one number apart (the conversation's generation).
        duress: words that leave and ring. Each kind makes room for its own only: whoever holds the phone and asks for
            words again and again takes nobody's call for help away.
    """
    first, second = word_lists()
    every = _all_of(connection, keys, person, now)
    taken, secret = {mark for mark, _ in every}, keys.key(_USE, quarter_of(now))
    for _ in range(_TRIES):  # the same two words cannot mean both; forty thousand pairs, a handful taken
        words = f"{_pick(first, keys.random_bytes)} {_pick(second, keys.random_bytes)}"
        if _mark(secret, b"word", person, fold(words)) not in taken:
            break
    alike = [pair for pair in every if bool(pair[1].get("duress")) is duress]
    before = sorted(alike, key=lambda pair: int(pair[1].get("at", 0)))
    of_this_talk = [mark for mark, kept in before if kept.get("talk") == talk]
    oldest = [mark for mark, kept in before if kept.get("talk") != talk][: -(_MOST - 1)]
    connection.execute(sa.delete(safe_words).where(safe_words.c.mark.in_([*of_this_talk, *oldest])))
    kept = {"agreed": record, "talk": talk, "at": int(now), **({"duress": True} if duress else {})}
    _store(connection, keys, person, fold(words), kept, now)
    return SafeWord(words, replaces=bool(of_this_talk))


def recognise(
    connection: sa.Connection, keys: PeriodKeys, person: str, folded: str, now: float
) -> dict[str, Any] | None:
    """What was agreed, if this whole folded message is this number's safe word. Called for every message.

    Word or not, the same is done: a fingerprint for each quarter, one look-up, one record opened.
    """
    found = _find(connection, keys, person, folded, now)
    return None if found is None or found[1].get("duress") else dict(found[1].get("agreed") or {})


def recognise_duress(
    connection: sa.Connection, keys: PeriodKeys, person: str, folded: str, now: float
) -> dict[str, Any] | None:
    """What was agreed, if this whole folded message is this number's duress words. The same steps as :func:`recognise`."""
    found = _find(connection, keys, person, folded, now)
    return dict(found[1].get("agreed") or {}) if found is not None and found[1].get("duress") else None


def renew(connection: sa.Connection, keys: PeriodKeys, person: str, folded: str, now: float) -> bool:
    """Carry a safe word that was just used over into this quarter; whether there was one."""
    found = _find(connection, keys, person, folded, now)
    if found is None:
        return False
    mark, kept = found
    connection.execute(sa.delete(safe_words).where(safe_words.c.mark == mark))
    _store(connection, keys, person, folded, kept, now)
    return True


def change_duress(
    connection: sa.Connection, keys: PeriodKeys, person: str, change: dict[str, Any], now: float, talk: int
) -> int:
    """Change what is agreed beside the duress words given in this talk; a value of ``None`` goes. How many words that touched.

    Those of an earlier talk stay as they are: whoever else holds the phone must not turn somebody's call for help to
    themselves.
    """
    touched = 0
    rows = connection.execute(sa.select(safe_words).where(safe_words.c.owner.in_(_owners(keys, person, now)))).all()
    for row in rows:
        key = keys.key(_USE, row.quarter)
        kept = _opened(key, row.record, row.mark)
        if not kept.get("duress") or kept.get("talk") != talk:
            continue
        agreed = {name: value for name, value in {**(kept.get("agreed") or {}), **change}.items() if value is not None}
        sealed = seal_under(_sealing(key), _padded({**kept, "agreed": agreed}), row.mark, keys.random_bytes)
        connection.execute(sa.update(safe_words).where(safe_words.c.mark == row.mark).values(record=sealed))
        touched += 1
    return touched


def forget(connection: sa.Connection, keys: PeriodKeys, person: str, now: float) -> None:
    """This number has no safe word any more."""
    connection.execute(sa.delete(safe_words).where(safe_words.c.owner.in_(_owners(keys, person, now))))


def purge(connection: sa.Connection, keys: PeriodKeys, now: float) -> int:
    """What lapsed with its quarter goes, and the quarter's key with it; how many rows went."""
    in_force = quarters_in_force(now)
    gone = connection.execute(sa.delete(safe_words).where(safe_words.c.quarter.not_in(in_force)))
    keys.destroy_before(_USE, min(in_force))
    return int(gone.rowcount)


def _find(
    connection: sa.Connection, keys: PeriodKeys, person: str, folded: str, now: float
) -> tuple[bytes, dict[str, Any]] | None:
    quarters = quarters_in_force(now)
    secrets = {quarter: keys.key(_USE, quarter) for quarter in quarters}
    marks = [_mark(secrets[quarter], b"word", person, folded) for quarter in quarters]
    row = connection.execute(sa.select(safe_words).where(safe_words.c.mark.in_(marks))).first()
    if row is None:
        _decoy(secrets[quarters[0]])
        return None
    try:
        return row.mark, _opened(secrets[row.quarter], row.record, row.mark)
    except CannotOpen:
        return None


def _all_of(connection: sa.Connection, keys: PeriodKeys, person: str, now: float) -> list[tuple[bytes, dict[str, Any]]]:
    """The words of one number: their marks and what is kept with each."""
    rows = connection.execute(sa.select(safe_words).where(safe_words.c.owner.in_(_owners(keys, person, now)))).all()
    return [(row.mark, _opened(keys.key(_USE, row.quarter), row.record, row.mark)) for row in rows]


def _owners(keys: PeriodKeys, person: str, now: float) -> list[bytes]:
    return [_mark(keys.key(_USE, quarter), b"owner", person, "") for quarter in quarters_in_force(now)]


def _store(
    connection: sa.Connection, keys: PeriodKeys, person: str, folded: str, record: dict[str, Any], now: float
) -> None:
    quarter = quarter_of(now)
    key = keys.key(_USE, quarter)
    mark = _mark(key, b"word", person, folded)
    connection.execute(sa.insert(safe_words).values(
        mark=mark, owner=_mark(key, b"owner", person, ""), quarter=quarter,
        record=seal_under(_sealing(key), _padded(record), mark, keys.random_bytes),
    ))


def _opened(key: bytes, sealed: bytes, mark: bytes) -> dict[str, Any]:
    plain = open_under(_sealing(key), sealed, mark)
    record: dict[str, Any] = msgpack.unpackb(plain[2 : 2 + int.from_bytes(plain[:2])], raw=False)
    return record


def _decoy(key: bytes) -> None:
    sealed, mark = _decoy_record(key)
    _opened(key, sealed, mark)


@lru_cache(maxsize=2)
def _decoy_record(key: bytes) -> tuple[bytes, bytes]:
    return seal_under(_sealing(key), _padded({}), bytes(32), lambda length: bytes(length)), bytes(32)


def _padded(record: dict[str, Any]) -> bytes:
    plain: bytes = msgpack.packb(record, use_bin_type=True)
    if len(plain) > _PADDED - 2:
        raise ValueError("what a safe word brings back must fit in half a kilobyte")
    return (len(plain).to_bytes(2) + plain).ljust(_PADDED, b"\0")


def _pick(words: tuple[str, ...], random_bytes: Callable[[int], bytes]) -> str:
    return words[int.from_bytes(random_bytes(8)) % len(words)]  # the bias of 64 bits over 200 words is nil


def _mark(key: bytes, what: bytes, person: str, folded: str) -> bytes:
    return hmac.digest(key, b"\0".join((what, person.encode(), folded.encode("utf-8", "surrogatepass"))), "sha256")


def _sealing(key: bytes) -> bytes:
    """A key of its own for sealing: the quarter's key makes fingerprints."""
    return hmac.digest(key, b"seal records", "sha256")
