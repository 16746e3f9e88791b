"""The names of everything Redis holds about a person, all in one slot of a cluster (hash tag: the person)."""

from __future__ import annotations

CHANNELS = ("whatsapp", "sms")
_SHORT = {"whatsapp": "wa", "sms": "sms"}


def generation(person: str) -> str:
    """When this number last left (microseconds); absent: not within a day."""
    return f"{{{person}}}:gen"


def queue(person: str) -> str:
    """The turn lock: whose turn it is and who waits."""
    return f"{{{person}}}:q"


def quiet(person: str) -> str:
    """Stands for ten seconds after an exit."""
    return f"{{{person}}}:quiet"


def rate(person: str) -> str:
    """When the last messages came."""
    return f"{{{person}}}:rate"


def mark(person: str, sid_mark: str) -> str:
    """p: in progress (a short lease), d: done, x: this very message was an exit."""
    return f"{{{person}}}:m:{sid_mark}"


def key(person: str, channel: str) -> str:
    """The conversation's own key, sealed by the process's."""
    return f"{{{person}}}:{_SHORT[channel]}:k"


def state(person: str, channel: str) -> str:
    """The conversation's state, sealed by its own key."""
    return f"{{{person}}}:{_SHORT[channel]}:s"


def staged(person: str, channel: str, ticket: int) -> str:
    """A key on its way in: under this name for the moment until its first save is accepted."""
    return f"{key(person, channel)}:{ticket}"


def kept(person: str) -> tuple[str, ...]:
    """Keys and states of every channel: what is worth overwriting."""
    return tuple(name(person, channel) for channel in CHANNELS for name in (key, state))
