"""``./hams bench``: how fast the line answers, on the machine it runs on, with real parts.

One engine, one gateway, embedded Redis, SQLite; the load generator and the provider it answers to run on the same
cores. A turn is timed from the first byte of the webhook's request to the arrival of the reply at the provider.
An exit is timed twice: by the gateway, from the request's arrival to the key overwritten, and by who leaves, to the
webhook's answer, which comes after the ticket and the ledger were written too.
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
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import aiohttp
import psutil
from aiohttp import web
from twilio.request_validator import RequestValidator

ROOT = Path(__file__).resolve().parent.parent
TOKEN, ACCOUNT, OURS = "0" * 32, "AC" + "0" * 32, "+15005550006"

DIALOGUE = (
    "السلام عليكم", "1", "2", "1", "جوزي بيضربني من زمان وما حدا داري", "2", "لا", "2", "2", "مين بشوف الكلام اللي بكتبه؟",
    "3", "2", "2", "لا", "2",
)
"""A talk from the first word through the opening, the consent and a screening with a side question."""


@dataclass
class Peer:
    """The provider's side: takes replies and notes when each arrived."""

    arrived: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    waiting: dict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))

    async def create(self, request: web.Request) -> web.Response:
        now = time.perf_counter()
        form = dict(parse_qsl((await request.read()).decode()))
        to = form["To"].removeprefix("whatsapp:")
        self.arrived[to].append(now)
        self.waiting[to].set()
        return web.json_response({"sid": "SM" + secrets.token_hex(16), "status": "queued"}, status=201)

    async def delete(self, _request: web.Request) -> web.Response:
        return web.Response(status=204)


class Phones:
    """The people's side: signed webhooks over kept connections."""

    def __init__(self, base: str, peer: Peer) -> None:
        self._url = f"{base}/webhooks/twilio/message"
        self._peer = peer
        self._validator = RequestValidator(TOKEN)
        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    def _request(self, number: str, words: str) -> tuple[bytes, dict[str, str]]:
        form = {"MessageSid": "SM" + secrets.token_hex(16), "AccountSid": ACCOUNT, "From": f"whatsapp:{number}",
                "To": f"whatsapp:{OURS}", "Body": words, "NumMedia": "0", "ProfileName": "x", "WaId": number[1:]}
        headers = {"X-Twilio-Signature": self._validator.compute_signature(self._url, form),
                   "Content-Type": "application/x-www-form-urlencoded"}
        return urlencode(form).encode(), headers

    async def write(self, number: str, words: str) -> float:
        """Send one message; seconds until the webhook was answered."""
        body, headers = self._request(number, words)
        began = time.perf_counter()
        async with self.session.post(self._url, data=body, headers=headers) as response:
            await response.read()
            if response.status != 200:
                raise RuntimeError(f"the webhook answered {response.status}")
        return time.perf_counter() - began

    async def turn(self, number: str, words: str) -> float:
        """Send one message; seconds until its reply was at the provider."""
        self._peer.waiting[number].clear()
        seen = len(self._peer.arrived[number])
        began = time.perf_counter()
        answered = asyncio.create_task(self.write(number, words))
        await asyncio.wait_for(self._peer.waiting[number].wait(), 15)
        await answered
        return self._peer.arrived[number][seen] - began

    async def close(self) -> None:
        await self.session.close()


def new_number() -> str:
    return "+96279" + "".join(secrets.choice("0123456789") for _ in range(7))


async def one_client(phones: Phones, talks: int) -> list[float]:
    times = []
    for _ in range(talks):
        number = new_number()
        for words in DIALOGUE:
            times.append(await phones.turn(number, words))
    return times


async def many(phones: Phones, conversations: int, seconds: float) -> tuple[int, list[float], float]:
    times: list[float] = []
    began = time.perf_counter()
    until = began + seconds

    async def talk() -> None:
        while time.perf_counter() < until:
            number = new_number()
            for words in DIALOGUE:
                times.append(await phones.turn(number, words))
                if time.perf_counter() >= until:
                    return

    await asyncio.gather(*(talk() for _ in range(conversations)))
    return len(times), times, time.perf_counter() - began


