"""What a counsellor has at hand in a talk: canned replies, numbers, the plan as a list, and what is known in words.

Everything is rendered for the person of one ticket (dialect, channel, place) from the release in force, by the rules that
hold for the program itself: an unverified number is told to nobody, a channel without numbers gets the wording without.
Nothing here sends: it is put into the writing box, seen, and sent by somebody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, cast

from api.conversations.keys import PeriodKeys
from api.handoffs.tickets import Ticket
from api.scripts.channels import Channel, channel_of
from api.scripts.current import Releases
from api.scripts.numbers import Variant
from api.scripts.release import Release
from api.scripts.render import Audience, merge, render_with_codes
from api.scripts.segments import BODY_LIMIT, count_segments, room_for, utf16_units
from api.scripts.texts import COUNSELLOR_PREFIX
from api.scripts.words import find_phone_numbers

MOST_PARTS: Final = 6
"""Messages one text may become: each lights up the phone."""

LONGEST_TEXT: Final = MOST_PARTS * BODY_LIMIT
"""UTF-16 code units somebody may write at once."""

EMERGENCY: Final = f"{COUNSELLOR_PREFIX}emergency"
NUMBERS: Final = f"{COUNSELLOR_PREFIX}numbers"

_PLAN_PREFIX: Final = "plan_"
_BULLET: Final = re.compile(r"[•\-] +")
_BLANK: Final = re.compile(r"\{[^{}\n]{1,24}\}")


@dataclass(frozen=True, slots=True)
class CannedReply:
    """A reply of the release in the person's words. ``blanks`` are still to be filled, as they stand in ``body``."""

    code: str
    body: str
    blanks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One step of the safety plan: its code, what stands over it, its words, and both as a message."""

    code: str
    heading: str
    words: str
    body: str


@dataclass(frozen=True, slots=True)
class Aids:
    """The aids of one deployment.

    Args:
        keys: of the quarter, for words that are set up for a person.
        production: whether unverified numbers stay untold.
    """

    releases: Releases
    keys: PeriodKeys
    production: bool

    def replies(self, ticket: Ticket, now: float) -> tuple[CannedReply, ...]:
        """Every reply that counsellors are offered, in the order of the release."""
        release = self._release()
        names = [name for name in release.texts if name.startswith(COUNSELLOR_PREFIX)]
        return tuple(self._reply(release, name, ticket, now) for name in names)

    def say(self, name: str, ticket: Ticket, now: float, **values: str) -> str:
        """One text of the release in the person's words; what nobody filled stands in its braces."""
        return render_with_codes(
            self._release(), name, values, self._audience(ticket, now), show_missing=True
        ).body

    def plan(self, ticket: Ticket, now: float) -> tuple[PlanStep, ...]:
        """The safety plan line by line. A step alone still begins with its heading, which a locked phone may show."""
        release, channel = self._release(), self.channel(ticket)
        # The full wording: an SMS has a shorter one that is no list. Numbers are looked after below.
        who = self._audience(ticket, now, channel="whatsapp")
        known = frozenset(number.number.lstrip("+") for number in release.numbers)
        steps: list[PlanStep] = []
        for name in release.texts:
            if not name.startswith(_PLAN_PREFIX):
                continue
            heading, *lines = render_with_codes(release, name, {}, who, show_missing=True).body.split("\n")
            listed = [line for line in lines if _BULLET.match(line)]
            for place, line in enumerate(listed, 1):
                if not channel.numbers_allowed_in_body and any(find_phone_numbers(line, known)):
                    continue
                words = _BULLET.sub("", line, count=1)
                steps.append(PlanStep(f"{name}_{place}", heading, words, f"{heading}\n{words}"))
        return tuple(steps)

    def has_step(self, item: str, ticket: Ticket, now: float) -> bool:
        """Whether the release in force has this step of the plan."""
        return any(step.code == item for step in self.plan(ticket, now))

    def channel(self, ticket: Ticket) -> Channel:
        """What the person's channel takes."""
        return channel_of(self._release().channels, ticket.country, ticket.channel)

    def parts(self, ticket: Ticket, text: str) -> tuple[str, ...]:
        """The messages a text goes out as."""
        return split_for(text, ticket.channel, self.channel(ticket).segment_budget)

    def is_one_message(self, ticket: Ticket, text: str) -> bool:
        """Whether the channel takes a text as it stands, in the parts channels.yml wants."""
        if ticket.channel != "sms":
            return utf16_units(text) <= BODY_LIMIT
        return utf16_units(text) <= BODY_LIMIT and count_segments(text).parts <= self.channel(ticket).segment_budget

    def _reply(self, release: Release, name: str, ticket: Ticket, now: float) -> CannedReply:
        body = render_with_codes(release, name, {}, self._audience(ticket, now), show_missing=True).body
        return CannedReply(name, body, blanks_of(body))

    def _release(self) -> Release:
        return self.releases.get(self.releases.live().digest)

    def _audience(self, ticket: Ticket, now: float, channel: str = "") -> Audience:
        return Audience(
            variant=cast(Variant, ticket.variant), channel=channel or ticket.channel, country=ticket.country,
            place=ticket.place or None, production=self.production, today=datetime.fromtimestamp(now, UTC).date(),
        )


