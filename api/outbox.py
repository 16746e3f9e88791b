"""The only way a message leaves: rendered words to an address, with the tombstone asked last.

safety.md: "no request to the provider *starts* after the wipe". The check is made when a connection stands ready,
right before the first byte (api/channels/twilio/client.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from api.channels.address import Address, Channel
from api.channels.twilio.client import ProviderRefused, TwilioClient, Withdrawn
from api.conversations.store import ConversationStore, StoreUnavailable
from api.database import DatabaseUnavailable
from api.observability.logs import warn
from api.observability.metrics import SENT
from safety.message_text import MessageText

VALIDITY_S = 240
"""twilio.md: the provider's default lets a late reply light up the phone ten hours later."""


@dataclass(frozen=True, slots=True)
class Dispatch:
    """What became of one message: ``sent`` with its sid, ``withdrawn`` (the person left), ``refused`` or ``unsure``."""

    outcome: str
    sid: str = ""
    reason: str = ""


class Outbox:
    """Sends on behalf of the bot and of counsellors.

    Args:
        provider: the REST client.
        store: knows who has left.
        status_callback: where the provider reports what became of a message.
    """

    def __init__(
        self, provider: TwilioClient, store: ConversationStore, status_callback: str, clock: Callable[[], float]
    ) -> None:
        self._provider, self._store, self._status_callback, self._clock = provider, store, status_callback, clock

    async def send(
        self, to: Address, sender: str, body: MessageText, person: str, generation: int, *, in_hand: bool = False,
        still: Callable[[], Awaitable[bool]] | None = None,
    ) -> Dispatch:
        """Hand one message to the provider unless the person has left.

        Args:
            to: who gets it.
            sender: our number, in the provider's form.
            person, generation: whose conversation, and its generation when the message was caused.
            in_hand: the synchronous answer to the message in hand; it goes out even when the store is gone
                (architecture.md, decision 4), unless this very process knows of an exit.
            still: a further condition asked at the last moment (a counsellor's ticket is still theirs), the tombstone after it.
        """

        async def may_go() -> bool:
            if still is not None and not await still():
                return False
            return await self._still_here(person, generation, in_hand)

        channel: Channel = to.channel
        try:
            sent = await self._provider.send(
                to, sender, body, validity_s=VALIDITY_S, status_callback=self._status_callback, redaction=False,
                last_check=may_go,
            )
        except Withdrawn:
            SENT.labels(channel, "withdrawn").inc()
            return Dispatch("withdrawn")
        except ProviderRefused as refused:
            SENT.labels(channel, "refused").inc()
            warn("provider_refused", channel=channel, code=str(refused.code), name=str(refused.reason))
            return Dispatch("unsure" if refused.maybe_done else "refused", reason=str(refused.reason))
        SENT.labels(channel, "sent").inc()
        return Dispatch("sent", sid=sent.sid)

    async def typing(self, sid: str, person: str, generation: int, still: Callable[[], Awaitable[bool]]) -> bool:
        """Show on a phone that somebody is writing, in answer to the person's message ``sid``; whether it went out.

        A mark that fails is not tried again and harms nobody. Asked last, as for every send: ``still``, the tombstone.
        """

        async def may_go() -> bool:
            return await still() and await self._still_here(person, generation, False)

        try:
            await self._provider.typing(sid, may_go)
        except (Withdrawn, DatabaseUnavailable):
            return False
        except ProviderRefused as refused:
            warn("typing_refused", code=str(refused.code), name=str(refused.reason))
            return False
        return True

    async def _still_here(self, person: str, generation: int, in_hand: bool) -> bool:
        try:
            return await self._store.may_send(person, generation)
        except StoreUnavailable:
            return in_hand and self._store.tombstones.floor(person, self._clock()) <= generation
