"""What makes a deployment safe or unsafe, looked up and told in words: ``doctor`` lists it, ``up --production`` obeys it.

Each function looks at one thing and returns findings. Nothing here changes anything, and no finding holds a secret.
"""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from api import embedded_redis
from api.embedded_redis import RedisUnreachable
from api.settings import TWILIO_API, Settings, is_loopback


class State(StrEnum):
    """How a finding stands; production does not start with anything ``UNSAFE`` or ``UNKNOWN``."""

    GOOD = "good"
    NOTE = "note"
    UNKNOWN = "unknown"
    UNSAFE = "unsafe"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    what: str
    state: State
    says: str


@dataclass(frozen=True, slots=True)
class Running:
    """What a supervisor wrote down about the run it owns."""

    process: int
    redis_url: str | None
    redis_doctor_url: str | None


def find_run(settings: Settings) -> Running | None:
    """The run on this ``var``, if one is alive."""
    try:
        found = json.loads((settings.run / "running.json").read_text(encoding="utf-8"))
        os.kill(int(found["process"]), 0)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Running(int(found["process"]), found.get("redis_url"), found.get("redis_doctor_url"))


def before_start(settings: Settings, today: date) -> list[Finding]:
    """Everything that can be known before anything runs."""
    return [
        *examine_machine(Path("/proc")),
        *examine_files(settings),
        *examine_settings(settings),
        *examine_numbers(settings, today),
        *examine_signatures(settings),
    ]


def deployment(settings: Settings, today: date) -> list[Finding]:
    """The same, and what runs: what ``doctor`` shows."""
    run = find_run(settings)
    return [*before_start(settings, today), *examine_redis(settings, run), *examine_processes(Path("/proc"), run)]


def refusals(findings: Iterable[Finding]) -> list[Finding]:
    """Those with which production must not start."""
    return [finding for finding in findings if finding.state in (State.UNSAFE, State.UNKNOWN)]


def as_json(findings: Sequence[Finding]) -> str:
    """For ``doctor --json``."""
    return json.dumps({"safe": not refusals(findings), "findings": [asdict(finding) for finding in findings]})


def examine_machine(proc: Path) -> Iterator[Finding]:
    """Swap and core dumps put memory, and so words, on a disk (threats.md: no swap, no core dumps)."""
    areas = _read(proc / "swaps").splitlines()[1:] if (proc / "swaps").exists() else None
    if areas is None:
        yield Finding("swap", State.UNKNOWN, "cannot be read on this machine")
    elif areas:
        yield Finding("swap", State.UNSAFE, f"is on ({len(areas)} in use): memory reaches a disk; swapoff -a")
    else:
        yield Finding("swap", State.GOOD, "is off")
    pattern = _read(proc / "sys/kernel/core_pattern").strip()
    if not pattern:
        yield Finding("core dumps", State.UNKNOWN, "kernel.core_pattern cannot be read on this machine")
    elif pattern.startswith("|"):
        # core(5): the limit of zero that every part runs under does not hold for a pattern that is a program
        says = "kernel.core_pattern is a program, which the limit of zero does not stop; sysctl -w kernel.core_pattern=core"
        yield Finding("core dumps", State.UNSAFE, says)
    else:
        yield Finding("core dumps", State.GOOD, "go to a file, which the limit of zero stops")


def examine_files(settings: Settings) -> Iterator[Finding]:
    """Whom the secrets on disk, and the folder for everything written, are open to."""
    for what, path in (
        (".env", settings.root / ".env"),
        ("the folder for data", settings.var),
        ("the secret key", settings.var / "keys" / "secret"),
        ("the database", settings.var / "hams.db"),
    ):
        try:
            state = path.stat()
        except OSError:
            continue
        if state.st_mode & 0o077:
            yield Finding(what, State.UNSAFE, f"is open to other users of this machine; chmod go= {path}")
        elif state.st_uid not in (os.getuid(), 0):
            yield Finding(what, State.UNSAFE, "belongs to another user")
        else:
            yield Finding(what, State.GOOD, "is the owner's alone")


