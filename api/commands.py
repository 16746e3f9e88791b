"""Effects a turn asks for, carried out in one transaction before any reply is sent.

architecture.md, decision 3: commands first (committed), then replies. Each carries an id; a turn that runs again
after a crash asks for the same ids, and what was obeyed once is not obeyed twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from api.handoffs.desks import desk_for
from api.handoffs.tables import KNOWN_REASONS, place_code
from api.handoffs.tickets import OpenHandoff, Ticket, note_not_now, open_handoff, withdraw
from api.observability.metrics import TICKETS
from api.scripts.desks import Desks
from api.scripts.numbers import VARIANTS


@dataclass(frozen=True, slots=True)
class Asker:
    """For whom commands are carried out: everything a ticket must know that the engine does not."""

    person: str
    channel: str
    generation: int
    country: str
    place: str
    variant: str
    language: str
    sender: str
    repeat_key: str
    sealed_address: bytes | None


@dataclass(frozen=True, slots=True)
class Done:
    """What carrying out left for the rest of the turn."""

    tickets: tuple[Ticket, ...] = ()
    withdrawn: tuple[Ticket, ...] = ()
    forget: bool = False
    safe_word: bool = False
    variant: str | None = None
    place: str = ""

    def and_then(self, later: Done) -> Done:
        """Both, for what had to be carried out one by one."""
        return Done(
            self.tickets + later.tickets, self.withdrawn + later.withdrawn, self.forget or later.forget,
            self.safe_word or later.safe_word, self.variant if later.variant is None else later.variant, later.place or self.place,
        )


def carry_out(
    connection: sa.Connection, asker: Asker, commands: Sequence[Mapping[str, Any]], *, now: float,
    new_id: Callable[[], str], desks: Desks | None = None,
) -> Done:
    """Obey the commands of one turn, in order.

    Args:
        desks: those of the live release, among which the one is chosen where a new ticket waits.

    Raises:
        api.handoffs.tickets.NotATicket: a command is not made of known codes.
    """
    opened: list[Ticket] = []
    withdrawn: list[Ticket] = []
    forget = safe_word = False
    variant: str | None = None
    place = ""
    for command in commands:
        match command["kind"]:
            case "open_handoff":
                wish = _handoff(asker, command)
                desk = desk_for(
                    connection, desks or {}, country=wish.country, place=wish.place, lane=wish.lane, now=now
                )
                opened.append(open_handoff(connection, replace(wish, desk=desk), new_id=new_id(), now=now))
                TICKETS.labels(command["band"]).inc()
            case "withdraw_handoff":
                withdrawn += withdraw(connection, asker.person, now=now, command_id=command["id"])
            case "forget":
                withdrawn += withdraw(connection, asker.person, now=now, command_id=command["id"])
                forget = True
            case "not_now" | "good_time":
                note_not_now(connection, asker.person, asker.channel, on=command["kind"] == "not_now")
            case "make_safe_word":
                safe_word = True
            case "set_language" if command["variant"] in ("", *VARIANTS):  # empty: Arabic, as the dialect suggests
                variant = str(command["variant"])
            case "set_place":
                place = place_code(str(command["place"]))
    return Done(tuple(opened), tuple(withdrawn), forget, safe_word, variant, place)


def danger_command(turn: str, codes: Sequence[str] = ()) -> dict[str, Any]:
    """Danger found by rule at the door: RED, whatever becomes of the turn.

    Args:
        codes: what the rules saw (``safety.danger.Danger.codes``); those that are reasons of a ticket go on it.
    """
    reasons = ["danger_rule", *(code for code in codes if code in KNOWN_REASONS)]
    return {"id": f"{turn[:24]}-danger", "kind": "open_handoff", "band": "RED", "reasons": reasons}


def wish_command(turn: str, band: str = "UNKNOWN", reasons: Sequence[str] = ("wish",)) -> dict[str, Any]:
    """A wish for a person taken by the gateway itself while the engine is away."""
    return {"id": f"{turn[:24]}-static", "kind": "open_handoff", "band": band, "reasons": list(reasons), "wish": True}


def _handoff(asker: Asker, command: Mapping[str, Any]) -> OpenHandoff:
    return OpenHandoff(
        command_id=str(command["id"]),
        person=asker.person,
        channel=asker.channel,
        generation=asker.generation,
        country=asker.country,
        band=str(command["band"]),
        variant=asker.variant,
        language=asker.language,
        sender=asker.sender,
        repeat_key=asker.repeat_key,
        reply_address=asker.sealed_address,
        place=asker.place,
        lane=str(command.get("lane") or ""),
        sets=tuple(command.get("sets") or ()),
        reasons=tuple(command.get("reasons") or ()),
        wish=bool(command.get("wish")),
        call=bool(command.get("call")),
    )
