"""Passkeys (WebAuthn level 2): registered by somebody signed in, used to sign in without a password, or to step up.

What an authenticator says is read and checked by ``webauthn``; here is what a relying party owes beside that (level 2,
7.1 and 7.2): challenges that are ours, young and used once; the credential's owner is who the authenticator says; a
counter that goes back is a copy and lets nobody in. User verification is always asked for: a passkey is two factors.

``webauthn`` is six megabytes and imported where it is used: a gateway nobody signs in to by passkey does without.

A challenge is not stored when it is given out, so strangers who ask for millions fill no memory and this way in stays
open for everybody. It carries its time and a MAC under a seed that lives in Redis alone, and is marked there once used.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import sqlalchemy as sa
from redis.asyncio import Redis

from api.audit import trail
from api.conversations.sealing import CannotOpen, Keyring
from api.database import Database
from api.staff.accounts import Staff, find_staff
from api.staff.signin import Refused
from api.staff.tables import PASSKEY_LABELS, passkeys, staff

if TYPE_CHECKING:
    from webauthn.helpers.structs import AuthenticationCredential, RegistrationCredential

CHALLENGE_SECONDS = 120
"""How long somebody may take between the button and the finger."""

MOST = 10
"""Passkeys of one account."""

_ID = re.compile(r"[0-9a-f]{16}")
_RP_NAME = "Hams"
_SEED = "passkey:seed"
_NONCE, _TIME, _MAC = 16, 8, 32
# A browser asked for no attestation sends none, or the authenticator's own (level 2, 5.4.7): the rest is not parsed.
_ATTESTATIONS = frozenset({"none", "packed"})

Use = Literal["register", "sign_in", "step_up"]


class TooManyPasskeys(Exception):
    """The account has as many as it may have."""


class UnknownLabel(ValueError):
    """A passkey is called by one of the names of the list."""


class NoSuchPasskey(Exception):
    """This account has no such passkey."""


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Who we are to an authenticator: the host and the origin of ``HAMS_PUBLIC_URL``."""

    id: str
    origin: str


def relying_party(public_url: str) -> RelyingParty | None:
    """The relying party of a deployment; ``None`` where browsers allow no passkeys: an IP address, or plain http."""
    parts = urlsplit(public_url)
    host = parts.hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return None
    at_home = host == "localhost" or host.endswith(".localhost")
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and at_home)):
        return None
    return RelyingParty(host, f"{parts.scheme}://{parts.netloc}")


@dataclass(frozen=True, slots=True)
class Passkey:
    """One of an account's passkeys, as its owner sees it. Times are seconds since 1970."""

    id: str
    label: str
    created_at: float
    used_at: float | None


