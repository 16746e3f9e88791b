"""Every rule a bundle must keep, in one table (:data:`RULES`), and the check that lists every breach with its place.

The rules come from safety.md and twilio.md; what cannot be read at all is noted by ``parse.py`` and the readers of the
parts. A breach of severity ``error`` keeps a bundle from being loaded; a ``warning`` wants a person's eye.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Final, TextIO

from api.scripts.conversations import Against, read_conversations
from api.scripts.desks import DESKS_FILE
from api.scripts.draft import Draft, read_draft
from api.scripts.floors import CLOSING, find_lowered, never_chosen
from api.scripts.gate import exit_phrases
from api.scripts.numbers import VARIANTS, Number, Variant
from api.scripts.render import FALLBACK_TEXT
from api.scripts.required import EMERGENCY_FIRST, NEUTRAL_TEXTS
from api.scripts.screening import question_wordings
from api.scripts.segments import BODY_LIMIT, count_segments, utf16_units
from api.scripts.shape import did_you_mean, nearest
from api.scripts.texts import (
    COUNSELLOR_BLANKS,
    COUNSELLOR_PREFIX,
    NUMBER_PLACEHOLDERS,
    PLACEHOLDER,
    PLACEHOLDERS,
    Text,
    Wording,
)
from api.scripts.tree import Node, Problem, Severity
from api.scripts.words import (
    contains_arabic,
    contains_latin,
    find_forbidden,
    find_offered_exit,
    find_opt_out,
    find_phone_numbers,
    revealing_pattern,
    spans_of,
)
from safety.answers import read_answer
from safety.danger import FLAGS, find_danger
from safety.optout import is_opt_out


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule broken: where, and what to say about it."""

    file: str
    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its stable code, what a breach means for the bundle, the rule in a sentence, and the check."""

    code: str
    severity: Severity
    rule: str
    check: Callable[[Draft], Iterator[Breach]]


def check_release(directory: Path, domain: Path | None = None) -> list[Problem]:
    """Every problem of a bundle, in the order of files and lines."""
    draft, problems = read_draft(directory, domain)
    if draft.bundle.files:
        problems += check_draft(draft)
        problems += read_conversations(directory, against(draft))[1]
    return sorted(problems)


def against(draft: Draft) -> Against:
    """What a bundle's conversations are held against; nothing where parts of it could not be read."""
    items = draft.instruments.items if draft.instruments is not None else ()
    return Against(texts=draft.texts, items=items, exits=draft.exits)


def check_draft(draft: Draft) -> list[Problem]:
    """Every rule of the table against a bundle that has been read."""
    return [
        Problem(breach.file, breach.line, rule.code, breach.message, rule.severity)
        for rule in RULES
        for breach in rule.check(draft)
    ]


def check_and_print(directory: Path, stream: TextIO, domain: Path | None = None) -> int:
    """What ``./hams check`` does: lists every problem, then says in one line how it stands. 1 if there is an error."""
    problems = check_release(directory, domain)
    for problem in problems:
        stream.write(f"{problem}\n")
    errors = sum(problem.severity == "error" for problem in problems)
    warnings = len(problems) - errors
    verdict = "may not be used" if errors else "can be used"
    stream.write(f"{errors} errors, {warnings} warnings: these scripts {verdict}\n")
    return 1 if errors else 0


# -- the words of texts and questions ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Said:
    """Anything that may be said to a person: a text's wording or a question's."""

    owner: str
    label: str
    variant: Variant
    words: str
    node: Node

    def breach(self, message: str, offset: int = 0) -> Breach:
        return Breach(self.node.file, self.node.line_at(offset), f"{self.owner} ({self.label}) {message}")


def _said(draft: Draft) -> Iterator[Said]:
    for text in draft.texts.values():
        for wording in text:
            yield _of_wording(text, wording)
    yield from _questions(draft)


def _questions(draft: Draft) -> Iterator[Said]:
    for owner, label, variant, node in question_wordings(draft.screening):
        yield Said(owner, label, variant, str(node.value), node)


