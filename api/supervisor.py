"""The process behind ``./hams up``: starts the parts, starts again what dies or hangs, stops everything together.

One thread, no event loop, standard library and hiredis only: it is resident as long as the product runs. It
holds the listening socket, so that messages which arrive while the gateway starts again wait instead of being
refused. Parts get a clean environment; the engine's holds no secret. Nothing here reads what a part says: its
lines (events without content) go to standard error as they are, and nothing is written to a log file.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from api import embedded_redis
from api.embedded_redis import RedisUnfit, RedisUnreachable
from api.settings import Settings, SettingsError, load_settings, socket_folder

Say = Callable[[str], None]

_FIRST_TRIES = 3
"""How often a part may die before it was ready for the first time; after that it is started again for ever."""
_BACK_OFF = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_STEADY = 60.0  # seconds after which an earlier death no longer counts
_START_LIMIT = 180.0
_PATIENCE = 8.0  # seconds a part has to finish what it does, then it is killed
_PULSE = 5.0
"""Seconds between two questions whether a part that is ready still answers, and so what it has for each."""
_SILENCES = 3
"""Questions in a row without an answer after which a part hangs: a long turn is well below one of them."""
LARGEST_FRAME = 65_536
"""Bytes of one message on a console's socket, unpacked; beyond it the socket is closed before anything is kept of it."""
PING_S = 8
"""Between two pings of a console's socket, and how long its answer may take (``handoffs/leases.py`` counts on it)."""

_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD})
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4


class CannotStart(Exception):
    """The product cannot be started; the message is one line for the person at the keyboard."""


@dataclass(frozen=True, slots=True)
class Part:
    """One process of the product.

    Args:
        ready: asked until it says True, after each start. Raising ``CannotStart`` stops everything.
        passes: file descriptors the process inherits.
        needs: the part that must be ready before this one is started.
        pulse: asks the part, once it is ready, whether it still answers; left out for one that is never thought to hang.
    """

    name: str
    argv: tuple[str, ...] = field(repr=False)
    environ: Mapping[str, str] = field(repr=False)
    ready: Callable[[], bool]
    passes: tuple[int, ...] = ()
    needs: str = ""
    pulse: Callable[[], Question] | None = None


@dataclass(slots=True)
class _Run:
    part: Part
    process: subprocess.Popen[bytes] | None = None
    ready: bool = False
    ever_ready: bool = False
    deaths: int = 0
    started: float = 0.0
    start_at: float = 0.0
    question: Question | None = None
    ask_at: float = 0.0
    silences: int = 0


def supervise(
    parts: Sequence[Part],
    *,
    on_ready: Callable[[], None],
    say: Say,
    clock: Callable[[], float] = time.monotonic,
    start_limit: float = _START_LIMIT,
) -> None:
    """Run ``parts`` until a signal asks to stop; when this returns or raises, no process of theirs is left.

    Raises:
        CannotStart: a part cannot be brought up for the first time, or its ``ready`` says it must not run.
    """
    runs = {part.name: _Run(part) for part in parts}
    old_mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    # a blocked SIGCHLD that is also ignored is never delivered: make sure it is not
    old_child = signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
    announced = False
    try:
        while True:
            now = clock()
            for run in runs.values():
                _look_after(run, runs, now, say, start_limit)
            if not announced and all(run.ready for run in runs.values()):
                announced = True
                on_ready()
            woken = signal.sigtimedwait(_SIGNALS, _pause(runs.values(), now))
            if woken is not None and woken.si_signo != signal.SIGCHLD:
                say("stopping")
                return
    finally:
        _stop(list(runs.values()))
        while signal.sigtimedwait(_SIGNALS, 0):
            pass  # a second Ctrl-C while stopping asked for what was being done
        signal.signal(signal.SIGCHLD, old_child)
        signal.pthread_sigmask(signal.SIG_SETMASK, old_mask)


def _pause(runs: Iterable[_Run], now: float) -> float:
    """How long to sleep: a death wakes the supervisor at once, only a part that is coming up is looked at often."""
    runs = list(runs)
    waiting = [run for run in runs if not run.ready]
    if not waiting:
        return max(0.01, min((run.ask_at - now for run in runs if run.part.pulse), default=_PULSE))
    return 0.05 if any(now - run.started < 30 for run in waiting) else 1.0


