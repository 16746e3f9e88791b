"""``python -m api.channels.standin``: the stand-in as a process of its own, on loopback or a unix socket only."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence

from aiohttp import web

from api.channels.standin.app import StandIn


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the arguments, serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m api.channels.standin", description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--port", type=int, help="TCP port on 127.0.0.1; 0 for a free one")
    where.add_argument("--uds", metavar="PATH", help="unix socket")
    parser.add_argument("--account-sid", required=True)
    parser.add_argument(
        "--auth-token", default=os.environ.get("TWILIO_AUTH_TOKEN", ""),
        help="comma-separated while rotating; better given in TWILIO_AUTH_TOKEN, which other users cannot see",
    )
    parser.add_argument("--webhook", required=True, metavar="URL", help="the gateway's /webhooks/twilio/message")
    parser.add_argument("--public-url", metavar="URL", help="the gateway's HAMS_PUBLIC_URL where it is not the webhook's")
    parser.add_argument("--redaction", action="store_true", help="the account has Message Redaction")
    parser.add_argument("--quiet", action="store_true", help="do not print the address: whoever starts it chose it")
    chosen = parser.parse_args(arguments)
    tokens = [token.strip() for token in chosen.auth_token.split(",") if token.strip()]
    if not tokens:
        parser.error("--auth-token or TWILIO_AUTH_TOKEN is needed")
    standin = StandIn(
        chosen.account_sid, tokens, chosen.webhook, public_url=chosen.public_url, redaction=chosen.redaction
    )
    asyncio.run(_serve(standin, chosen.port, chosen.uds, quiet=chosen.quiet))
    return 0


async def _serve(standin: StandIn, port: int | None, uds: str | None, *, quiet: bool) -> None:
    # no access log: it would hold numbers; no long goodbye: a fault that delays an answer must not hold up the end
    runner = web.AppRunner(standin.app(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    site: web.BaseSite = web.UnixSite(runner, uds) if uds else web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if not quiet:
        where = uds or f"http://127.0.0.1:{runner.addresses[0][1]}"
        sys.stdout.write(json.dumps({"ready": where}) + "\n")
        sys.stdout.flush()
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    sys.exit(main())