def _of_wording(text: Text, wording: Wording) -> Said:
    return Said(text.name, wording.label, wording.variant, str(wording.node.value), wording.node)


def _wordings(draft: Draft) -> Iterator[tuple[Text, Wording, Said]]:
    for text in draft.texts.values():
        for wording in text:
            yield text, wording, _of_wording(text, wording)


@lru_cache(maxsize=8)
def _revealing(words: tuple[str, ...]) -> re.Pattern[str] | None:
    return revealing_pattern(words)


def _listed_words(tree: Node) -> tuple[str, ...]:
    """The words of all languages together, however they are grouped (``arabic: […]``, ``words: {ar: […]}``)."""
    words: list[str] = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node.value, dict):
            waiting += node.value.values()
        elif isinstance(node.value, list):
            waiting += node.value
        elif isinstance(node.value, str):
            words.append(node.value)
    return tuple(sorted(words))


def _revealing_spans(draft: Draft, text: str) -> Iterator[tuple[int, str]]:
    """Where a text reveals the subject, by the words of ``phrases/revealing.yml``."""
    tree = draft.phrases.get("revealing")
    pattern = _revealing(_listed_words(tree)) if tree is not None else None
    if pattern is not None:
        yield from spans_of(pattern, text)


# -- completeness --------------------------------------------------------------------------------------


def _required_texts(draft: Draft) -> Iterator[Breach]:
    spare = sorted(set(draft.texts) - set(draft.required))
    for name in draft.required:
        if name in draft.texts:
            continue
        near = did_you_mean(name, spare)
        file, line = _where_named(draft, name) or _where_near(draft, name, spare) or ("release.yml", 1)
        yield Breach(file, line, f"there is no usable text {name}, which the bot needs{near}")


def _where_named(draft: Draft, name: str) -> tuple[str, int] | None:
    """Where a text of that name stands that could not be read: in a file that is not YAML, or indented too far."""
    heading = re.compile(rf"^[ \t]*[\"']?{re.escape(name)}[\"']?[ \t]*:".encode(), re.MULTILINE)
    for file, data in sorted(draft.bundle.files.items()):
        if file.startswith("texts/") and (found := heading.search(data)) is not None:
            return file, data.count(b"\n", 0, found.start()) + 1
    return None


def _where_near(draft: Draft, name: str, spare: list[str]) -> tuple[str, int] | None:
    """Where the name with a slip in it stands."""
    near = nearest(name, spare)
    return (draft.texts[near].file, draft.texts[near].line) if near else None


def _revealing_words_listed(draft: Draft) -> Iterator[Breach]:
    tree = draft.phrases.get("revealing")
    if tree is None or not _listed_words(tree):
        yield Breach("phrases/revealing.yml", 1, "no words are listed, so no text can be checked for them")
        return
    for language in ("arabic", "english"):
        listed = tree.at(language)
        if (listed is tree or not _listed_words(listed)) and not tree.partial:
            yield Breach(tree.file, tree.line_of(language), f"no {language} words are listed, so no text can be checked for them")
    for language, listed in tree.value.items() if isinstance(tree.value, dict) else ():
        if language not in ("arabic", "english", "arabizi"):
            yield Breach(tree.file, tree.line_of(language), f"{language} is not read: the lists are arabic, english, arabizi")
        for word in _listed_words(listed):
            if re.search("[،,؛;\"“”«»]", word):
                yield Breach(listed.file, listed.line, f"{word}: one word between commas of the kind , and no other marks")


def _stray_files(draft: Draft) -> Iterator[Breach]:
    for file in draft.bundle.files:
        folder, _, name = file.rpartition("/")
        known = _FILES.get(folder)
        if known is None or (known and name.rsplit(".", 1)[0] not in known):
            near = did_you_mean(file, [f"{place}/{one}.yml".lstrip("/") for place, names in _FILES.items() for one in names])
            yield Breach(file, 1, f"is read by nobody: texts stand in texts/, questions in screening/{near}")


_FILES: Final = {
    "": ("release", "channels", "numbers", "desks"),
    "phrases": ("danger", "exit", "revealing"),
    "texts": (), "screening": (), "pathways": (),
}
"""Folder -> the files that are read in it; none named: any."""


