"""Is a webhook really Twilio's? The signature over the URL and every parameter says so, and nothing else does.

The URL is built from the configured public base, never from forwarded headers, which a caller chooses
(twilio.md, "Inbound"). There is no timestamp in it: a replay is genuine and only its sid tells.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from urllib.parse import urlsplit

from twilio.request_validator import RequestValidator, add_port, remove_port

SIGNATURE_HEADER = "X-Twilio-Signature"


class SignatureCheck:
    """Checks signatures against one or more auth tokens (two while one is being rotated).

    Args:
        tokens: the account's auth tokens, any order.
        public_url: the base under which the provider reaches us, ``https://line.example`` with or without a path.
    """

    def __init__(self, tokens: Sequence[str], public_url: str) -> None:
        if not tokens or not all(tokens):
            raise ValueError("no auth token")
        base = urlsplit(public_url)
        if base.scheme not in ("http", "https") or not base.hostname or base.query or base.fragment:
            raise ValueError("the public URL must be https://host or http://host, with or without a path")
        self._validators = tuple(RequestValidator(token) for token in tokens)
        self._base = public_url.rstrip("/")

    def genuine(self, path_with_query: str, params: Sequence[tuple[str, str]], signature: str | None) -> bool:
        """Whether a request with these parameters was signed with one of our tokens for this very path.

        Every candidate is computed whatever matches, and compared in constant time.

        Args:
            path_with_query: the raw request target, ``/webhooks/twilio/message?…``.
            params: the form's names and values as they came, duplicates included.
            signature: the header's value.
        """
        if not signature:
            return False
        given = signature.encode("utf-8", "replace")
        form = _Form(params)
        uri = urlsplit(self._base + path_with_query)
        found = False
        for validator in self._validators:
            # "sig generation on back end is inconsistent" about the port, says twilio-python: both forms count
            for url in (remove_port(uri), add_port(uri)):
                try:
                    expected = validator.compute_signature(url, form).encode()
                except UnicodeEncodeError:  # a lone surrogate: Twilio never sends one
                    return False
                found |= hmac.compare_digest(expected, given)
        return found


def sign(token: str, url: str, params: Sequence[tuple[str, str]]) -> str:
    """The signature Twilio would put on these parameters: for the stand-in and for tests."""
    signature: str = RequestValidator(token).compute_signature(url, _Form(params))
    return signature


class _Form(dict[str, list[str]]):
    """Names with all their values, in the shape twilio-python asks of a multi-dict: repeated names count once each value."""

    def __init__(self, params: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        for name, value in params:
            self.setdefault(name, []).append(value)

    def getlist(self, name: str) -> list[str]:
        return self[name]