def _look_after(run: _Run, runs: Mapping[str, _Run], now: float, say: Say, start_limit: float) -> None:
    name = run.part.name
    if run.process is None:
        needed = runs.get(run.part.needs)
        # only the first start waits for another part: later each copes with the other being away
        if now >= run.start_at and (needed is None or needed.ever_ready):
            run.process, run.started, run.ready = _start(run.part), now, False
        return
    status = run.process.poll()
    if status is not None:
        run.process, was_ready, run.ready = None, run.ready, False
        _forget_question(run)
        if was_ready and now - run.started > _STEADY:
            run.deaths = 0
        run.deaths += 1
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        if not run.ever_ready and run.deaths >= _FIRST_TRIES:
            raise CannotStart(f"the {name} stopped {run.deaths} times before it was ready ({how})")
        pause = _BACK_OFF[min(run.deaths, len(_BACK_OFF)) - 1]
        run.start_at = now + pause
        say(f"the {name} stopped ({how}); starting it again in {pause:g} s")
        return
    if not run.ready:
        if run.part.ready():
            if run.ever_ready:
                say(f"the {name} is back")
            run.ready = run.ever_ready = True
            run.ask_at, run.silences = now + _PULSE, 0
        elif not run.ever_ready and now - run.started > start_limit:
            # later a part that is up and not ready is left alone: it says what it waits for, and serves what it can
            raise CannotStart(f"the {name} was not ready after {start_limit:g} s")
        return
    if run.part.pulse is not None and now >= run.ask_at:
        _feel_pulse(run, run.process, run.part.pulse, now, say)


def _feel_pulse(
    run: _Run, process: subprocess.Popen[bytes], pulse: Callable[[], Question], now: float, say: Say
) -> None:
    """Whether the last question was answered, then the next one. A part that hangs is worse than one that died: it
    keeps waiting whoever asks it."""
    if run.question is not None:
        run.silences = 0 if run.question.answered() else run.silences + 1
        _forget_question(run)
    run.ask_at = now + _PULSE
    if run.silences >= _SILENCES:
        say(f"the {run.part.name} does not answer; ending it")
        process.kill()  # a process that hangs obeys no request; its end is noticed like any other
    else:
        with contextlib.suppress(OSError):  # no descriptor to be had: no fault of the part's
            run.question = pulse()


def _forget_question(run: _Run) -> None:
    if run.question is not None:
        run.question.close()
        run.question = None


def _start(part: Part) -> subprocess.Popen[bytes]:
    parent = os.getpid()
    libc = ctypes.CDLL(None, use_errno=True)

    def in_child() -> None:
        # a part must not outlive the supervisor, however that ends (Linux)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    return subprocess.Popen(
        part.argv,
        env=dict(part.environ),
        stdin=subprocess.DEVNULL,
        stdout=2,  # what a part says is for the operator: standard output stays the supervisor's own
        pass_fds=part.passes,
        # a group of its own: Ctrl-C reaches the supervisor, which then stops the parts in order
        process_group=0,
        preexec_fn=in_child,  # safe: there is one thread
    )


def _stop(runs: list[_Run]) -> None:
    """Last started, first stopped: the gateway finishes its turn while engine and Redis still answer."""
    for run in reversed(runs):
        _forget_question(run)
        if run.process is None:
            continue
        if run.process.poll() is None:
            run.process.terminate()
            try:
                run.process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                run.process.kill()
                run.process.wait()
        run.process = None


def answers(address: str | tuple[str, int], path: str, *, timeout: float = 1.0) -> bool:
    """True if an HTTP server at a unix socket's path or at (host, port) answers ``GET path`` with 200."""
    try:
        with _line_to(address) as connection:
            _ask(connection, address, path, timeout)
            head = b""
            while len(head) < 12 and (more := connection.recv(1024)):
                head += more
    except OSError:
        return False
    return head.split(b" ", 2)[1:2] == [b"200"]


class Question:
    """``GET path``, its answer looked for later: the supervisor is one thread and waits for no part."""

    def __init__(self, address: str | tuple[str, int], path: str) -> None:
        self._line = _line_to(address)
        with contextlib.suppress(OSError):  # then nothing answers either
            _ask(self._line, address, path, 0.2)
        self._line.setblocking(False)

    def answered(self) -> bool:
        """Whether anything has come by now, whatever it says."""
        try:
            return bool(self._line.recv(1))
        except OSError:
            return False

    def close(self) -> None:
        """Want no answer any more."""
        self._line.close()


