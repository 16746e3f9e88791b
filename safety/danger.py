"""Danger by rule: does this message say that harm is happening now, or might it?

A reader sees *who does what, with what, when*. So do the rules: ``scripts/phrases/danger.yml`` names concepts (a weapon, a
door, hitting, now) with their words in every dialect, says which concepts together mean danger, and what takes it back:
past time, negation, an if, a figure of speech, a film, a closed case. Staff read and extend that file; this module only
matches it. The model's worry is added elsewhere; whoever is more worried decides (safety.md).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from safety.concepts import TOKEN, Forms, Phrases, arabizi_key, bones, by_second_word, every_form, phrases_in
from safety.folding import fold

Level = Literal["now", "maybe"]
Reach = Literal["message", "sentence", "clause", "part", "part_rest", "before", "beside", "rest"]

#: The flags of intents.yml, in the order in which codes are given.
FLAGS: Final = (
    "danger_now", "weapon", "threat_to_kill", "strangulation", "sexual_violence", "child_at_risk", "minor_speaking",
    "self_harm", "confinement", "pregnancy", "injury", "honour", "blackmail",
)


@dataclass(frozen=True, slots=True)
class Danger:
    """What the rules saw. ``now`` rings the bell, ``maybe`` leads to the one question; codes are flags of intents.yml."""

    level: Level
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """Concepts that together mean danger. Each slot is a set of concepts of which one must be present.

    ``at_most`` is the longest message, in words, of which this holds; 0 is any. Two words and nothing else are a cry.
    """

    says: str
    level: Level
    slots: tuple[frozenset[str], ...]
    in_order: bool
    within: int
    across: bool
    at_most: int
    flags: frozenset[str]
    despite: frozenset[str]


@dataclass(frozen=True, slots=True)
class Defeater:
    """A concept that takes danger back, and how far it reaches."""

    concept: str
    reach: Reach


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The compiled ``danger.yml``. Words are keyed by folded forms; phrases by their first, then by their second word."""

    words: Mapping[str, frozenset[str]]
    phrases: Phrases
    flags: Mapping[str, str]
    patterns: tuple[Pattern, ...]
    defeaters: tuple[Defeater, ...]
    turns: frozenset[str]
    turns_after_and: frozenset[str]
    tells: frozenset[str]
    meanwhile: frozenset[str]
    tells_not_after: frozenset[str]
    reached_over: frozenset[str]
    idle: frozenset[str]
    takes_back: frozenset[str]
    known: frozenset[str]


class LexiconNotUsable(ValueError):
    """The danger file is not what this module can match.

    Attributes:
        path: section and the concept's name or the entry's number from 0, as ``("danger", 3)``; empty for the whole.
        others: what else is wrong.
        lacks: it names a concept that is not there.
    """

    def __init__(self, problem: str, others: Sequence[LexiconNotUsable] = (), *, lacks: bool = False) -> None:
        super().__init__(problem)
        self.path: tuple[str | int, ...] = ()
        self.others = tuple(others)
        self.lacks = lacks


# Clitics a listed word may carry; the form with the least taken off wins. Not …ش: it belongs to a negation (مبيضربنيش).
_BEFORE: Final = frozenset((
    "و", "ف", "ب", "ل", "ك", "ه", "ح", "س", "ع", "ال", "وال", "بال", "فال", "كال", "هال", "عال", "وب", "ول", "وع", "وه", "وح", "وس",
    "فب", "فه", "عم", "وعم", "عمب", "عمي", "وبال", "وعال", "لل", "ولل", "فس", "م", "وم", "دا", "مال",
))
_AFTER: Final = frozenset((
    "ني", "ه", "ها", "هم", "هن", "هون", "نا", "ك", "كي", "كم", "كن", "ي", "يا", "و", "وا", "ون", "وني", "وه", "وها", "وهم", "ونا", "ونه",
    "ونها", "ونني", "ين", "ات", "ت", "تي", "ته", "تها", "تهم", "نها", "اني", "ن", "ج", "ا", "ان", "هما", "يه", "يها",
))
# What a verb listed under "did" is looked for with: he hit me, her, him, us; they hit me, her. Alone it is often a noun (ضرب).
_OBJECTS: Final = ("ني", "ها", "ه", "نا", "وني", "وها")
_LATIN_OBJECTS: Final = ("ni", "ha", "o", "na", "oni", "oha")