def examine_settings(settings: Settings) -> Iterator[Finding]:
    """Addresses, keys and the provider, as set."""
    yield Finding("mode", State.GOOD if settings.production else State.NOTE, f"is {settings.mode}")
    if settings.demo and not is_loopback(settings.host):
        yield Finding("HAMS_HOST", State.UNSAFE, "opens the demo, with staff everybody knows, to the network")
    secure = settings.public_url.startswith("https://")
    yield Finding(
        "HAMS_PUBLIC_URL",
        State.GOOD if secure else _in_production(settings),
        "is https" if secure else "is not https: fit for this machine only",
    )
    kept = (settings.var / "keys" / "secret").exists()
    yield Finding(
        "HAMS_SECRET_KEYS",
        State.NOTE if kept and not settings.production else State.GOOD,
        "was made on first start and lies beside the data" if kept and not settings.production else "is given",
    )
    if len(settings.secret_keys) > 1:
        yield Finding("HAMS_SECRET_KEYS", State.NOTE, "holds an older key: drop it when keys rotate has re-sealed")
    if len(settings.twilio_auth_tokens) > 1:
        yield Finding("TWILIO_AUTH_TOKEN", State.NOTE, "holds a second token: drop it when the rotation is done")
    if settings.twilio_api_url != TWILIO_API or settings.builtin_standin:
        yield Finding("HAMS_TWILIO_API_URL", State.NOTE, "is not Twilio's: nothing reaches a telephone")
    for name, senders in (
        ("TWILIO_WHATSAPP_FROM", settings.twilio_whatsapp_from),
        ("TWILIO_SMS_FROM", settings.twilio_sms_from),
    ):
        if not senders:
            yield Finding(name, State.NOTE, "is not set: nobody is answered on this channel")
    yield _database(settings)
    if settings.practice_url is not None:
        # browsers send cookies to every port of a host: the worlds' cookies have other names, and yet go to both
        alone = urlsplit(settings.practice_url).hostname != urlsplit(settings.public_url).hostname
        says = "leads to a host of its own" if alone else "leads to the live console's own host: another host is better"
        yield Finding("HAMS_PRACTICE_URL", State.GOOD if alone else State.NOTE, says)
    if settings.redis_url is None:
        yield Finding("HAMS_REDIS_URL", State.NOTE, "is not set: the embedded server, for one machine")
    if settings.sentry_dsn and settings.sentry_dsn.startswith("http://"):
        host = urlsplit(settings.sentry_dsn).hostname or ""
        if not is_loopback(host):
            yield Finding("SENTRY_DSN", State.UNSAFE, "is not https")


def _database(settings: Settings) -> Finding:
    name = "HAMS_DATABASE_URL"
    if settings.database_url.startswith("sqlite"):
        return Finding(name, State.NOTE, "is SQLite: for one machine")
    parts = urlsplit(settings.database_url)
    query = parse_qs(parts.query)
    host = parts.hostname or query.get("host", [""])[0]
    if host.startswith("/") or is_loopback(host):
        return Finding(name, State.GOOD, "is PostgreSQL on this machine")
    if query.get("sslmode", [""])[0] in ("verify-full", "verify-ca"):
        return Finding(name, State.GOOD, "is PostgreSQL, encrypted and checked")
    return Finding(name, State.UNSAFE, "crosses the network unchecked: add sslmode=verify-full")