def _desks_listed(draft: Draft) -> Iterator[Breach]:
    if DESKS_FILE not in draft.bundle.files:
        yield Breach(DESKS_FILE, 1, "is not there: without desks everybody sees everybody who waits, and no rota counts")


def _neutral_declared(draft: Draft) -> Iterator[Breach]:
    for name in NEUTRAL_TEXTS:
        text = draft.texts.get(name)
        if text is not None and not text.neutral:
            yield Breach(text.file, text.line, f"{name} is said before it is a good time: it needs neutral: true")


# -- placeholders --------------------------------------------------------------------------------------


def _known_placeholders(draft: Draft) -> Iterator[Breach]:
    for said in _said(draft):
        for match in PLACEHOLDER.finditer(said.words):
            if said.owner.startswith(COUNSELLOR_PREFIX) and match[1] in COUNSELLOR_BLANKS:
                continue  # filled in by hand before it is sent (api/handoffs/aids.py)
            if match[1] not in PLACEHOLDERS:
                near = did_you_mean(match[1], PLACEHOLDERS)
                yield said.breach(f"has the placeholder {{{match[1]}}}, which nobody fills{near}", match.start())


def _stray_braces(draft: Draft) -> Iterator[Breach]:
    for said in _said(draft):
        blanked = PLACEHOLDER.sub(lambda match: " " * len(match[0]), said.words)
        if (stray := re.search(r"[{}]", blanked)) is not None:
            yield said.breach(f"has a {stray[0]} without its partner", stray.start())


def _same_placeholders(draft: Draft) -> Iterator[Breach]:
    for text in draft.texts.values():
        for wordings in text.wordings.values():
            everywhere = frozenset[str]().union(*(wording.placeholders for wording in wordings.values()))
            for wording in wordings.values():
                for missing in sorted(everywhere - wording.placeholders):
                    message = f"lacks {{{missing}}}, which another variant has"
                    yield _of_wording(text, wording).breach(message)


def _same_digits(draft: Draft) -> Iterator[Breach]:
    for text in draft.texts.values():
        for wordings in text.wordings.values():
            offered = {variant: _digits(wording.words) for variant, wording in wordings.items()}
            everywhere = frozenset[str]().union(*offered.values())
            for variant, digits in offered.items():
                if digits != everywhere:
                    missing = ", ".join(sorted(everywhere - digits))
                    message = f"does not have {missing}, which another variant has: an answer by digit means the same in all"
                    yield _of_wording(text, wordings[variant]).breach(message)


def _digits(words: str) -> frozenset[str]:
    """The single digits of a text, in Western form: what may be answered."""
    return frozenset(str(int(digit)) for digit in _ONE_DIGIT.findall(PLACEHOLDER.sub("", words)))


_ONE_DIGIT: Final = re.compile(r"(?<![\d:/%+.,])\d(?![\d:/%]|[.,]\d)")


def _duty_is_plain(draft: Draft) -> Iterator[Breach]:
    for text, wording, said in _wordings(draft):
        if text.name.startswith("duty_") and wording.placeholders:
            yield said.breach("fills {duty}, so it may hold no placeholder of its own")


def _questions_are_plain(draft: Draft) -> Iterator[Breach]:
    for said in _questions(draft):
        if (match := PLACEHOLDER.search(said.words)) is not None:
            yield said.breach(f"is asked as it stands: it may not hold {match[0]}", match.start())


# -- what a lock screen shows --------------------------------------------------------------------------


def _neutral_everywhere(draft: Draft) -> Iterator[Breach]:
    for text, _, said in _wordings(draft):
        if text.neutral:
            for offset, word in _revealing_spans(draft, said.words):
                yield said.breach(f"is neutral, but «{word}» reveals the subject", offset)


def _first_line_safe(draft: Draft) -> Iterator[Breach]:
    for text, wording, said in _wordings(draft):
        if text.neutral:
            continue  # the whole of it is checked above
        start = len(said.words) - len(said.words.lstrip())
        for offset, word in _revealing_spans(draft, wording.first_line):
            yield said.breach(f"shows «{word}» on a lock screen: change the first line", start + offset)