# What danger.yml is made of. A name with a slip in it would be passed over in silence, and its words with it.
_NAMES_OF_CONCEPTS: Final = ("turns", "turns_after_and", "tells", "meanwhile", "reached_over", "idle")
_SECTIONS: Final = frozenset(("concepts", "danger", "not_danger", "tells_not_after", *_NAMES_OF_CONCEPTS))
_OF_A_CONCEPT: Final = frozenset(("words", "did", "doing", "flag"))
_DIALECTS: Final = frozenset(("levantine", "gulf", "egyptian", "msa", "arabizi", "english"))
_OF_A_PATTERN: Final = frozenset(("says", "level", "all", "in_order", "within", "across", "at_most", "flags", "despite"))
_OF_A_DEFEATER: Final = frozenset(("concept", "reach"))

_LATIN_AFTER: Final = ("n", "h", "hm", "hn", "k", "na", "m")

_SENTENCE_ENDS: Final = frozenset("!?;\n")
_BEGINNING: Final = 4
"""A message whose first so many words name a film begins with it: "i watched a movie"."""


def compile_lexicon(data: Mapping[str, Any]) -> Lexicon:
    """Build the lexicon from the parsed ``danger.yml``.

    Raises:
        LexiconNotUsable: for an unknown concept, flag, level, reach or key, a concept without words, or a pattern without
            slots; names the first refusal and keeps all others beside it.
    """
    words: dict[str, set[str]] = {}
    phrases: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    flags: dict[str, str] = {}
    refused: list[LexiconNotUsable] = []
    concepts = data.get("concepts")
    if not isinstance(concepts, Mapping) or not concepts:
        raise LexiconNotUsable("concepts: missing or empty")
    for name, concept in concepts.items():
        with _noted(refused, "concepts", name):
            _add_concept(name, concept, words, phrases, flags)
    patterns: list[Pattern] = []
    for number, item in enumerate(data.get("danger", ())):
        with _noted(refused, "danger", number):
            patterns.append(_pattern(item, concepts))
    defeaters: list[Defeater] = []
    for number, item in enumerate(data.get("not_danger", ())):
        with _noted(refused, "not_danger", number):
            defeaters.append(_defeater(item, concepts))
    for section in data:
        if section not in _SECTIONS:
            refused.append(LexiconNotUsable(f"unknown section {section}"))
            refused[-1].path = (section,)
    for section in _NAMES_OF_CONCEPTS:
        for number, name in enumerate(data.get(section, ())):
            with _noted(refused, section, number):
                _refuse_unknown({name}, concepts, section, "concepts")
    if refused:
        first, *others = refused
        first.others = tuple(others)
        raise first
    return Lexicon(
        words={word: frozenset(names) for word, names in words.items()},
        phrases=by_second_word(phrases),
        flags=flags,
        patterns=tuple(sorted(patterns, key=lambda pattern: pattern.level != "now")),
        defeaters=tuple(defeaters),
        turns=frozenset(data.get("turns", ())),
        turns_after_and=frozenset(data.get("turns_after_and", ())),
        tells=frozenset(data.get("tells", ())),
        meanwhile=frozenset(data.get("meanwhile", ())),
        tells_not_after=frozenset(fold(str(word)) for word in data.get("tells_not_after", ())),
        reached_over=frozenset(data.get("reached_over", ())),
        idle=frozenset(data.get("idle", ())),
        takes_back=frozenset(defeater.concept for defeater in defeaters),
        known=every_form(words, phrases),
    )


@contextmanager
def _noted(refused: list[LexiconNotUsable], section: str, at: str | int) -> Iterator[None]:
    """Goes on after a refusal, so that whoever mends the file sees all of them at once."""
    try:
        yield
    except LexiconNotUsable as refusal:
        refused.append(refusal)
        refusal.path = (section, at)
    except (AttributeError, KeyError, TypeError, ValueError):
        # A list where a map belongs and its like: data that was parsed, whose form nobody has checked yet.
        refused.append(LexiconNotUsable(f"{section}: {at}: is not built as the head of the file says"))
        refused[-1].path = (section, at)


def _refuse_unknown(given: Iterable[Any], known: Iterable[str], place: str, kind: str = "keys") -> None:
    """A slip of the pen in a name, which would take what stands under it out of the rules."""
    if unknown := sorted(set(map(str, given)) - set(known)):
        raise LexiconNotUsable(f"{place}: unknown {kind}: {', '.join(unknown)}", lacks=kind == "concepts")


