from __future__ import annotations

import os
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from conversation_parts import SECRET

from api.conversations import safewords
from api.conversations.keys import PeriodKeys
from api.conversations.safewords import word_lists
from api.conversations.sealing import Keyring
from api.database import Database

MAY = datetime(2026, 5, 10, tzinfo=UTC).timestamp()
LAST_OF_JUNE = datetime(2026, 6, 30, tzinfo=UTC).timestamp()
DAY = 86_400
AGREED = {"contact": "safe", "after": 18}


def fold(words: str) -> str:
    """As much folding as these tests need; the product's stands in ``safety``."""
    return " ".join(words.translate(str.maketrans("أإآىة", "اااي" + "ه")).split())


@pytest.fixture
def keys(tmp_path: Path, keyring: Keyring) -> PeriodKeys:
    return PeriodKeys(tmp_path / "keys", keyring, os.urandom)


async def make(database: Database, keys: PeriodKeys, now: float = MAY, person: str = "p1", talk: int = 1) -> str:
    made = await database.write(lambda connection: safewords.make(connection, keys, person, AGREED, now, fold, talk))
    return made.words


async def heard(database: Database, keys: PeriodKeys, words: str, now: float = MAY, person: str = "p1") -> object:
    return await database.read(lambda connection: safewords.recognise(connection, keys, person, fold(words), now))


async def test_the_safe_word_brings_back_what_was_agreed(database: Database, keys: PeriodKeys) -> None:
    words = await make(database, keys)
    assert len(words.split()) == 2
    assert await heard(database, keys, words) == AGREED
    assert await heard(database, keys, f"  {words} ") == AGREED, "folding belongs to the caller and counts"


async def test_nothing_else_does(database: Database, keys: PeriodKeys) -> None:
    words = await make(database, keys)
    first, second = words.split()
    for other in (first, second, f"{second} {first}", f"{words} {first}", "", "مرحبا"):
        assert await heard(database, keys, other) is None
    assert await heard(database, keys, words, person="p2") is None, "it belongs to the number it was given to"


async def test_asked_for_again_in_one_talk_only_the_new_words_hold(database: Database, keys: PeriodKeys) -> None:
    old = await make(database, keys)
    again = await database.write(lambda connection: safewords.make(connection, keys, "p1", AGREED, MAY, fold, 1))
    assert again.replaces
    assert await heard(database, keys, again.words) == AGREED
    assert again.words == old or await heard(database, keys, old) is None


async def test_whoever_asks_for_words_in_another_talk_locks_nobody_out(database: Database, keys: PeriodKeys) -> None:
    hers = await make(database, keys, talk=1)
    others = await database.write(lambda connection: safewords.make(connection, keys, "p1", AGREED, MAY, fold, 2))
    assert not others.replaces, "nothing may show that there were words before"
    assert await heard(database, keys, hers) == AGREED
    assert await heard(database, keys, others.words) == AGREED


async def test_of_many_words_the_oldest_give_way(database: Database, keys: PeriodKeys) -> None:
    given = [await make(database, keys, MAY + talk, talk=talk) for talk in range(1, 7)]
    known = [await heard(database, keys, words) is not None for words in given]
    assert known[-4:] == [True] * 4 and sum(known) <= 4 + (len(given) - len(set(given)))


async def test_it_can_be_forgotten(database: Database, keys: PeriodKeys) -> None:
    words = await make(database, keys)
    await database.write(lambda connection: safewords.forget(connection, keys, "p1", MAY))
    assert await heard(database, keys, words) is None


async def test_it_lapses_with_its_quarter_unless_used_in_the_first_two_weeks_of_the_next(
    database: Database, keys: PeriodKeys
) -> None:
    used, unused = await make(database, keys, LAST_OF_JUNE), await make(database, keys, LAST_OF_JUNE, "p2")
    assert await heard(database, keys, used, LAST_OF_JUNE + DAY) == AGREED
    assert await database.write(
        lambda connection: safewords.renew(connection, keys, "p1", fold(used), LAST_OF_JUNE + DAY)
    )
    late = LAST_OF_JUNE + 30 * DAY
    assert await heard(database, keys, used, late) == AGREED
    assert await heard(database, keys, unused, late, "p2") is None
    assert await database.write(lambda connection: safewords.purge(connection, keys, late)) == 1
    assert keys.find("safewords", "2026Q2") is None
    assert not await database.write(lambda connection: safewords.renew(connection, keys, "p2", fold(unused), late))


async def test_the_table_shows_neither_words_nor_people_nor_what_was_agreed(
    database: Database, keys: PeriodKeys
) -> None:
    words = await make(database, keys)
    await make(database, keys, person="p2")
    rows = await database.read(lambda connection: connection.execute(sa.select(safewords.safe_words)).all())
    packed = b"".join(row.mark + row.owner + row.record for row in rows)
    assert not any(word.encode() in packed for word in (*words.split(), "p1", "safe", "contact"))
    assert len({len(row.record) for row in rows}) == 1, "and its length says nothing either"


async def test_what_was_agreed_must_be_short(database: Database, keys: PeriodKeys) -> None:
    with pytest.raises(ValueError):
        await database.write(lambda connection: safewords.make(connection, keys, "p1", {"x": "y" * 600}, MAY, fold, 1))