def _fillings_below_first_line(draft: Draft) -> Iterator[Breach]:
    revealing_fillings = ("question", "duty", "numbers")
    for _, wording, said in _wordings(draft):
        for name in revealing_fillings:
            if f"{{{name}}}" in wording.first_line:
                yield said.breach(f"has {{{name}}} in its first line, which a lock screen shows")


def _emergency_first(draft: Draft) -> Iterator[Breach]:
    for text, wording, said in _wordings(draft):
        if text.name in EMERGENCY_FIRST and wording.form != "no_numbers" and "{emergency}" not in wording.first_line:
            yield said.breach("must have {emergency} in its first line")


def _labels_are_neutral(draft: Draft) -> Iterator[Breach]:
    for number in draft.numbers:
        for variant in VARIANTS:
            for _, word in _revealing_spans(draft, number.label[variant]):
                message = f"the label of {number.number} ({variant}) holds «{word}», which reveals the subject"
                yield Breach(number.file, number.line, message)


# -- numbers and channels ------------------------------------------------------------------------------


def _has_number(wording: Wording, known: frozenset[str]) -> bool:
    return bool(wording.placeholders & NUMBER_PLACEHOLDERS or any(find_phone_numbers(wording.words, known)))


def _known_numbers(numbers: tuple[Number, ...]) -> frozenset[str]:
    return frozenset(number.number for number in numbers)


def _numbers_have_a_way_round(draft: Draft) -> Iterator[Breach]:
    known = _known_numbers(draft.numbers)
    for text in draft.texts.values():
        holding = [w.label for w in text if w.form != "no_numbers" and _has_number(w, known)]
        if holding and not text.has("no_numbers"):
            yield Breach(text.file, text.line, f"{text.name} holds a number ({holding[0]}), so it needs no_numbers")


def _no_numbers_means_none(draft: Draft) -> Iterator[Breach]:
    known = _known_numbers(draft.numbers)
    for _, wording, said in _wordings(draft):
        if wording.form != "no_numbers":
            continue
        for match in PLACEHOLDER.finditer(said.words):
            if match[1] in NUMBER_PLACEHOLDERS:
                yield said.breach(f"may hold no number, but has {match[0]}", match.start())
        for offset, number in find_phone_numbers(said.words, known):
            yield said.breach(f"may hold no number, but has {number}", offset)


def _numbers_not_written_out(draft: Draft) -> Iterator[Breach]:
    known = _known_numbers(draft.numbers)
    for said in _said(draft):
        for offset, number in find_phone_numbers(said.words, known):
            message = f"has {number} written out; numbers come from numbers.yml: {{emergency}}, {{numbers}} or {{child_line}}"
            yield said.breach(message, offset)


def _numbers_verified(draft: Draft) -> Iterator[Breach]:
    today = date.today()
    for number in draft.numbers:
        if number.is_verified(today):
            continue
        place = number.place or number.country
        told = "production does not start until somebody has" if number.is_minimum else "not told in production"
        lapsed = number.verified_on is not None and number.expires_on is not None and number.expires_on < today
        who = "the check has lapsed of" if lapsed else "nobody has checked"
        yield Breach(number.file, number.line, f"{who} {number.number} ({place}): {told}")


def _no_links(draft: Draft) -> Iterator[Breach]:
    for said in _said(draft):
        if (match := re.search(r"https?://\S*|\bwww\.\S+|\bwa\.me\b\S*", said.words)) is not None:
            yield said.breach(f"has the link {match[0]}; links stay in a phone's history", match.start())


# -- sizes ---------------------------------------------------------------------------------------------