def _add_concept(
    name: str,
    concept: Mapping[str, Any],
    words: dict[str, set[str]],
    phrases: dict[str, list[tuple[tuple[str, ...], str]]],
    flags: dict[str, str],
) -> None:
    _refuse_unknown(concept, _OF_A_CONCEPT, f"concepts: {name}")
    groups = [concept.get(listed, {}) for listed in ("words", "did", "doing")]
    for group in groups:
        _refuse_unknown(group if isinstance(group, Mapping) else (), _DIALECTS, f"concepts: {name}", "dialects")
    if not any(listed for group in groups for listed in (group.values() if isinstance(group, Mapping) else (group,))):
        raise LexiconNotUsable(f"concepts: {name}: has no words")
    if (flag := concept.get("flag")) is not None:
        if flag not in FLAGS:
            raise LexiconNotUsable(f"concepts: {name}: unknown flag {flag}")
        flags[name] = flag
    for entry in _entries(concept.get("words", {})):
        _add_entry(entry, name, words, phrases)
    for entry in _entries(concept.get("did", {})):
        for ending in _LATIN_OBJECTS if entry.startswith("~") else _OBJECTS:
            _add_entry(f"{entry}{ending}", name, words, phrases)
    for entry in _entries(concept.get("doing", {})):
        for person in _persons(entry):
            _add_entry(person, name, words, phrases)


def _defeater(item: Mapping[str, Any], concepts: Mapping[str, Any]) -> Defeater:
    _refuse_unknown(item, _OF_A_DEFEATER, f"not_danger: {item.get('concept')}")
    if item.get("concept") not in concepts:
        raise LexiconNotUsable(f"not_danger: unknown concept {item.get('concept')}", lacks=True)
    if item.get("reach") not in get_args(Reach):
        raise LexiconNotUsable(f"not_danger: {item['concept']}: unknown reach {item.get('reach')}")
    return Defeater(item["concept"], item["reach"])


def _entries(groups: Any) -> Iterable[str]:
    """All words of a concept; the dialect they are filed under is for the reader and for Latin spelling."""
    if not isinstance(groups, Mapping):
        raise TypeError("words, did and doing are lists by dialect")
    for dialect, listed in groups.items():
        for entry in listed or ():
            yield f"~{entry}" if dialect == "arabizi" else str(entry)


def _persons(entry: str) -> tuple[str, ...]:
    """A verb listed as "he does": also "she does", "we do" (what they say) and the Levantine he-form with ب."""
    arabizi = entry.startswith("~")
    stem = entry[2:] if arabizi else entry[1:]
    if arabizi:
        return (entry, f"~t{stem}", f"~b{stem}")
    return (entry, f"ت{stem}", f"ب{stem}", f"ن{stem}")


def _add_entry(
    entry: str, concept: str, words: dict[str, set[str]], phrases: dict[str, list[tuple[tuple[str, ...], str]]]
) -> None:
    arabizi = entry.startswith("~")
    parts = [part.replace("'", "") for part in fold(entry.lstrip("~")).split()]
    if not any(map(str.isalnum, "".join(parts))):
        raise LexiconNotUsable(f"concepts: {concept}: an empty word")
    keys = [arabizi_key(part) if arabizi else part for part in parts]
    if len(parts) == 1 and entry.startswith("="):
        words.setdefault(f"={parts[0].lstrip('=')}", set()).add(concept)
        return
    if len(parts) == 1:
        words.setdefault(keys[0], set()).add(concept)
        words.setdefault(parts[0], set()).add(concept)
        return
    phrases.setdefault(keys[0], []).append((tuple(keys), concept))


def _pattern(item: Mapping[str, Any], concepts: Mapping[str, Any]) -> Pattern:
    says = str(item.get("says", ""))
    slots = tuple(frozenset(str(slot).split("|")) for slot in item.get("all", ()))
    if not says or not slots:
        raise LexiconNotUsable(f"danger: {says or item}: needs says and all")
    _refuse_unknown(item, _OF_A_PATTERN, f"danger: {says}")
    _refuse_unknown({*(name for slot in slots for name in slot), *item.get("despite", ())}, concepts, f"danger: {says}", "concepts")
    level = item.get("level")
    if level not in ("now", "maybe"):
        raise LexiconNotUsable(f"danger: {says}: level is now or maybe")
    flags = frozenset(item.get("flags", ()))
    if flags - set(FLAGS):
        raise LexiconNotUsable(f"danger: {says}: unknown flags {sorted(flags - set(FLAGS))}")
    return Pattern(
        says, level, slots, bool(item.get("in_order", False)), int(item.get("within", 8)), bool(item.get("across", False)),
        int(item.get("at_most", 0)), flags, frozenset(item.get("despite", ())),
    )