def examine_numbers(settings: Settings, today: date) -> Iterator[Finding]:
    """Numbers nobody has checked are told to nobody; without an emergency number there is no start (contract.md)."""
    from api.scripts.numbers import unsigned_minimum
    from api.scripts.release import ScriptProblems, load_release

    try:
        release = load_release(settings.root / "scripts")
    except (ScriptProblems, OSError):
        yield Finding("scripts", State.UNSAFE, "have errors; ./hams check lists them")
        return
    unsigned = unsigned_minimum(release.numbers, today)
    state = _in_production(settings)
    for number in unsigned:
        yield Finding(f"emergency number {number.country}", state, "is not signed off (scripts/numbers.yml)")
    others = [number for number in release.numbers if not number.is_minimum and not number.is_verified(today)]
    for number in others:
        where = number.place or number.country
        yield Finding(f"number {where} {number.kind}", State.NOTE, "is not verified: in production it is told to nobody")
    if not unsigned and not others:
        yield Finding("numbers", State.GOOD, f"are all verified ({len(release.numbers)})")


def examine_signatures(settings: Settings) -> Iterator[Finding]:
    """The texts of the release must have been signed off by people (architecture.md, 5)."""
    signed: Callable[[Settings], str | None] | None
    signed = borrow("api.scripts.signoff", "unsigned")
    if signed is None:
        yield Finding("texts", _in_production(settings), "are not signed off: this version cannot record who signed")
        return
    problem = signed(settings)
    yield Finding("texts", _in_production(settings) if problem else State.GOOD, problem or "are signed off")


def _in_production(settings: Settings) -> State:
    """What only production may not do without."""
    return State.UNSAFE if settings.production else State.NOTE


def examine_redis(settings: Settings, run: Running | None) -> Iterator[Finding]:
    """The configuration of the server that runs, not of the file it was given."""
    url = settings.redis_url or (run.redis_url if run else None)
    doctor_url = settings.redis_doctor_url or (run.redis_doctor_url if run else None)
    if url is None:
        yield Finding("Redis", State.NOTE, "does not run: the embedded one starts with ./hams up and is checked then")
        return
    try:
        if doctor_url is None:
            says = "cannot be read: set HAMS_REDIS_DOCTOR_URL to a user that may CONFIG GET (deploy/users.acl)"
            yield Finding("Redis configuration", State.UNKNOWN, says)
        else:
            problems = embedded_redis.configuration_problems(doctor_url)
            for problem in problems:
                yield Finding("Redis configuration", State.UNSAFE, problem)
            if not problems:
                yield Finding("Redis configuration", State.GOOD, "is as the threat model says")
        problems = embedded_redis.permission_problems(url)
        for problem in problems:
            yield Finding("Redis rights", State.UNSAFE, problem)
        if not problems:
            yield Finding("Redis rights", State.GOOD, "the product's user has no more than it needs")
    except RedisUnreachable as error:
        yield Finding("Redis", State.UNKNOWN, f"does not answer ({error})")


def examine_processes(proc: Path, run: Running | None) -> Iterator[Finding]:
    """The limits under which the parts really run."""
    if run is None:
        yield Finding("run", State.NOTE, "nothing runs here")
        return
    checked, open_to_cores = 0, 0
    for process in [run.process, *_children(proc, run.process)]:
        for line in _read(proc / str(process) / "limits").splitlines():
            if line.startswith("Max core file size"):
                checked += 1
                open_to_cores += line.split()[4:6] != ["0", "0"]
    if open_to_cores:
        yield Finding("parts", State.UNSAFE, f"{open_to_cores} of {checked} may write a core dump")
    elif checked:
        yield Finding("parts", State.GOOD, f"{checked} run, none may write a core dump")
    else:
        yield Finding("parts", State.UNKNOWN, "their limits cannot be read")


def borrow(module: str, name: str) -> Callable[..., Any] | None:
    """A function of a part of the product that may not be there yet; None if it is not."""
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError as error:
        if error.name is None or not (module == error.name or module.startswith(error.name + ".")):
            raise
        return None
    return found if callable(found) else None


def _children(proc: Path, process: int) -> list[int]:
    return [int(child) for child in _read(proc / str(process) / "task" / str(process) / "children").split()]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