def _longest_fillings(draft: Draft, sms: bool) -> dict[tuple[str, Variant], str]:
    """The longest thing each placeholder can become, by variant."""
    fillings: dict[tuple[str, Variant], str] = {}
    for variant in VARIANTS:
        lines: dict[str, list[str]] = {}
        for number in draft.numbers:
            if not number.place:
                lines.setdefault(number.country, []).append(f"{number.label[variant]}: {number.number}")
        fillings["numbers", variant] = max(("\n".join(group) for group in lines.values()), key=len, default="")
        fillings["emergency", variant] = "999 / 112"
        fillings["child_line", variant] = "116111"
        fillings["safe_word", variant] = "x" * 16 if variant == "en" else "ك" * 16
        duties = [text for name, text in draft.texts.items() if name.startswith("duty_")]
        said = [text.wordings["sms" if sms and text.has("sms") else "main"].get(variant) for text in duties]
        fillings["duty", variant] = max((wording.words for wording in said if wording), key=len, default="")
        asked = draft.instruments
        questions = [asked.question(item, variant, sms=sms) for item in asked.items] if asked is not None else []
        fillings["question", variant] = max(questions, key=len, default="")
    return fillings


def _filled(wording: Wording, fillings: dict[tuple[str, Variant], str]) -> str:
    return PLACEHOLDER.sub(lambda match: fillings.get((match[1], wording.variant), match[0]), wording.words)


def _body_fits(draft: Draft) -> Iterator[Breach]:
    fillings = _longest_fillings(draft, sms=False)
    for _, wording, said in _wordings(draft):
        units = utf16_units(_filled(wording, fillings))
        if units > BODY_LIMIT:
            yield said.breach(f"takes {units:,} of {BODY_LIMIT:,} units when filled; shorten or divide it")


def _sms_fits_budget(draft: Draft) -> Iterator[Breach]:
    fillings = _longest_fillings(draft, sms=True)
    budgets = [country["sms"].segment_budget for country in draft.channels.values() if "sms" in country]
    budget = min(budgets, default=2)
    for text, wording, said in _wordings(draft):
        sent = wording.form in ("sms", "no_numbers") or not text.has("sms")
        if not sent:
            continue
        segments = count_segments(_filled(wording, fillings))
        if segments.parts > budget:
            how = "" if wording.form == "sms" else "; add or shorten an sms wording"
            message = f"takes {segments.parts} SMS parts ({segments.units} units {segments.encoding}), {budget} wanted{how}"
            yield said.breach(message)


# -- what is never said --------------------------------------------------------------------------------


def _nothing_answered_by_exit(draft: Draft) -> Iterator[Breach]:
    for said in _said(draft):
        for offset, character in find_offered_exit(said.words):
            message = f"offers {character} as an answer, but {character} leaves the chat everywhere"
            yield said.breach(message, offset)


def _no_opt_out_advertised(draft: Draft) -> Iterator[Breach]:
    for said in _said(draft):
        for offset, word in find_opt_out(said.words, said.variant):
            message = f"advertises «{word}»: the provider takes it as an opt-out and blocks every later answer"
            yield said.breach(message, offset)
    for name, tree in draft.phrases.items():
        for node in _advertised(tree):
            if is_opt_out(str(node.value)):
                yield Breach(node.file, node.line, f"{name} advertises {node.value}, a provider opt-out word")


def _exits_say_nothing_else(draft: Draft) -> Iterator[Breach]:
    for node in exit_phrases(draft.phrases, []):
        phrase = str(node.value)
        if draft.danger is not None and find_danger(phrase, draft.danger) is not None:
            yield Breach(node.file, node.line, f"«{phrase}» asks for help: whoever writes it would be cut off")
        elif draft.instruments is not None and read_answer(phrase, (), draft.instruments.words) is not None:
            yield Breach(node.file, node.line, f"«{phrase}» is an answer to questions: whoever gives it would be cut off")


def _advertised(tree: Node) -> Iterator[Node]:
    """What a file of phrases says is advertised: a list of its own, or rows marked ``advertised: true``."""
    listed, rows = tree.at("advertised").value, tree.at("phrases").value
    yield from listed if isinstance(listed, list) else ()
    for row in rows if isinstance(rows, list) else ():
        if row.at("advertised").value is True:
            yield row.at("phrase")


def _tone(severity: Severity) -> Callable[[Draft], Iterator[Breach]]:
    def check(draft: Draft) -> Iterator[Breach]:
        for said in _said(draft):
            for offset, words, why in find_forbidden(said.words, severity):
                yield said.breach(f"says «{words}»: {why}", offset)

    return check