@dataclass(frozen=True, slots=True)
class _Reading:
    """A message as concepts: where each begins (token numbers), and which clause, and part of one, each token belongs to."""

    places: dict[str, list[int]]
    clauses: list[int]
    parts: list[int]
    taken_back: dict[str, _TakenBack]


@dataclass(frozen=True, slots=True)
class _TakenBack:
    """What one defeater reaches in one message; worked out once, so that no repetition can make a message slow."""

    everything: bool
    clauses: frozenset[int]
    parts: frozenset[int]
    tokens: frozenset[int]
    after: Mapping[int, int]


def find_danger(text: str, lexicon: Lexicon) -> Danger | None:
    """The most worried thing the rules can say about a message; ``None`` if nothing."""
    reading = _read(fold(text), lexicon)
    if not reading.places:
        return None
    best: Level | None = None
    codes: set[str] = set()
    for pattern in lexicon.patterns:
        if best == "now" and pattern.level == "maybe":
            break
        if not _holds(pattern, reading):
            continue
        best = best or pattern.level
        codes |= pattern.flags
    if best is None:
        return None
    codes |= {flag for concept, flag in lexicon.flags.items() if concept in reading.places}
    if best == "now":
        codes.add("danger_now")
    return Danger(best, tuple(flag for flag in FLAGS if flag in codes))


def _read(folded: str, lexicon: Lexicon) -> _Reading:
    """One walk over the message: words, phrases, clauses."""
    tokens: list[str] = []
    clauses: list[int] = []
    sentences: list[int] = []
    clause = sentence = 0
    for piece in TOKEN.findall(folded.replace("'", "")):
        if piece[0] in ".,!?;:\n…":
            clause += 1
            sentence += piece == "." or not _SENTENCE_ENDS.isdisjoint(piece)   # «فيلم.. عم يذبحها» is one breath
            continue
        if piece in tokens[-1:]:   # «بسرعة بسرعة بسرعة» is one word, said in fear
            continue
        tokens.append(piece)
        clauses.append(clause)
        sentences.append(sentence)
    known: dict[str, tuple[tuple[str, ...], frozenset[str]]] = {}
    forms: list[tuple[str, ...]] = []
    places: dict[str, list[int]] = {}
    ends: dict[tuple[str, int], int] = {}
    for token in tokens:
        if token not in known:
            known[token] = _look_up(token, lexicon)
        forms.append(known[token][0])
    phrases = list(phrases_in(forms, lexicon.phrases))
    # «المرة الجاية» is no coming: what stands in an idle phrase says nothing by itself.
    # But «لو سمحت له», if I let him, is an if, though «لو سمحت» is only politeness: the longer phrase is meant.
    longest: dict[int, int] = {}
    for name, start, end in phrases:
        if name not in lexicon.idle:
            longest[start] = max(longest.get(start, 0), end)
    idle = {
        at for name, start, end in phrases if name in lexicon.idle and longest.get(start, 0) <= end for at in range(start, end + 1)
    }
    # The «ما» of «الدم ما يوقف» denies the stopping, not the bleeding; the "ago" of "a minute ago" is no past.
    inside = {at for _, start, end in phrases for at in range(start + 1, end + 1)}
    shift = 0
    for at, token in enumerate(tokens):
        names = known[token][1]
        if at in idle or names & lexicon.idle:
            names = frozenset()
        # «بس», "but", «والحين»: what was said before does not colour what follows.
        if at and _turns(token, tokens[at - 1], names, lexicon):
            shift += 1
        clauses[at] += shift
        for name in names:
            if at not in inside or name not in lexicon.takes_back:
                places.setdefault(name, []).append(at)
                ends[name, at] = at
    for name, start, end in phrases:
        if start in idle:
            continue
        listed = places.setdefault(name, [])
        if start not in listed[-1:]:
            listed.append(start)
        ends[name, start] = max(ends.get((name, start), 0), end)
    for listed in places.values():
        listed.sort()
    parts = _parts(tokens, clauses, places, lexicon)
    return _Reading(places, clauses, parts, _take_back(lexicon, places, ends, clauses, parts, sentences))