async def test_a_message_that_is_no_safe_word_costs_the_same_steps(
    database: Database, keys: PeriodKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = await make(database, keys)
    opened: list[int] = []
    real = safewords.open_under
    monkeypatch.setattr(safewords, "open_under", lambda *parts: (opened.append(len(parts[1])), real(*parts))[1])
    await heard(database, keys, words)
    await heard(database, keys, "مرحبا")
    assert len(opened) == 2 and opened[0] == opened[1]


def test_its_time_tells_nothing_that_could_be_seen_from_outside(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 's.db'}")
    keys = PeriodKeys(tmp_path / "keys", Keyring([SECRET]), os.urandom)
    with engine.connect() as connection:
        safewords.safe_words.create(connection)
        words = safewords.make(connection, keys, "p1", AGREED, MAY, fold, 1).words

        def median(message: str) -> float:
            took = []
            for _ in range(200):
                began = time.perf_counter()
                safewords.recognise(connection, keys, "p1", fold(message), MAY)
                took.append(time.perf_counter() - began)
            return statistics.median(took)

        median("warm up")
        assert abs(median(words) - median("برتقال مرحبا")) < 0.001


def test_the_words_are_plain_enough_and_no_two_sound_the_same_when_folded() -> None:
    first, second = word_lists()
    assert len(first) >= 200 and len(second) >= 200
    folded = [fold(word) for word in (*first, *second)]
    assert len(set(folded)) == len(folded)
    assert all(3 <= len(word) <= 9 or word in ("فل", "تل") or len(word) == 2 for word in folded)
    assert all(all("ء" <= letter <= "ي" for letter in word) for word in (*first, *second))


def test_every_word_can_be_picked() -> None:
    words = tuple("abc")
    picked = {safewords._pick(words, lambda length, at=at: at.to_bytes(length)) for at in range(3)}  # type: ignore[misc]
    assert picked == set(words)


# -- duress ------------------------------------------------------------------------------------------------------------


async def set_up(database: Database, keys: PeriodKeys, *, talk: int = 1, now: float = MAY) -> str:
    made = await database.write(
        lambda c: safewords.make(c, keys, "p1", AGREED, now, safewords.words_alone, talk, duress=True)
    )
    return made.words


async def test_duress_words_are_duress_words_and_safe_words_are_not(database: Database, keys: PeriodKeys) -> None:
    duress, safe = await set_up(database, keys), await make(database, keys)

    async def ask(words: str, person: str = "p1") -> tuple[object, object]:
        folded = safewords.words_alone(words)
        return await database.read(lambda c: (
            safewords.recognise(c, keys, person, folded, MAY), safewords.recognise_duress(c, keys, person, folded, MAY),
        ))

    assert await ask(duress) == (None, AGREED)
    assert await ask(safe) == (AGREED, None)
    assert await ask(duress, "p2") == (None, None)


async def test_asking_for_safe_words_again_and_again_takes_no_duress_words_away(database: Database, keys: PeriodKeys) -> None:
    duress = safewords.words_alone(await set_up(database, keys))
    for talk in range(1, 12):
        await make(database, keys, MAY + talk, talk=talk)
    assert await database.read(lambda c: safewords.recognise_duress(c, keys, "p1", duress, MAY)) == AGREED


async def test_the_table_does_not_tell_one_kind_from_the_other(database: Database, keys: PeriodKeys) -> None:
    await set_up(database, keys)
    await make(database, keys)
    rows = await database.read(lambda c: c.execute(sa.select(safewords.safe_words)).all())
    assert len(rows) == 2 and len({len(row.record) for row in rows}) == 1


async def test_the_same_two_words_are_never_made_twice_for_a_number(
    database: Database, keys: PeriodKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = iter([0, 0, 0, 0, 1, 0])  # places in the lists; the second pair is the first again
    monkeypatch.setattr(safewords, "_pick", lambda words, _: words[next(turns)])
    duress = await set_up(database, keys)
    safe = await database.write(lambda c: safewords.make(c, keys, "p1", AGREED, MAY, safewords.words_alone, 1))
    first, second = word_lists()
    assert (duress, safe.words) == (f"{first[0]} {second[0]}", f"{first[1]} {second[0]}")


def test_only_a_message_made_like_our_words_is_looked_up() -> None:
    first, second = word_lists()
    for words in (f"{first[0]} {second[0]}", f" {first[-1]}، {second[-1]}. ", f"{first[3]}\n{second[5]}"):
        assert safewords.could_be(safewords.words_alone(words)), words
    for words in ("", first[0], f"{second[0]} {first[0]}", f"{first[0]} {second[0]} {first[0]}", "مرحبا كيفك", "0", "help me"):
        assert not safewords.could_be(safewords.words_alone(words)), words


def test_no_pair_of_ours_is_an_exit_or_danger() -> None:
    from safety.danger import find_danger
    from safety.exit import is_exit
    from tests.fixtures_line import shipped_release

    release = shipped_release()
    first, second = word_lists()
    for one, two in [*zip(first, second, strict=False), *zip(first, reversed(second), strict=False)]:
        assert not is_exit(f"{one} {two}", release.exits) and find_danger(f"{one} {two}", release.danger) is None