async def exits_under_load(phones: Phones, base: str, conversations: int, seconds: float) -> list[float]:
    """Exits by a process of its own, so that the load generator's queue is not taken for the line's."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as others:
        leaving = asyncio.get_running_loop().run_in_executor(others, leave_often, base, seconds)
        await asyncio.sleep(1.0)
        await many(phones, conversations, seconds)
        return await leaving


async def overwritten(phones: Phones, base: str) -> dict[float, float]:
    """The gateway's own histogram of exits, from the request's arrival to the key overwritten: seconds -> so many."""
    async with phones.session.get(f"{base}/metrics") as response:
        lines = (await response.text()).splitlines()
    found = [line for line in lines if line.startswith("hams_exit_seconds_bucket")]
    return {float(line.split('"')[1]): float(line.rsplit(" ", 1)[1]) for line in found}


def bucket_of(counts: dict[float, float], share: float) -> float:
    """Milliseconds below which this share of the exits was done: the edge of a bucket, so an upper bound."""
    total = max(counts.values(), default=0.0)
    return round(1000 * min(edge for edge, count in counts.items() if count >= share * total), 1)


def leave_often(base: str, seconds: float) -> list[float]:
    """Somebody writes and leaves, again and again; seconds from the exit's request to its answer."""

    async def go() -> list[float]:
        phones, times = Phones(base, Peer()), []
        await phones.write(new_number(), "مرحبا")
        await asyncio.sleep(2.0)  # the load has begun
        until = time.perf_counter() + seconds - 2.0
        while time.perf_counter() < until:
            number = new_number()
            await phones.write(number, "مرحبا")
            times.append(await phones.write(number, "0"))
            await asyncio.sleep(0.03)
        await phones.close()
        return times

    return asyncio.run(go())


async def bursts(phones: Phones, peer: Peer, rounds: int) -> list[float]:
    """Four messages of one sender 50 ms apart: seconds from the last one to the last reply."""
    late = []
    for _ in range(rounds):
        number = new_number()
        await phones.turn(number, "مرحبا")
        seen = len(peer.arrived[number])
        tasks = []
        last = 0.0
        for words in ("1", "2", "1", "كيف حالك"):
            last = time.perf_counter()
            tasks.append(asyncio.create_task(phones.write(number, words)))
            await asyncio.sleep(0.05)
        await asyncio.gather(*tasks)
        answers = peer.arrived[number][seen:]
        if len(answers) != 4:
            raise RuntimeError(f"{len(answers)} answers to four messages")
        late.append(answers[-1] - last)
    return late


def percentile(times: Sequence[float], p: float) -> float:
    """Milliseconds."""
    ordered = sorted(times)
    return 1000 * ordered[min(len(ordered) - 1, round(p / 100 * (len(ordered) - 1)))]