# -- script and letters --------------------------------------------------------------------------------


def _is_one_line_for_all(text: Text) -> bool:
    words = [wording.words for wording in text.wordings["main"].values()]
    return len(words) > 1 and len(set(words)) == 1


def _right_letters(draft: Draft) -> Iterator[Breach]:
    # The same words in all four variants are no translation: a line for those who read neither language.
    foreign = {text.name for text in draft.texts.values() if _is_one_line_for_all(text)}
    for said in _said(draft):
        if said.owner in foreign:
            continue
        bare = PLACEHOLDER.sub("", said.words)
        arabic, latin = contains_arabic(bare), contains_latin(bare)
        if not arabic and not latin and "??" in bare:
            yield said.breach("has only question marks for letters: it was saved without Arabic, write it anew")
        if said.variant == "en" and arabic and not latin:
            yield said.breach("is the English wording but is written in Arabic letters")
        if said.variant != "en" and latin and not arabic:
            yield said.breach("is an Arabic wording but is written in Latin letters")


_HIDDEN: Final = re.compile("[\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069\u00ad]")


def _no_hidden_characters(draft: Draft) -> Iterator[Breach]:
    for said in _said(draft):
        if (match := _HIDDEN.search(said.words)) is not None:
            yield said.breach(f"holds the invisible character U+{ord(match[0]):04X}; delete it", match.start())


# -- what answers add up to ----------------------------------------------------------------------------


def _bands_not_lowered(draft: Draft) -> Iterator[Breach]:
    if draft.instruments is None:
        return  # the reasons are noted
    sign = "a clinician must sign for it"
    for lowered in find_lowered(draft.instruments):
        name = lowered.floor.set_name
        tree = draft.screening.get(name)
        if tree is None:
            yield Breach("release.yml", 1, f"the questions of {name} are not there, which screening.md wants asked; {sign}")
        elif lowered.missing:
            message = f"{name}: {lowered.missing} is not asked, which screening.md wants asked"
            yield Breach(tree.file, tree.line_of("items"), f"{message}; {sign}")
        else:
            message = f"{name}: {lowered.floor} gives {lowered.given}, where screening.md gives {lowered.floor.band}"
            yield Breach(tree.file, tree.line_of("rules"), f"{message}; {sign}")
    for name in never_chosen(draft.instruments):
        choose = draft.screening["choose"]
        yield Breach(choose.file, choose.line_of("rows"), f"nothing that is said leads to the questions of {name}; {sign}")
    for name in CLOSING:
        tree = draft.screening.get(name)
        if name in draft.instruments.sets and tree is not None and not draft.instruments.sets[name].closes_joint_routes:
            message = f"{name}: a yes must close counselling together with the other side (closes_joint_routes: true)"
            yield Breach(tree.file, tree.line_of("closes_joint_routes"), f"{message}; {sign}")


def _minors_are_minors(draft: Draft) -> Iterator[Breach]:
    for item in draft.instruments.items.values() if draft.instruments is not None else ():
        tree = draft.screening[item.home]
        for option in item.options:
            if option.ages is None:
                continue
            young, old = option.ages[1] < 18, option.ages[0] >= 18
            if option.minor is not young or not (young or old):
                message = f"{item.id}, answer {option.digit}: ages below 18 need minor: true, from 18 on none; divide at 18"
                yield Breach(tree.file, _line_of_item(tree, item.id), message)


def _line_of_item(tree: Node, identity: str) -> int:
    rows = tree.at("items").value
    return next((row.line for row in rows if row.at("id").value == identity), tree.line) if isinstance(rows, list) else tree.line


def _choices_named(draft: Draft) -> Iterator[Breach]:
    tree = draft.screening.get("choose")
    if tree is None:
        return
    rows = tree.at("rows").value
    places: list[Node] = [*(rows if isinstance(rows, list) else ()), tree.at("harm")]
    for place in places:
        for kind, known in (("intents", draft.intents), ("flags", FLAGS)):
            listed = place.at(kind)
            names: list[Node] = listed.value if listed is not place and isinstance(listed.value, list) else []
            for name in names:
                if known and name.value not in known:
                    near = did_you_mean(str(name.value), known)
                    yield Breach(name.file, name.line, f"there is no {kind[:-1]} {name.value}{near}")