def _parts(tokens: Sequence[str], clauses: Sequence[int], places: Mapping[str, list[int]], lexicon: Lexicon) -> list[int]:
    """Clauses, cut once more where something is told anew without a comma: "how can i go out | he is at the door"."""
    told = {at for name in lexicon.tells for at in places.get(name, ())}
    parts: list[int] = []
    for at, token in enumerate(tokens):
        if not at:
            parts.append(0)
            continue
        anew = at in told and tokens[at - 1] not in lexicon.tells_not_after and (token[0] != "و" or token in lexicon.words)
        parts.append(parts[-1] + (anew or clauses[at] != clauses[at - 1]))
    return parts


def _take_back(
    lexicon: Lexicon, places: Mapping[str, list[int]], ends: Mapping[tuple[str, int], int], clauses: Sequence[int],
    parts: Sequence[int], sentences: Sequence[int],
) -> dict[str, _TakenBack]:
    """For every defeater in the message: the clauses, the tokens or the rest of a clause that it takes back."""
    light = {at for name in lexicon.reached_over for at in places.get(name, ())}
    busy = {at for name in lexicon.meanwhile for at in places.get(name, ())}
    now = {at for name in lexicon.turns_after_and for at in places.get(name, ())}
    told = {at for at in range(1, len(parts)) if parts[at] != parts[at - 1] and clauses[at] == clauses[at - 1]}
    found: dict[str, _TakenBack] = {}
    for defeater in lexicon.defeaters:
        where = places.get(defeater.concept)
        if not where:
            continue
        tokens: set[int] = set()
        after: dict[int, int] = {}
        if defeater.reach == "part_rest":
            first = {parts[at]: at for at in reversed(where)}
            tokens.update(at for at, part in enumerate(parts) if at > first.get(part, len(parts)))
        for at in where:
            end = ends[defeater.concept, at]
            if defeater.reach == "before":
                # "he does not have a gun": the negation reaches over the words that carry no meaning of their own.
                for place in range(end + 1, min(end + 5, len(clauses))):
                    if clauses[place] != clauses[end]:
                        break
                    tokens.add(place)
                    if place not in light:
                        break
            elif defeater.reach == "beside":
                tokens.update(place for place in range(at - 2, at + 3) if place >= 0)
            elif defeater.reach == "rest":
                after.setdefault(clauses[at], at)
        found[defeater.concept] = _TakenBack(
            defeater.reach == "message",
            frozenset(clauses[at] for at in where) if defeater.reach == "clause" else frozenset(),
            frozenset(parts[at] for at in where) if defeater.reach == "part"
            else _of_sentences(where, parts, sentences, told, busy, now) if defeater.reach == "sentence" else frozenset(),
            frozenset(tokens), after,
        )
    return found


def _of_sentences(
    where: Sequence[int], parts: Sequence[int], sentences: Sequence[int], told: set[int], busy: set[int], now: set[int]
) -> frozenset[int]:
    """The parts a story takes back: its sentence, and what follows where the message begins with it, until a sentence says "now".

    Not what is told anew after it, where it is only mentioned ("i will tell you the story later | he is hitting me"), or was
    what somebody was busy with and the new part says "now" («كنا نحضر مسلسل وهلق عم يخنقني»).
    """
    opens = where[0] < _BEGINNING
    was_busy = any(at < where[0] and sentences[at] == sentences[where[0]] for at in busy)
    said_now = {sentences[at] for at in now}
    last = {sentences[at]: at for at in where}
    its_words = frozenset(where)
    # what comes right after its word is what it tells: "i dream he is choking me"
    anew = now if was_busy else set() if opens else {at for at in told if at - 1 not in its_words}
    from_then: dict[int, int] = {}
    for at in anew:
        if at <= last.get(sentences[at], at):
            continue
        from_then[sentences[at]] = min(from_then.get(sentences[at], at), at)
    taken = {
        part for at, (part, said) in enumerate(zip(parts, sentences, strict=True))
        if (at < from_then.get(said, len(parts)) if said in last else opens and not was_busy and said not in said_now)
    }
    return frozenset(taken)


