"""The properties of screening.md, shown for a set by trying every combination of answers, each time it is loaded.

The grammar cannot express a rule that breaks them (``instruments.py``); that is the reason for any length. This is
the check of that reason, for sets of up to twelve items: a slip in the code that scores or asks stops the release
instead of meeting a person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from safety.instruments import LEVELS, InstrumentError, Instruments, QuestionSet, WeightedSum, atoms
from safety.scoring import Answers, evaluate

ENUMERATED = 12
"""screening.md: sets of up to twelve items are enumerated."""

NextItem = Callable[[Instruments, Sequence[str], Answers, bool], tuple[str, str] | None]

_NO, _NOT_DENIED, _YES = 0, 1, 2
"""Three values are all a rule can tell apart: unasked and no are one, skip and unsure are one."""


def prove(instruments: Instruments, question_set: QuestionSet, next_item: NextItem) -> None:
    """Try every combination of answers of one set, and every way through its questions.

    Raises:
        InstrumentError: a property does not hold; the path names the set, the problem an example.
    """
    if len(question_set.items) > ENUMERATED:
        return
    _prove_scoring(question_set)
    alone = replace(instruments, sets={question_set.name: question_set})
    _prove_asking(alone, question_set, next_item)


def _prove_scoring(question_set: QuestionSet) -> None:
    """Monotone in yes; skip and unsure never less than no; adding answers never lowers; no rule without effect."""
    indicators = [item for item in question_set.items if item.kind == "indicator"]
    refusals = {a.item for rule in question_set.rules for a in atoms(rule.when) if a.not_denied}
    lowering = _lowering_items(question_set)
    # Only the values the rules of this set can tell apart are tried: 2 to the number of items in most sets.
    values = [(_NO, _NOT_DENIED, _YES) if item.id in refusals else (_NO, _YES) for item in indicators]
    strides, size = [], 1
    for choice in values:
        strides.append(size)
        size *= len(choice)
    levels = bytearray(size)
    yes_of, asked_of = [0] * size, [0] * size
    for item, choice, stride in zip(indicators, values, strides, strict=True):
        for state in range(stride, stride * len(choice)):
            value = choice[state // stride]
            yes_of[state] = yes_of[state % stride] | (item.bit if value == _YES else 0)
            asked_of[state] = asked_of[state % stride] | item.bit
    for state in range(size):
        levels[state] = question_set.level(yes_of[state], asked_of[state])
    if levels[0] != 0:
        raise InstrumentError(f"{question_set.name}.rules", "a band is given before anything was answered")
    for item, choice, stride in zip(indicators, values, strides, strict=True):
        for step in range(1, len(choice)):
            if choice[step] == _YES and item.id in lowering:
                continue  # declared by the licence: this answer is known to lower the score
            for state in range(size):
                if (state // stride) % len(choice) == step and levels[state] < levels[state - stride]:
                    raise InstrumentError(
                        f"{question_set.name}.rules",
                        f"answering {item.id} with {'yes' if choice[step] == _YES else 'skip'} lowers the band",
                    )
    for position, rule in enumerate(question_set.rules):
        single = replace(question_set, rules=(rule,))
        for state in range(size):
            if levels[state] == LEVELS[rule.band] and single.level(yes_of[state], asked_of[state]):
                break
        else:
            raise InstrumentError(
                f"{question_set.name}.rules",
                f"rule {position + 1} from the top ({rule.band}) never decides: a higher one always holds first",
            )


def _lowering_items(question_set: QuestionSet) -> set[str]:
    """Items a licensed instrument gives a negative weight."""
    found: set[str] = set()
    pending = [rule.when for rule in question_set.rules] if question_set.licensed else []
    while pending:
        condition = pending.pop()
        if isinstance(condition, WeightedSum):
            found |= {item for item, _, weight in condition.weights if weight < 0}
        pending += getattr(condition, "of", ())
    return found


def _prove_asking(instruments: Instruments, question_set: QuestionSet, next_item: NextItem) -> None:
    """The flow as asked reaches every RED that asking everything reaches, asks nothing twice, and ends."""
    for answers in _ways_through(instruments, question_set, next_item, {}):
        outcome = evaluate(instruments, {question_set.name: answers})
        if outcome.band == "RED":
            continue
        unasked = [i.id for i in question_set.items if i.kind == "indicator" and i.id not in answers]
        lowering = _lowering_items(question_set)
        worst = {**answers, **{item: "yes" for item in unasked if item not in lowering}}
        if evaluate(instruments, {question_set.name: worst}).band == "RED":
            raise InstrumentError(
                f"{question_set.name}.rules",
                f"asking stops at {outcome.band} while {', '.join(unasked)} could make RED",
            )
        if outcome.band != "HIGH" and len(answers) < len(question_set.items):
            raise InstrumentError(f"{question_set.name}.items", f"asking stops at {outcome.band} with questions left")


def _ways_through(
    instruments: Instruments, question_set: QuestionSet, next_item: NextItem, answers: dict[str, str]
) -> Iterator[dict[str, str]]:
    """Every way the questions can go when a person is offered and declined: all answers at the end of each."""
    waiting = next_item(instruments, (question_set.name,), {question_set.name: answers}, True)
    if waiting is None:
        yield answers
        return
    identity = waiting[1]
    if identity in answers:
        raise InstrumentError(f"{question_set.name}.items", f"{identity} is asked twice")
    item = instruments.items[identity]
    for value in ("no", "yes") if item.kind == "indicator" else ("skip",):
        yield from _ways_through(instruments, question_set, next_item, {**answers, identity: value})