def blanks_of(text: str) -> tuple[str, ...]:
    """What stands in braces in a text: a blank nobody has filled. Such a text is not sent."""
    return tuple(dict.fromkeys(_BLANK.findall(text)))


def split_for(text: str, channel: str, budget: int) -> tuple[str, ...]:
    """A text as the messages it goes out as, cut at a paragraph, a sentence, at worst a word.

    WhatsApp takes 1,600 units a message; by SMS a message keeps to the parts that channels.yml wants (twilio.md).

    Args:
        budget: SMS parts a message should take at most.
    """
    if channel != "sms":
        return tuple(merge([text]))
    limit = min(BODY_LIMIT, room_for(text, budget))
    while True:
        messages = merge([text], limit)
        # A pair or an escaped character that does not fit the end of a part may cost one more: a little less, then.
        if limit <= 1 or all(count_segments(message).parts <= budget for message in messages):
            return tuple(messages)
        limit -= 1


# -- what is known, in the order in which it is to be read ---------------------------------------------------------

CRITICAL: Final = frozenset((
    "duress", "danger_now", "danger_rule", "danger_model", "weapon", "threat_to_kill", "strangulation", "confinement",
    "child_at_risk", "self_harm", "N1", "N2", "N3", "N4", "P1", "P2", "P3", "P4", "K2", "S2", "S3", "T6", "H2", "H4",
))
"""What alone, or with one more, is RED in screening.md, and what the gate rings for."""

_ANSWERS: Final = (("K", "child"), ("S", "self_harm"), ("N", "now"), ("P", "lethality"), ("H", "honour"), ("T", "exploitation"))
_OF_THE_TALK: Final = ("minor", "minor_speaking", "wish", "request_human", "request_office", "refused", "abrupt_end", "engine_down")
_ITEM: Final = re.compile(r"([A-Z])([0-9]{1,2})")


@dataclass(frozen=True, slots=True)
class Known:
    """Reasons that belong together: ``critical``, ``answers_child`` and its sisters, ``told``, ``of_the_talk``."""

    group: str
    codes: tuple[str, ...]


def known_of(reasons: Iterable[str]) -> tuple[Known, ...]:
    """The reasons of a ticket in groups: what is critical first, then answers by set of questions, then what was told."""
    left = sorted(set(reasons), key=_in_order)
    groups = [Known("critical", tuple(code for code in left if code in CRITICAL))]
    left = [code for code in left if code not in CRITICAL]
    for letter, name in _ANSWERS:
        groups.append(Known(f"answers_{name}", tuple(code for code in left if _ITEM.fullmatch(code) and code[0] == letter)))
    words = [code for code in left if not _ITEM.fullmatch(code)]
    groups.append(Known("told", tuple(code for code in words if code not in _OF_THE_TALK)))
    groups.append(Known("of_the_talk", tuple(code for code in words if code in _OF_THE_TALK)))
    return tuple(group for group in groups if group.codes)


def _in_order(code: str) -> tuple[str, int, str]:
    found = _ITEM.fullmatch(code)
    return (found[1], int(found[2]), "") if found else ("", 0, code)