class Passkeys:
    """Registration and use.

    Args:
        redis: a client that returns bytes.
        party: who we are; see :func:`relying_party`.
    """

    __slots__ = ("_clock", "_database", "_keyring", "_party", "_random_bytes", "_redis")

    def __init__(
        self, database: Database, redis: Redis, keyring: Keyring, party: RelyingParty, *,
        clock: Callable[[], float], random_bytes: Callable[[int], bytes],
    ) -> None:
        self._database, self._redis, self._keyring, self._party = database, redis, keyring, party
        self._clock, self._random_bytes = clock, random_bytes

    async def offer_registration(self, member: Staff, session: str) -> dict[str, Any]:
        """What the browser needs to make a passkey (``PublicKeyCredentialCreationOptionsJSON``).

        Args:
            session: the session's key; only it can use the answer.
        """
        import webauthn
        from webauthn.helpers import options_to_json_dict, structs

        there = await self._database.read(lambda connection: _credentials(connection, member.id))
        return options_to_json_dict(webauthn.generate_registration_options(
            rp_id=self._party.id, rp_name=_RP_NAME, user_id=member.id.encode(), user_name=member.username,
            challenge=await self._challenge("register", session), timeout=CHALLENGE_SECONDS * 1000,
            authenticator_selection=structs.AuthenticatorSelectionCriteria(
                resident_key=structs.ResidentKeyRequirement.REQUIRED,
                user_verification=structs.UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[structs.PublicKeyCredentialDescriptor(id=one) for one in there],
        ))  # fmt: skip

    async def register(self, member: Staff, session: str, answer: Mapping[str, Any], label: str) -> Passkey:
        """Keep the passkey an authenticator has made.

        Raises:
            Refused: the answer is not to a challenge of ours, from another site, without user verification, or broken.
            UnknownLabel, TooManyPasskeys: nothing was kept.
        """
        import webauthn

        if label not in PASSKEY_LABELS:
            raise UnknownLabel("a passkey is called by one of the names of the list")
        credential = _read_registration(answer)
        nonce = await self._ours("register", session, credential.response.client_data_json)
        try:
            made = webauthn.verify_registration_response(
                credential=credential, expected_challenge=_challenge_of(credential.response.client_data_json),
                expected_rp_id=self._party.id, expected_origin=self._party.origin, require_user_verification=True,
            )
        except Exception:  # of an answer from outside: whatever is wrong with it, it is refused
            raise Refused from None
        await self._use_up(nonce)
        now, passkey_id = self._clock(), self._random_bytes(8).hex()

        def keep(connection: sa.Connection) -> None:
            # The account's row is taken first: two at once must not be eleven.
            known = connection.execute(sa.select(staff.c.credentials).where(staff.c.id == member.id).with_for_update()).scalar()
            if known != member.credentials:  # recovered or shut out meanwhile: nothing of before opens the account
                raise Refused
            if len(_credentials(connection, member.id)) >= MOST:
                raise TooManyPasskeys
            taken = sa.select(passkeys.c.id).where(passkeys.c.credential == made.credential_id)
            if connection.execute(taken).first() is not None:
                raise Refused
            connection.execute(passkeys.insert().values(
                id=passkey_id, staff=member.id, credential=made.credential_id, public_key=made.credential_public_key,
                sign_count=made.sign_count, label=label, created_at=now, used_at=None,
            ))  # fmt: skip
            trail.append(connection, at=now, actor=member.id, act="passkey.add", object_id=passkey_id)

        await self._database.write(keep)
        return Passkey(passkey_id, label, now, None)

    async def offer_sign_in(self) -> dict[str, Any]:
        """What the browser needs to sign somebody in; the same for everybody, so it tells nothing about anybody."""
        return self._request(await self._challenge("sign_in", ""), [])

    async def sign_in(self, answer: Mapping[str, Any]) -> Staff:
        """Who this is.

        Raises:
            Refused: whatever is wrong, the same answer.
        """
        return await self._enter("sign_in", "", answer, None, "staff.sign_in_passkey")

    async def offer_step_up(self, member: Staff, session: str) -> dict[str, Any]:
        """What the browser needs for a second factor of somebody signed in."""
        own = await self._database.read(lambda connection: _credentials(connection, member.id))
        return self._request(await self._challenge("step_up", session), own)

    async def step_up(self, member: Staff, session: str, answer: Mapping[str, Any]) -> None:
        """
        Raises:
            Refused: it is no passkey of this account, or anything else is wrong.
        """
        await self._enter("step_up", session, answer, member, "staff.step_up_passkey")

    def _request(self, challenge: bytes, allowed: list[bytes]) -> dict[str, Any]:
        import webauthn
        from webauthn.helpers import options_to_json_dict, structs

        return options_to_json_dict(webauthn.generate_authentication_options(
            rp_id=self._party.id, challenge=challenge, timeout=CHALLENGE_SECONDS * 1000,
            allow_credentials=[structs.PublicKeyCredentialDescriptor(id=one) for one in allowed],
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        ))  # fmt: skip

    async def _enter(self, use: Use, session: str, answer: Mapping[str, Any], member: Staff | None, act: str) -> Staff:
        import webauthn

        credential = _read_assertion(answer)
        nonce = await self._ours(use, session, credential.response.client_data_json)
        found = await self._database.read(lambda connection: _known(connection, credential.raw_id))
        if found is None:
            raise Refused
        key, owner = found
        handle = credential.response.user_handle
        # 7.2, step 6: whose credential it is must be who the authenticator says; without a name, it must say so.
        if (member is not None and owner.id != member.id) or handle not in (
            (owner.id.encode(),) if member is None else (owner.id.encode(), None)
        ):
            raise Refused
        try:
            seen = webauthn.verify_authentication_response(
                credential=credential, expected_challenge=_challenge_of(credential.response.client_data_json),
                expected_rp_id=self._party.id, expected_origin=self._party.origin, require_user_verification=True,
                credential_public_key=key.public_key,
                credential_current_sign_count=0,  # looked at below, once the signature is known to be good
            )
        except Exception:  # of an answer from outside: whatever is wrong with it, it is refused
            raise Refused from None
        await self._use_up(nonce)
        now = self._clock()

        def enter(connection: sa.Connection) -> bool:
            row = connection.execute(
                sa.select(passkeys.c.sign_count).where(passkeys.c.id == key.id).with_for_update()
            ).first()
            still = find_staff(connection, owner.id)
            if row is None or still is None or still.credentials != owner.credentials:
                return False
            # 7.2, step 21: authenticators without a counter say nought for ever; any other counts up, or is a copy.
            if (seen.new_sign_count or row.sign_count) and seen.new_sign_count <= row.sign_count:
                trail.append(connection, at=now, actor=owner.id, act="passkey.count_back", object_id=key.id)
                return False
            connection.execute(
                passkeys.update().where(passkeys.c.id == key.id).values(sign_count=seen.new_sign_count, used_at=now)
            )
            trail.append(connection, at=now, actor=owner.id, act=act, object_id=owner.id)
            return True

        if not await self._database.write(enter):
            raise Refused
        return owner

    async def _challenge(self, use: Use, session: str) -> bytes:
        head = self._random_bytes(_NONCE) + int(self._clock() * 1000).to_bytes(_TIME, "big")
        return head + _mac(await self._seed(), head, use, session)

    async def _ours(self, use: Use, session: str, client_data: bytes) -> bytes:
        """The nonce of a challenge that we gave out for this use and session within the last two minutes.

        Raises:
            Refused: it is none.
        """
        challenge = _challenge_of(client_data)
        if len(challenge) != _NONCE + _TIME + _MAC:
            raise Refused
        head = challenge[: _NONCE + _TIME]
        if not hmac.compare_digest(challenge[len(head) :], _mac(await self._seed(), head, use, session)):
            raise Refused
        age = self._clock() - int.from_bytes(head[_NONCE:], "big") / 1000
        if not -5 <= age <= CHALLENGE_SECONDS:  # gateways' clocks differ by a moment
            raise Refused
        return head[:_NONCE]

    async def _use_up(self, nonce: bytes) -> None:
        """
        Raises:
            Refused: its challenge was used before.
        """
        first = await self._redis.set("passkey:used:" + nonce.hex(), b"1", nx=True, ex=CHALLENGE_SECONDS + 60)
        if not first:
            raise Refused

    async def _seed(self) -> bytes:
        """The seed all gateways share; with Redis gone it is another, and no challenge given out before is good."""
        for _ in range(3):
            sealed = await self._redis.get(_SEED)
            if isinstance(sealed, bytes):
                try:
                    return self._keyring.open("passkey-seed", sealed, _SEED.encode())
                except CannotOpen:  # sealed by a key that was dropped since
                    await self._redis.delete(_SEED)
            made = self._keyring.seal("passkey-seed", self._random_bytes(32), _SEED.encode())
            await self._redis.set(_SEED, made, nx=True)
        raise Refused


def passkeys_of(connection: sa.Connection, staff_id: str) -> list[Passkey]:
    """An account's passkeys, oldest first."""
    rows = connection.execute(
        sa.select(passkeys).where(passkeys.c.staff == staff_id).order_by(passkeys.c.created_at, passkeys.c.id)
    )
    return [Passkey(row.id, row.label, row.created_at, row.used_at) for row in rows]


def remove_passkey(connection: sa.Connection, member: Staff, passkey_id: str, *, now: float) -> None:
    """Take one of one's own passkeys away.

    Raises:
        NoSuchPasskey: there is none of that id, or it is somebody else's.
    """
    if not _ID.fullmatch(passkey_id):
        raise NoSuchPasskey
    done = connection.execute(
        passkeys.delete().where(passkeys.c.id == passkey_id, passkeys.c.staff == member.id)
    )
    if done.rowcount != 1:
        raise NoSuchPasskey
    trail.append(connection, at=now, actor=member.id, act="passkey.remove", object_id=passkey_id)


@dataclass(frozen=True, slots=True)
class _Known:
    id: str
    public_key: bytes


def _known(connection: sa.Connection, credential: bytes) -> tuple[_Known, Staff] | None:
    row = connection.execute(sa.select(passkeys).where(passkeys.c.credential == credential)).first()
    owner = find_staff(connection, row.staff) if row is not None else None
    return (_Known(row.id, bytes(row.public_key)), owner) if row is not None and owner is not None else None


def _credentials(connection: sa.Connection, staff_id: str) -> list[bytes]:
    found = connection.execute(sa.select(passkeys.c.credential).where(passkeys.c.staff == staff_id)).scalars()
    return [bytes(one) for one in found]


def _mac(seed: bytes, head: bytes, use: Use, session: str) -> bytes:
    return hmac.new(seed, head + f"{use}:{session}".encode(), hashlib.sha256).digest()


def _challenge_of(client_data: bytes) -> bytes:
    """
    Raises:
        Refused: it cannot be read, or was made inside another site's page.
    """
    from webauthn.helpers import parse_client_data_json

    try:
        read = parse_client_data_json(client_data)
    except Exception:  # of an answer from outside
        raise Refused from None
    if read.cross_origin:
        raise Refused
    return read.challenge


def _read_registration(answer: Mapping[str, Any]) -> RegistrationCredential:
    from webauthn.helpers import parse_attestation_object, parse_registration_credential_json

    try:
        read = parse_registration_credential_json(dict(answer))
        kind = parse_attestation_object(read.response.attestation_object).fmt
    except Exception:  # of an answer from outside
        raise Refused from None
    if kind not in _ATTESTATIONS:
        raise Refused
    return read


def _read_assertion(answer: Mapping[str, Any]) -> AuthenticationCredential:
    from webauthn.helpers import parse_authentication_credential_json

    try:
        return parse_authentication_credential_json(dict(answer))
    except Exception:  # of an answer from outside
        raise Refused from None