def _line_to(address: str | tuple[str, int]) -> socket.socket:
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    return socket.socket(family, socket.SOCK_STREAM)


def _ask(line: socket.socket, address: str | tuple[str, int], path: str, timeout: float) -> None:
    line.settimeout(timeout)
    line.connect(address)
    line.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())


def listens(address: tuple[str, int]) -> bool:
    """True if something takes connections there."""
    try:
        socket.create_connection(address, 1.0).close()
    except OSError:
        return False
    return True


def bind(host: str, port: int) -> socket.socket:
    """The listening socket of the product.

    Raises:
        CannotStart: the address is taken or not to be had.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # What it accepts inherits this. uvicorn takes a passed socket for a unix one and leaves it out: each answer, being
    # two writes, then waits 40 ms for the other side's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except PermissionError:
        raise CannotStart(f"port {port} needs more rights: choose one above 1023 (--port N or HAMS_PORT)") from None
    except OSError as error:
        what = "is taken" if error.errno == 98 else f"is not to be had on {host}"
        raise CannotStart(f"port {port} {what}: choose another (--port N or HAMS_PORT)") from None
    return listener


@contextlib.contextmanager
def only_one(run: Path) -> Iterator[None]:
    """Hold the lock of this ``var`` for as long as the block lasts.

    Raises:
        CannotStart: another supervisor holds it.
    """
    run.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(run / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(descriptor, 20).decode("ascii", "ignore").strip() or "unknown"
            raise CannotStart(f"already running here (process {owner}): HAMS_VAR gives another a place") from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)


def harden_this_process() -> None:
    """Files for the owner only, and no core dump: a core holds every word in memory (threats.md)."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def plain_environment(root: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """What every part gets: where things are, nothing of what the operator's shell holds."""
    keep = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "LD_LIBRARY_PATH")
    return {
        **{name: environ[name] for name in keep if name in environ},
        "PYTHONPATH": str(root),
        "PYTHONUNBUFFERED": "1",
        "PYTHONSAFEPATH": "1",
    }