def _fallback_has_no_holes(draft: Draft) -> Iterator[Breach]:
    text = draft.texts.get(FALLBACK_TEXT)
    if text is not None:
        for wording in text:
            if wording.placeholders:
                yield _of_wording(text, wording).breach("stands in when something is missing: no placeholder in it")


RULES: Final[tuple[Rule, ...]] = (
    # completeness
    Rule("missing-text", "error", "every text the bot names exists", _required_texts),
    Rule("no-revealing-words", "error", "phrases/revealing.yml lists the words that reveal", _revealing_words_listed),
    Rule("stray-file", "error", "every file is one that is read", _stray_files),
    Rule("no-desks", "warning", "desks.yml lists the desks", _desks_listed),
    Rule("not-neutral", "error", "what is said before the good time is declared neutral", _neutral_declared),
    # placeholders
    Rule("placeholder", "error", "only placeholders that somebody fills", _known_placeholders),
    Rule("brace", "error", "no { or } alone", _stray_braces),
    Rule("placeholder-missing", "error", "the four variants have the same placeholders", _same_placeholders),
    Rule("digits", "warning", "the four variants offer the same digits", _same_digits),
    Rule("duty-placeholder", "error", "a duty text holds no placeholder", _duty_is_plain),
    Rule("question-placeholder", "error", "a question holds no placeholder", _questions_are_plain),
    Rule("fallback-placeholder", "error", "the fallback text holds no placeholder", _fallback_has_no_holes),
    # lock screen
    Rule("revealing", "error", "a neutral text has no revealing word anywhere", _neutral_everywhere),
    Rule("first-line", "error", "no first line has a revealing word", _first_line_safe),
    Rule("first-line-filled", "error", "nothing unknown is filled into a first line", _fillings_below_first_line),
    Rule("emergency-first", "error", "at RED the emergency number stands in the first line", _emergency_first),
    Rule("label", "error", "labels of numbers have no revealing word", _labels_are_neutral),
    # numbers and channels
    Rule("no-numbers", "error", "a text with a number has wordings without one", _numbers_have_a_way_round),
    Rule("number-in-no-numbers", "error", "a no_numbers wording has no number", _no_numbers_means_none),
    Rule("number-written-out", "error", "numbers come from numbers.yml, which says who checked them", _numbers_not_written_out),
    Rule("number-unverified", "warning", "every number has been checked by somebody", _numbers_verified),
    Rule("url", "error", "no links", _no_links),
    # sizes
    Rule("too-long", "error", "a body fits in 1,600 units when filled", _body_fits),
    Rule("sms-parts", "warning", "what goes out by SMS keeps the segment budget", _sms_fits_budget),
    # what is never said
    Rule("exit-as-answer", "error", "0 and x are never an answer", _nothing_answered_by_exit),
    Rule("exit-means-more", "error", "no exit phrase is a cry for help or an answer", _exits_say_nothing_else),
    Rule("opt-out", "error", "no provider opt-out word is advertised", _no_opt_out_advertised),
    Rule("never", "error", "no promise, blame, verdict or question safety.md forbids", _tone("error")),
    Rule("tone", "warning", "no wording that often hurts", _tone("warning")),
    # what answers add up to
    Rule("band-lowered", "warning", "the questions of screening.md give at least its bands", _bands_not_lowered),
    Rule("option-age", "error", "an age under eighteen is a minor's, and no other", _minors_are_minors),
    Rule("unknown-name", "error", "what chooses questions is an intent or a flag there is", _choices_named),
    # letters
    Rule("letters", "error", "Arabic wordings in Arabic letters, English in Latin ones", _right_letters),
    Rule("hidden", "error", "no invisible characters", _no_hidden_characters),
)
"""Every rule, in the order a reader wants them. docs/writing-scripts.md explains each code to staff."""
