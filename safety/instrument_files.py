"""Reading the parsed files of ``scripts/screening/``: every field is checked, each fault is named by its path.

The shapes that come out, and the grammar of rules, are in ``instruments.py``; ``docs/screening.md`` shows the files.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from safety.answers import AnswerWords, Option, WordsConflict, gather_words
from safety.instruments import (
    LEVELS,
    RULE_BANDS,
    VARIANTS,
    Answered,
    AtLeast,
    Choice,
    Condition,
    Faults,
    Hint,
    InstrumentError,
    Instruments,
    Item,
    QuestionSet,
    Rule,
    WeightedSum,
    atoms,
)

OPTION_DIGITS = (4, 5, 6)
"""1, 2, 3 and 9 have their meaning everywhere, 0 exits everywhere (screening.md)."""

NOT_SETS = ("answers", "choose")
"""Files of the folder that are no question sets: the words of answers, and which sets what was said calls for."""

_NAME = re.compile(r"[a-z][a-z_]{1,30}\Z")
_ITEM = re.compile(r"[A-Z]{1,3}[0-9]{1,3}\Z")
_CODE = re.compile(r"[a-z][a-z0-9_]{1,40}\Z")


def read_instruments(parsed: Mapping[str, Mapping[str, Any]]) -> Instruments:
    """Read a folder of parsed screening files and refuse what is wrong with any field.

    Args:
        parsed: file stem -> content, with ``answers`` and ``choose`` beside the sets.

    Raises:
        InstrumentError: with the path to the first faulty field, and all other faults beside it.
    """
    faults = Faults()
    instruments = gather_instruments(parsed, faults)
    faults.raise_if_any()
    return instruments


def gather_instruments(parsed: Mapping[str, Mapping[str, Any]], faults: Faults) -> Instruments:
    """The same, noting every fault: with any, what is returned is what could be read, and may not be used."""
    sources: dict[str, Mapping[str, Any]] = {}
    for name, content in parsed.items():
        with faults.noted():
            sources[name] = _mapping(content, name)
    for needed in NOT_SETS:
        with faults.noted():
            if needed not in parsed:
                raise InstrumentError(needed, f"{needed}.yml is missing")
    hints, words = _read_answers(sources.pop("answers", None), faults)
    choose = sources.pop("choose", None)
    with faults.noted():
        if not sources:
            raise InstrumentError("sets", "there is no question set")
    sets: dict[str, QuestionSet] = {}
    for name, content in sources.items():
        with faults.noted():
            sets[name] = _read_set(name, content, sources, None if faults.among("answers") else hints, faults)
    items: dict[str, Item] = {}
    for name, question_set in sets.items():
        for position, item in enumerate(question_set.items):
            if item.home != name:
                continue
            with faults.noted():
                if item.id in items:
                    raise InstrumentError(
                        f"{name}.items[{position}].id",
                        f"{item.id} is already a question of {items[item.id].home}; share it with 'from:' or rename it",
                    )
                items[item.id] = item
    choices, harm_intents, harm_flags = _read_choices(choose, sources, faults)
    return Instruments(sets, choices, harm_intents, harm_flags, words, hints, items)


def _read_set(
    name: str,
    content: Mapping[str, Any],
    sources: Mapping[str, Mapping[str, Any]],
    hints: Mapping[str, Hint] | None,
    faults: Faults,
) -> QuestionSet:
    with faults.noted():
        _only(content, name, "set", "version", "about", "licensed", "care", "closes_joint_routes", "items", "rules")
    with faults.noted():
        if not _NAME.match(name) or content.get("set") != name:
            raise InstrumentError(f"{name}.set", "must be the file's name, in small Latin letters")
    version, about, licensed, closes = content.get("version"), "", False, False
    with faults.noted():
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise InstrumentError(f"{name}.version", "must be a whole number from 1")
    with faults.noted():
        licensed = _flag(content, "licensed", name)
        about = _text(content.get("about"), f"{name}.about")
        if not licensed and "not a validated instrument" not in about:
            raise InstrumentError(f"{name}.about", "must say 'not a validated instrument' (or declare 'licensed: true')")
    with faults.noted():
        closes = _flag(content, "closes_joint_routes", name)
    care: list[str] = []
    with faults.noted():
        for n, code in enumerate(_list(content.get("care", []), f"{name}.care")):
            care.append(_code(code, f"{name}.care[{n}]"))
    items = _read_items(name, content, sources, hints, faults)
    # A question that was refused may be named by a rule all the same: that would be one fault told twice.
    known = {**_named(content, sources), **{item.id: item for item in items}}
    rules = _read_rules(name, content, known, licensed, faults)
    if faults.among(name):  # what was left out could make any of the following true
        return QuestionSet(name, 1, about, licensed, tuple(care), closes, tuple(items), rules)
    critical = {atom.item for rule in rules if rule.band == "RED" for atom in atoms(rule.when)}
    used = {atom.item for rule in rules for atom in atoms(rule.when)}
    for position, item in enumerate(items):
        path = f"{name}.items[{position}]"
        with faults.noted():
            if item.kind == "indicator" and item.id not in used:
                raise InstrumentError(path, f"{item.id} is asked but no rule counts it (kind: fact, if that is meant)")
        with faults.noted():
            declared = _list(content["items"], path)[position].get("critical")
            if declared is not None and declared is not (item.id in critical):
                raise InstrumentError(f"{path}.critical", f"{item.id}: the RED rules say otherwise; leave it out")
    finished = tuple(replace(item, critical=item.id in critical) for item in items)
    return QuestionSet(name, content["version"], about, licensed, tuple(care), closes, finished, rules)


def _read_items(
    name: str,
    content: Mapping[str, Any],
    sources: Mapping[str, Mapping[str, Any]],
    hints: Mapping[str, Hint] | None,
    faults: Faults,
) -> list[Item]:
    rows = _list(content.get("items"), f"{name}.items")
    if not rows:
        raise InstrumentError(f"{name}.items", "there is no question")
    items: dict[str, Item] = {}
    for position, row in enumerate(rows):
        path = f"{name}.items[{position}]"
        with faults.noted():
            row = _mapping(row, path)
            home = name
            if "from" in row:  # the same question as in another set: asked once, counted in both
                _only(row, path, "id", "from", "critical")
                home = str(row["from"])
                row = _shared(row, home, sources, path)
            item = _read_item(row, path, home, 1 << position, hints)
            if item.id in items:
                raise InstrumentError(f"{path}.id", f"{item.id} stands twice in this set")
            items[item.id] = item
    return list(items.values())


def _named(content: Mapping[str, Any], sources: Mapping[str, Mapping[str, Any]]) -> dict[str, Item]:
    """The questions a set names, with nothing but their kind: stand-ins for those whose wording was refused."""
    named: dict[str, Item] = {}
    kinds = {name: {str(row.get("id")): row.get("kind") for row in _rows(source)} for name, source in sources.items()}
    for position, row in enumerate(_rows(content)):
        identity = row.get("id")
        if not isinstance(identity, str):
            continue
        is_fact = kinds.get(str(row.get("from")), {}).get(identity, row.get("kind")) == "fact"
        named[identity] = Item(identity, "fact" if is_fact else "indicator", False, {}, {}, "", (), {}, "", 1 << position)
    return named


def _rows(content: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """The questions of a set as far as they have the form of one: what has not is noted where the set is read."""
    listed = (content or {}).get("items")
    return [row for row in listed if isinstance(row, Mapping)] if isinstance(listed, list) else []


def _shared(
    row: Mapping[str, Any], home: str, sources: Mapping[str, Mapping[str, Any]], path: str
) -> Mapping[str, Any]:
    for other in _rows(sources.get(home)):
        if other.get("id") == row.get("id") and "from" not in other:
            return {key: value for key, value in other.items() if key != "critical"}
    raise InstrumentError(f"{path}.from", f"{home!r} words no question {row.get('id')}", lacks=True)


def _read_item(row: Mapping[str, Any], path: str, home: str, bit: int, hints: Mapping[str, Hint] | None) -> Item:
    _only(row, path, "id", "kind", "critical", "ask", "sms", "hint", "options", "card")
    identity = row.get("id")
    if not isinstance(identity, str) or not _ITEM.match(identity):
        raise InstrumentError(f"{path}.id", "must be capital letters and a number, as P4")
    kind = row.get("kind", "indicator")
    if kind not in ("indicator", "fact"):
        raise InstrumentError(f"{path}.kind", "must be 'indicator' or 'fact'")
    hint = row.get("hint", "yes_no")
    if not isinstance(hint, str) or (hints is not None and hint not in hints):
        raise InstrumentError(f"{path}.hint", f"answers.yml has no hint {hint!r}")
    options = tuple(
        _read_option(_mapping(option, f"{path}.options[{n}]"), f"{path}.options[{n}]")
        for n, option in enumerate(_list(row.get("options", []), f"{path}.options"))
    )
    if options and kind != "fact":
        raise InstrumentError(f"{path}.kind", "a question with options of its own must be a fact: no rule can count it")
    if len({o.digit for o in options}) != len(options) or len({o.value for o in options}) != len(options):
        raise InstrumentError(f"{path}.options", "every option needs a digit and a value of its own")
    ask = _wordings(row.get("ask"), f"{path}.ask")
    sms = _wordings(row["sms"], f"{path}.sms", all_of_them=False) if "sms" in row else {}
    card = _mapping(row.get("card"), f"{path}.card")
    _only(card, f"{path}.card", "ar", "en")
    card = {language: _text(card.get(language), f"{path}.card.{language}") for language in ("ar", "en")}
    return Item(identity, kind, False, ask, sms, hint, options, card, home, bit)


def _read_option(row: Mapping[str, Any], path: str) -> Option:
    _only(row, path, "digit", "value", "minor", "from_age", "to_age", "words")
    digit = row.get("digit")
    if digit not in OPTION_DIGITS or isinstance(digit, bool):
        raise InstrumentError(f"{path}.digit", "must be 4, 5 or 6: the other digits have their meaning everywhere")
    ages = []
    for key, missing in (("from_age", 0), ("to_age", 120)):
        age = row.get(key, missing)
        if not isinstance(age, int) or isinstance(age, bool) or not 0 <= age <= 120:
            raise InstrumentError(f"{path}.{key}", "must be an age in years")
        ages.append(age)
    words = _list(row.get("words", []), f"{path}.words")
    return Option(
        value=_code(row.get("value"), f"{path}.value"),
        digit=digit,
        minor=_flag(row, "minor", path),
        ages=(ages[0], ages[1]) if "from_age" in row or "to_age" in row else None,
        words=tuple(_text(word, f"{path}.words[{n}]") for n, word in enumerate(words)),
    )


def _read_rules(
    name: str, content: Mapping[str, Any], items: Mapping[str, Item], licensed: bool, faults: Faults
) -> tuple[Rule, ...]:
    rules = []
    for position, row in enumerate(_list(content.get("rules"), f"{name}.rules")):
        path = f"{name}.rules[{position}]"
        with faults.noted():
            row = _mapping(row, path)
            _only(row, path, "band", "when")
            band = row.get("band")
            if band not in RULE_BANDS:
                raise InstrumentError(f"{path}.band", f"must be one of {', '.join(reversed(RULE_BANDS))}")
            rules.append(Rule(band, read_condition(row.get("when"), f"{path}.when", items, licensed=licensed)))
    return tuple(sorted(rules, key=lambda rule: -LEVELS[rule.band]))


def read_condition(source: Any, path: str, items: Mapping[str, Item], *, licensed: bool = False) -> Condition:
    """Read one condition of the grammar (the docstring of ``instruments.py`` shows it).

    Raises:
        InstrumentError: the condition is not in the grammar, names an item that is not an indicator of the set,
            or would hold before anything was answered.
    """
    if isinstance(source, str):
        source = {"item": source}
    source = _mapping(source, path)
    if "item" in source:
        _only(source, path, "item", "not_denied")
        item = _indicator(source["item"], f"{path}.item", items)
        return Answered(item.id, item.bit, _flag(source, "not_denied", path))
    if "all" in source:
        _only(source, path, "all")
        parts = _read_parts(source["all"], f"{path}.all", items, licensed)
        return AtLeast(len(parts), parts)
    if "of" in source:
        _only(source, path, "at_least", "of")
        parts = _read_parts(source["of"], f"{path}.of", items, licensed)
        count = source.get("at_least")
        if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= len(parts):
            raise InstrumentError(f"{path}.at_least", f"must be a whole number from 1 to {len(parts)}")
        return AtLeast(count, parts)
    if "sum" in source:
        _only(source, path, "sum", "at_least")
        return _read_sum(source, path, items, licensed)
    raise InstrumentError(path, "must be an item, or one of: item, all, at_least with of, sum with at_least")


def _read_parts(source: Any, path: str, items: Mapping[str, Item], licensed: bool) -> tuple[Condition, ...]:
    rows = _list(source, path)
    if not rows:
        raise InstrumentError(path, "must name at least one item")
    parts = tuple(read_condition(row, f"{path}[{n}]", items, licensed=licensed) for n, row in enumerate(rows))
    if len(set(parts)) != len(parts):
        raise InstrumentError(path, "names the same condition twice, which would count one answer twice")
    return parts


def _read_sum(source: Mapping[str, Any], path: str, items: Mapping[str, Item], licensed: bool) -> Condition:
    weights = []
    for identity, weight in _mapping(source["sum"], f"{path}.sum").items():
        item = _indicator(identity, f"{path}.sum.{identity}", items)
        if not isinstance(weight, int | float) or isinstance(weight, bool) or not weight or abs(weight) > 1000:
            raise InstrumentError(f"{path}.sum.{identity}", "must be a weight other than 0")
        if weight < 0 and not licensed:
            raise InstrumentError(
                f"{path}.sum.{identity}",
                "a negative weight would let a yes lower the band; only a licensed instrument may have one",
            )
        weights.append((item.id, item.bit, weight))
    threshold = source.get("at_least")
    reachable = sum(weight for _, _, weight in weights if weight > 0)
    if not isinstance(threshold, int | float) or isinstance(threshold, bool) or not 0 < threshold <= reachable:
        raise InstrumentError(f"{path}.at_least", f"must be above 0 and at most {reachable:g}, what the weights add to")
    return WeightedSum(tuple(weights), threshold)


def _indicator(identity: Any, path: str, items: Mapping[str, Item]) -> Item:
    item = items.get(identity) if isinstance(identity, str) else None
    if item is None:
        raise InstrumentError(path, f"this set has no item {identity!r}", lacks=True)
    if item.kind != "indicator":
        raise InstrumentError(path, f"{identity} is a fact: facts set no band (screening.md)")
    return item


def _read_answers(content: Mapping[str, Any] | None, faults: Faults) -> tuple[dict[str, Hint], AnswerWords]:
    hints: dict[str, Hint] = {}
    kinds: dict[str, list[str]] = {}
    if content is None:  # missing or no mapping: already noted
        return hints, gather_words(kinds)
    with faults.noted():
        _only(content, "answers", "hints", "words")
    with faults.noted():
        for key, row in _mapping(content.get("hints"), "answers.hints").items():
            with faults.noted():
                hints[str(key)] = _read_hint(row, f"answers.hints.{key}")
    with faults.noted():
        for kind, groups in _mapping(content.get("words"), "answers.words").items():
            with faults.noted():
                if not isinstance(kind, str):
                    raise InstrumentError("answers.words", f"{kind} was not read as a word: put 'yes' and 'no' in quotes")
                kinds[kind] = _read_words(groups, f"answers.words.{kind}")
    if not faults.among("answers"):
        with faults.noted():
            try:
                return hints, gather_words(kinds)
            except WordsConflict as conflict:
                raise InstrumentError(f"answers.words.{conflict.kind}", conflict.problem) from None
    return hints, gather_words({})


def _read_hint(row: Any, path: str) -> Hint:
    row = _mapping(row, path)
    _only(row, path, *VARIANTS, "sms")
    say = _wordings({v: row.get(v) for v in VARIANTS}, path, question=False)
    sms = _wordings(row["sms"], f"{path}.sms", question=False) if "sms" in row else say
    return Hint(say, sms)


def _read_words(groups: Any, path: str) -> list[str]:
    phrases: list[str] = []
    for group, rows in _mapping(groups, path).items():
        phrases += [_text(row, f"{path}.{group}[{n}]") for n, row in enumerate(_list(rows, f"{path}.{group}"))]
    return phrases


def _read_choices(
    content: Mapping[str, Any] | None, sets: Collection[str], faults: Faults
) -> tuple[tuple[Choice, ...], frozenset[str], frozenset[str]]:
    choices: list[Choice] = []
    intents, flags = frozenset[str](), frozenset[str]()
    if content is None:  # missing or no mapping: already noted
        return (), intents, flags
    with faults.noted():
        _only(content, "choose", "rows", "harm")
    with faults.noted():
        for position, row in enumerate(_list(content.get("rows"), "choose.rows")):
            with faults.noted():
                choices.append(_read_choice(row, f"choose.rows[{position}]", sets))
    with faults.noted():
        harm = _mapping(content.get("harm"), "choose.harm")
        _only(harm, "choose.harm", "intents", "flags")
        intents = _codes(harm.get("intents", []), "choose.harm.intents")
        flags = _codes(harm.get("flags", []), "choose.harm.flags")
    return tuple(choices), intents, flags


def _read_choice(row: Any, path: str, sets: Collection[str]) -> Choice:
    row = _mapping(row, path)
    _only(row, path, "intents", "flags", "facts", "ask")
    said = {key: _codes(row.get(key, []), f"{path}.{key}") for key in ("intents", "flags", "facts")}
    if not any(said.values()):
        raise InstrumentError(path, "needs an intent, a flag or a fact that chooses the sets")
    ask = tuple(_list(row.get("ask"), f"{path}.ask"))
    for n, name in enumerate(ask):
        if not isinstance(name, str) or name not in sets:
            raise InstrumentError(f"{path}.ask[{n}]", f"there is no set {name!r}", lacks=True)
    return Choice(said["intents"], said["flags"], said["facts"], ask)


# -- fields ----------------------------------------------------------------------------------------------------


def _mapping(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InstrumentError(path, "must be a mapping of names to values")
    return value


def _list(value: Any, path: str) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise InstrumentError(path, "must be a list")
    return value


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InstrumentError(path, "must be a text (in quotes, if it is a word YAML takes for something else)")
    return value.strip()


def _code(value: Any, path: str) -> str:
    if not isinstance(value, str) or not _CODE.match(value):
        raise InstrumentError(path, "must be a code of small Latin letters, digits and underscores")
    return value


def _codes(value: Any, path: str) -> frozenset[str]:
    return frozenset(_code(code, f"{path}[{n}]") for n, code in enumerate(_list(value, path)))


def _flag(content: Mapping[str, Any], key: str, path: str) -> bool:
    value = content.get(key, False)
    if not isinstance(value, bool):
        raise InstrumentError(f"{path}.{key}", "must be true or false")
    return value


def _only(content: Mapping[str, Any], path: str, *known: str) -> None:
    for key in content:
        if key not in known:
            raise InstrumentError(f"{path}.{key}", f"is not known here; known are {', '.join(known)}")


def _wordings(value: Any, path: str, *, question: bool = True, all_of_them: bool = True) -> dict[str, str]:
    rows = _mapping(value, path)
    _only(rows, path, *VARIANTS)
    wordings: dict[str, str] = {}
    for variant in VARIANTS:
        if variant not in rows and not all_of_them:
            continue
        wording = _text(rows.get(variant), f"{path}.{variant}")
        if question and (not wording.endswith(("؟", "?")) or "\n" in wording or "{" in wording):
            raise InstrumentError(f"{path}.{variant}", "must be one line that ends with a question mark, no {…} in it")
        wordings[variant] = wording
    return wordings