def engine_environment(root: Path, home: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The engine's: no secret, no address, and what keeps Rasa quiet and small."""
    extra = {"CAMELTOOLS_DATA": environ["CAMELTOOLS_DATA"]} if environ.get("CAMELTOOLS_DATA") else {}
    return {
        **plain_environment(root, environ),
        **extra,
        "HOME": str(home),
        "MPLCONFIGDIR": str(home),
        "RASA_TELEMETRY_ENABLED": "false",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONWARNINGS": "ignore",  # old libraries warn at every start
        # one message at a time: threads of a numeric library only cost memory and the gateway's share of a core
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
    }


def product(settings: Settings, model: Path, listener: socket.socket, environ: Mapping[str, str]) -> list[Part]:
    """The parts of the product for these settings, in the order in which they are started."""
    parts: list[Part] = []
    root, run = settings.root, settings.run
    sockets = socket_folder(settings.var)
    home = run / "home"
    for folder in (run, sockets, home):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    plain = plain_environment(root, environ)

    embedded = settings.redis_url is None
    if embedded:
        server = embedded_redis.prepare(run, sockets)
        settings = replace(settings, redis_url=server.url, redis_doctor_url=server.doctor_url)

        def redis_ready() -> bool:
            if not server.is_up():
                return False
            try:
                embedded_redis.verify(server.url, server.doctor_url)
            except RedisUnreachable:
                return False
            except RedisUnfit as problem:
                raise CannotStart(str(problem)) from None
            return True

        parts.append(Part("Redis", server.argv, plain, redis_ready))

    engine_socket = str(settings.engine_socket)
    parts.append(
        Part(
            "engine",
            (str(root / ".venv/engine/bin/python"), "-m", "bot", "--uds", engine_socket, "--model", str(model)),
            engine_environment(root, home, environ),
            lambda: answers(engine_socket, "/ready"),
            pulse=lambda: Question(engine_socket, "/ready"),
        )
    )
    standin: list[Part] = []
    if settings.builtin_standin:
        port = _free_port()
        settings = replace(settings, twilio_api_url=f"http://127.0.0.1:{port}")
        standin.append(_standin(settings, port, {**plain, "HOME": str(home)}))
    host = urlsplit(addresses(settings)[0]).hostname or "127.0.0.1"
    parts.append(
        Part(
            "gateway",
            (
                sys.executable, "-m", "uvicorn", "api.app:create", "--factory", "--fd", str(listener.fileno()),
                "--no-access-log", "--log-level", "warning", "--no-server-header", "--no-proxy-headers",
                "--timeout-graceful-shutdown", "5", "--ws-max-size", str(LARGEST_FRAME),
                "--ws-ping-interval", str(PING_S), "--ws-ping-timeout", str(PING_S),
            ),
            # its threads wait for stores most of the time: an arena for each would only hold memory
            {**plain, **settings.as_environment(), "HOME": str(home), "MALLOC_ARENA_MAX": "2"},
            lambda: answers((host, settings.port), "/readyz"),
            passes=(listener.fileno(),),
            needs=parts[0].name if parts[0].name == "Redis" else "",
            # not /readyz, which waits for the other parts: a gateway without an engine is not one that hangs
            pulse=lambda: Question((host, settings.port), "/healthz"),
        )
    )  # fmt: skip
    # Last, so stopped first: it lets the phones on the screen go, whose waiting would hold up the gateway's end. What
    # the gateway might still send to it is lost with it anyway.
    parts += standin
    _write_addresses(run, settings, embedded)
    return parts


def _standin(settings: Settings, port: int, environ: Mapping[str, str]) -> Part:
    """The provider of a demo. Its token goes by environment: a command line is for every user of the machine to read."""
    calls = settings.public_url
    if settings.practice:  # a public address may be a proxy's elsewhere: what is practised stays on this machine
        calls = addresses(settings)[0]
    return Part(
        "stand-in provider",
        (
            sys.executable, "-m", "api.channels.standin", "--quiet", "--port", str(port),
            "--account-sid", settings.twilio_account_sid, "--webhook", f"{calls}/webhooks/twilio/message",
            "--public-url", settings.public_url,
        ),
        {**environ, "TWILIO_AUTH_TOKEN": settings.twilio_auth_tokens[0]},
        lambda: listens(("127.0.0.1", port)),
    )  # fmt: skip


def _write_addresses(run: Path, settings: Settings, embedded: bool) -> None:
    """How ``doctor``, ``audit`` and a benchmark find the run: for the owner only, gone with the run.

    Of secrets only the embedded server's passwords, which are worth nothing once it is gone.
    """
    found = {
        "process": os.getpid(),
        "port": settings.port,
        "twilio_api_url": settings.twilio_api_url,
        **({"redis_url": settings.redis_url, "redis_doctor_url": settings.redis_doctor_url} if embedded else {}),
    }
    path = run / "running.json"
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(found, file)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def addresses(settings: Settings) -> tuple[str, list[str]]:
    """Where the product is reached from this machine, and the lines printed below ``ready``."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    here = f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
    lines = [f"  simulator  {here}/simulator"] if settings.demo else []
    lines.append(f"  console    {here}/console")
    if settings.practice:
        return here, lines
    lines.append(f"  webhook    {settings.public_url}/webhooks/twilio/message")
    return here, lines


def main(root: Path, model: Path, environ: Mapping[str, str]) -> int:
    """``python -m api.supervisor MODEL``: the exit status."""
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"hams: {line}", file=sys.stderr, flush=True)  # noqa: T201

    harden_this_process()
    os.chdir(root)
    try:
        settings = load_settings(environ, root)
        with only_one(settings.run), bind(settings.host, settings.port) as listener:
            parts = product(settings, model, listener, environ)
            say(f"starting {', '.join(part.name for part in parts)} …")

            def on_ready() -> None:
                # the gateway leaves the demo staff's sign-in here: it made the accounts
                signin = settings.run / "signin.txt"
                lines = signin.read_text(encoding="utf-8").rstrip().splitlines() if signin.exists() else []
                here, where = addresses(settings)
                ready = f"ready {here} ({time.monotonic() - began:.1f} s)"
                print("\n".join([ready, *where, *lines]), flush=True)  # noqa: T201

            try:
                supervise(parts, on_ready=on_ready, say=say)
            finally:
                for left in ("running.json", "redis.conf", "signin.txt"):
                    (settings.run / left).unlink(missing_ok=True)
                settings.engine_socket.unlink(missing_ok=True)
    except (SettingsError, RedisUnfit, CannotStart) as problem:
        say(str(problem))
        return 1
    except OSError as error:
        say(f"cannot start: {error.strerror or type(error).__name__}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent.parent, Path(sys.argv[1]), os.environ))
