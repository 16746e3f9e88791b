"""``./hams chat``: the simulator's phone in a terminal, or fed from a pipe.

The message takes the real way through a running demo; where none runs, one is started for as long as the talk lasts,
in a folder of its own that is removed afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from api.channels.simulator import SimulatedPhones, StandInUnreachable
from api.cli.model import ensure_model
from api.cli.say import ROOT, Failure, say
from api.cli.stores import refuse_a_redis_that_does_not_answer
from api.settings import Settings, load_settings
from safety.message_text import MessageText

_PREFIX = {"JO": "+96279", "QA": "+9743", "BH": "+97333", "AE": "+97150"}
_SILENCE_S = 1.5
"""How long a piped line waits for an answer before the next: an exit is answered by silence."""


def run(arguments: Sequence[str]) -> int:
    """Talk until the end of input; the exit status."""
    parser = argparse.ArgumentParser(prog="hams chat", description="Write as somebody who looks for help; Ctrl-D ends.")
    parser.add_argument("--country", choices=sorted(_PREFIX), default="JO")
    parser.add_argument("--channel", choices=("whatsapp", "sms"), default="whatsapp")
    parser.add_argument("--from", dest="number", metavar="NUMBER", help="the number to write from; a new one otherwise")
    chosen = parser.parse_args(arguments)
    number = chosen.number or _PREFIX[chosen.country] + "".join(secrets.choice("0123456789") for _ in range(7))
    if not (number.startswith("+") and number[1:].isdigit() and 8 <= len(number) <= 16):
        raise Failure("--from wants a number like +962790000000")
    settings = load_settings(os.environ, ROOT)
    with _running_demo(settings) as api_url:
        senders = settings.twilio_whatsapp_from if chosen.channel == "whatsapp" else settings.twilio_sms_from
        to = senders.for_country(chosen.country)
        if to is None:
            raise Failure("no number of ours for that channel and country")
        return asyncio.run(_talk(SimulatedPhones(api_url), number, to, chosen.channel))


async def _talk(phones: SimulatedPhones, number: str, to: str, channel: str) -> int:
    typed = sys.stdin.isatty()
    if typed:
        say(f"writing from {number} by {channel}; Ctrl-D ends")
    after = max((seen.number for seen in await phones.received(number)), default=0)
    loop = asyncio.get_running_loop()
    try:
        while True:
            if typed:
                sys.stdout.write("> ")
                sys.stdout.flush()
            line = await loop.run_in_executor(None, sys.stdin.readline)
            if not line:
                return 0
            words = line.rstrip("\n")
            if not words.strip():
                continue
            if not typed:
                sys.stdout.write(f"> {words}\n")
            written = await phones.write(number, to, channel, MessageText(words))  # type: ignore[arg-type]
            if written.status != 200:
                raise Failure(f"the gateway answered {written.status}")
            after = await _show_answers(phones, number, after)
    except StandInUnreachable:
        raise Failure("the stand-in provider does not answer; is it a demo that runs?") from None
    finally:
        await phones.close()


async def _show_answers(phones: SimulatedPhones, number: str, after: int) -> int:
    """Show what came; what belongs to one answer arrives together."""
    seen = await phones.received(number, after, wait_s=_SILENCE_S)
    for message in seen:
        after = max(after, message.number)
        sys.stdout.write("".join(f"  {line}\n" for line in message.body.reveal().splitlines()) + "\n")
    if not seen:
        sys.stdout.write("  (silence)\n\n")
    sys.stdout.flush()
    return after


@contextlib.contextmanager
def _running_demo(settings: Settings) -> Iterator[str]:
    """The address of a running demo's stand-in, or of one started for this talk."""
    running = _stand_in_of(settings.run)
    if running is not None:
        yield running
        return
    if not settings.demo:
        raise Failure("nothing runs, and with a provider account set no demo is started; start ./hams up first")
    refuse_a_redis_that_does_not_answer(settings)
    model = ensure_model(settings.var)
    with tempfile.TemporaryDirectory(prefix="hams-chat-") as folder:
        say("starting a demo for this talk …")
        process = subprocess.Popen(
            [sys.executable, "-m", "api.supervisor", str(model)], cwd=ROOT,
            env={**os.environ, "HAMS_VAR": folder, "HAMS_PORT": str(_free_port())},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, process_group=0,
        )  # fmt: skip
        try:
            yield _wait_for(process, Path(folder) / "run")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=20)


def _wait_for(process: subprocess.Popen[bytes], run: Path) -> str:
    from api.supervisor import answers

    limit = time.monotonic() + 90
    while time.monotonic() < limit:
        if process.poll() is not None:
            raise Failure(f"the demo did not start (exit status {process.returncode}); ./hams up says why")
        found = _stand_in_of(run)
        port = _read(run).get("port")
        if found is not None and isinstance(port, int) and answers(("127.0.0.1", port), "/readyz"):
            return found
        time.sleep(0.2)
    raise Failure("the demo was not ready after 90 s")


def _stand_in_of(run: Path) -> str | None:
    found = _read(run)
    process, url = found.get("process"), found.get("twilio_api_url")
    if not isinstance(process, int) or not isinstance(url, str):
        return None
    try:
        os.kill(process, 0)
    except OSError:
        return None
    return url


def _read(run: Path) -> dict[str, object]:
    try:
        found = json.loads((run / "running.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