def resident(process: int) -> dict[str, float]:
    """Resident MB of the product's processes, by part (the load generator is not one of them)."""
    found: dict[str, float] = {}
    parent = psutil.Process(process)
    for one in [parent, *parent.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            line = " ".join(one.cmdline())
            name = next((n for sign, n in (("-m bot", "engine"), ("uvicorn", "gateway"), ("redis-server", "Redis"),
                                           ("api.supervisor", "supervisor")) if sign in line), "other")
            found[name] = found.get(name, 0.0) + one.memory_info().rss / 1e6
    return found


@contextlib.contextmanager
def product(provider: str, folder: Path, model: Path) -> Iterator[tuple[str, int, float]]:
    """The running product: its address, the supervisor's pid, seconds to ready."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("HAMS_", "TWILIO_"))},
        "HAMS_VAR": str(folder), "HAMS_PORT": str(port), "HAMS_TWILIO_API_URL": provider, "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN, "TWILIO_WHATSAPP_FROM": OURS, "TWILIO_SMS_FROM": OURS,
        "HAMS_PUBLIC_URL": f"http://127.0.0.1:{port}",
    }
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "api.supervisor", str(model)], cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True,
        process_group=0,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("ready"):
                break
        else:
            raise RuntimeError("the product did not start")
        yield f"http://127.0.0.1:{port}", process.pid, time.perf_counter() - began
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


async def measure(model: Path, seconds: float, talks: int) -> dict[str, object]:
    peer = Peer()
    app = web.Application()
    app.router.add_post("/2010-04-01/Accounts/{account}/Messages.json", peer.create)
    app.router.add_delete("/2010-04-01/Accounts/{account}/Messages/{sid}", peer.delete)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    provider = f"http://127.0.0.1:{runner.addresses[0][1]}"
    with tempfile.TemporaryDirectory(prefix="hams-bench-") as folder:
        running = product(provider, Path(folder), model)
        base, process, ready = await asyncio.to_thread(running.__enter__)
        phones = Phones(base, peer)
        try:
            await one_client(phones, 3)  # warm
            alone = await one_client(phones, talks)
            count, loaded, took = await many(phones, 32, seconds)
            before = await overwritten(phones, base)
            exits = await exits_under_load(phones, base, 32, seconds)
            wiped = {edge: count - before.get(edge, 0.0) for edge, count in (await overwritten(phones, base)).items()}
            late = await bursts(phones, peer, 20)
            memory = resident(process)
        finally:
            await phones.close()
            await asyncio.to_thread(running.__exit__, None, None, None)
    await runner.cleanup()
    return {
        "cores": os.cpu_count(),
        "ready_s": round(ready, 1),
        "one_client": {"turns": len(alone), "p50_ms": round(percentile(alone, 50), 1), "p99_ms": round(percentile(alone, 99), 1)},
        "load_32": {"turns_per_s": round(count / took, 1), "p50_ms": round(percentile(loaded, 50), 1),
                    "p99_ms": round(percentile(loaded, 99), 1)},
        "exit_under_load": {
            "exits": len(exits), "overwritten_p99_at_most_ms": bucket_of(wiped, 0.99),
            "answered_p50_ms": round(percentile(exits, 50), 1), "answered_p99_ms": round(percentile(exits, 99), 1),
        },
        "burst_of_4": {"median_ms": round(1000 * statistics.median(late), 1), "worst_ms": round(1000 * max(late), 1)},
        "resident_mb": {name: round(value) for name, value in sorted(memory.items())} | {"all": round(sum(memory.values()))},
    }


def table(found: dict[str, object]) -> str:
    """The figures beside what was asked for (issue: Speed)."""
    one, many_, exits, burst, memory = (found[k] for k in ("one_client", "load_32", "exit_under_load", "burst_of_4", "resident_mb"))
    rows = [
        ("one client, p50", f"{one['p50_ms']} ms", "≤ 12 ms"),  # type: ignore[index]
        ("one client, p99", f"{one['p99_ms']} ms", "≤ 60 ms"),  # type: ignore[index]
        ("32 conversations", f"{many_['turns_per_s']} turns/s", "≥ 100"),  # type: ignore[index]
        ("exit under that load: overwritten, p99", f"≤ {exits['overwritten_p99_at_most_ms']} ms", "≤ 25 ms"),  # type: ignore[index]
        ("  the same: answered, p99", f"{exits['answered_p99_ms']} ms", ""),  # type: ignore[index]
        ("four messages 50 ms apart, worst", f"{burst['worst_ms']} ms", "≤ 150 ms"),  # type: ignore[index]
        ("resident, all parts", f"{memory['all']} MB", "≤ 900 MB"),  # type: ignore[index]
        ("ready again", f"{found['ready_s']} s", "≤ 15 s"),
    ]
    width = max(len(name) for name, _, _ in rows)
    lines = [f"{'':{width}}  {'measured':>14}  {'asked for':>10}"]
    lines += [f"{name:{width}}  {value:>14}  {wanted:>10}" for name, value, wanted in rows]
    return "\n".join([*lines, "", f"on {found['cores']} cores, load generator included"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="hams bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="machine-readable")
    parser.add_argument("--seconds", type=float, default=15.0, help="length of each load")
    parser.add_argument("--talks", type=int, default=20, help="talks of the single client")
    parser.add_argument("--model", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    found = asyncio.run(measure(chosen.model, chosen.seconds, chosen.talks))
    print(json.dumps(found, indent=1) if chosen.json else table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