def _turns(token: str, before: str, names: frozenset[str], lexicon: Lexicon) -> bool:
    """Whether a new clause begins here: at a "but" always, at a "now" only after "and" («والحين», "and now")."""
    if lexicon.turns & names:
        return True
    joined = before in ("and", "w", "و") or (token[0] == "و" and token not in lexicon.words)
    return joined and bool(lexicon.turns_after_and & names)


def _look_up(token: str, lexicon: Lexicon) -> tuple[tuple[str, ...], frozenset[str]]:
    """The listed forms a token may stand for, least changed first, and the concepts of the first that is a word."""
    forms = _latin_forms(token, lexicon.known) if token.isascii() else _arabic_forms(token, lexicon.known)
    if (exact := lexicon.words.get(f"={token}")) is not None:
        return forms, exact
    for form in forms:
        if form in lexicon.words:
            return forms, lexicon.words[form]
    return forms, frozenset()


def _latin_forms(token: str, known: frozenset[str]) -> Forms:
    if token.isdigit():
        return (token,)
    left = bones(token)
    forms = [token, f"~{left}"]
    forms += [f"~{left[:-len(tail)]}" for tail in _LATIN_AFTER if left.endswith(tail) and len(left) - len(tail) >= 3]
    if left[:1] in ("w", "b", "l", "f") and len(left) >= 4:
        forms += [f"~{left[1:]}"]
        forms += [f"~{left[1:-len(tail)]}" for tail in _LATIN_AFTER if left.endswith(tail) and len(left) - len(tail) >= 4]
    return tuple(form for form in forms if form in known)


def _arabic_forms(token: str, known: frozenset[str]) -> Forms:
    length = len(token)
    longest = min(4, length - 3)
    heads = [0, *(cut for cut in range(1, longest + 1) if token[:cut] in _BEFORE)]
    tails = [0, *(cut for cut in range(1, longest + 1) if token[-cut:] in _AFTER)]
    found = [
        (head + tail, head, form)
        for head in heads
        for tail in tails
        if (length - head - tail >= 3 or head == tail == 0) and (form := token[head:length - tail]) in known
    ]
    if length == 3 and token[0] == "و" and token[1:] in known:   # «ولا», «وما»
        found.append((1, 1, token[1:]))
    return tuple(form for _, _, form in sorted(found))


def _holds(pattern: Pattern, reading: _Reading) -> bool:
    """Whether some undefeated occurrence of the pattern is in the message."""
    places_of = reading.places
    if pattern.at_most and len(reading.clauses) > pattern.at_most:
        return False
    listed: list[list[int]] = []
    for slot in pattern.slots:
        present = [places_of[name] for name in slot if name in places_of]
        if not present:
            return False
        listed.append(present[0] if len(present) == 1 else sorted({at for places in present for at in places}))
    if any(back.everything and concept not in pattern.despite for concept, back in reading.taken_back.items()):
        return False
    starts = listed[0] if pattern.in_order else sorted({at for places in listed for at in places})
    next_start = 0
    for start in starts:
        if start < next_start:
            continue
        match = _match_from(start, listed, pattern.in_order)
        if match is None:
            return False
        low, high = min(match), max(match)
        if high - low > pattern.within:
            next_start = high - pattern.within
            continue
        if not pattern.across and reading.clauses[low] != reading.clauses[high]:
            continue
        if not _defeated(match, pattern, reading):
            return True
    return False


def _match_from(start: int, listed: Sequence[Sequence[int]], in_order: bool) -> tuple[int, ...] | None:
    """The nearest place for every slot at or after ``start`` (each after the one before, if order matters)."""
    match: list[int] = []
    floor = start
    for places in listed:
        found = bisect_left(places, floor)
        if found == len(places):
            return None
        match.append(places[found])
        if in_order:
            floor = places[found] + 1
    return tuple(match)


def _defeated(match: tuple[int, ...], pattern: Pattern, reading: _Reading) -> bool:
    """Whether something near enough takes the danger back."""
    touched = {reading.clauses[at] for at in match}
    parts = {reading.parts[at] for at in match}
    last = max(match)
    for concept, back in reading.taken_back.items():
        if concept in pattern.despite:
            continue
        if not back.clauses.isdisjoint(touched) or not back.parts.isdisjoint(parts) or not back.tokens.isdisjoint(match):
            return True
        if any(clause in touched and at < last for clause, at in back.after.items()):
            return True
    return False
