"""The supervisor with small parts of its own in place of the engine and the gateway; Redis is the real one."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from api.settings import load_settings
from api.supervisor import (
    CannotStart,
    Question,
    addresses,
    answers,
    bind,
    engine_environment,
    only_one,
    plain_environment,
    product,
)

ROOT = Path(__file__).resolve().parents[2]

DRIVER = """
import sys, time
from pathlib import Path
from api import supervisor
from api.supervisor import CannotStart, Part, Question, harden_this_process, supervise
harden_this_process()
supervisor._PULSE = 0.3
folder = Path(sys.argv[1])
def part(name, body, needs="", ready=None):
    code = f"import os, signal, sys, time\\nfrom pathlib import Path\\nfolder = Path({str(folder)!r})\\nname = {name!r}\\n{body}"
    mark = folder / (name + ".up")
    pulse = (lambda: Question(str(folder / (name + ".sock")), "/ready")) if "serve" in body else None
    return Part(name, (sys.executable, "-c", code), {"PATH": "/usr/bin:/bin"}, ready or mark.exists, needs=needs, pulse=pulse)
SERVE = '''
import contextlib, socket
def serve(seconds=0.0):
    door = socket.socket(socket.AF_UNIX)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(folder / (name + '.sock'))
    door.bind(str(folder / (name + '.sock')))
    door.listen(8)
    (folder / (name + '.up')).write_text(str(os.getpid()))
    while True:
        line, _ = door.accept()
        line.recv(1000)
        time.sleep(seconds)
        with contextlib.suppress(OSError):
            line.sendall(b'HTTP/1.1 200 OK' + bytes((13, 10, 13, 10)))
        line.close()
'''
RUN = "(folder / (name + '.up')).write_text(str(os.getpid()))\\ntime.sleep(300)"
def say(line): print(line, flush=True)
try:
    supervise([PARTS], on_ready=lambda: print("ready", flush=True), say=say, start_limit=3)
except CannotStart as problem:
    say(f"cannot start: {problem}")
    sys.exit(1)
"""


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def run(parts: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", DRIVER.replace("PARTS", parts), str(tmp_path)],
            stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        )  # fmt: skip
        started.append(process)
        return process

    yield run
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def line_of(process: subprocess.Popen[str], start: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(start):
            return line.strip()
    raise AssertionError(f"never said {start!r}")


def part_process(folder: Path, name: str, not_this: int = 0) -> psutil.Process:
    until = time.monotonic() + 5
    while time.monotonic() < until:
        with contextlib.suppress(FileNotFoundError, ValueError, psutil.NoSuchProcess):
            found = int((folder / f"{name}.up").read_text())
            if found != not_this:
                return psutil.Process(found)
        time.sleep(0.02)
    raise AssertionError(f"{name} did not come up")


def gone(process: psutil.Process) -> bool:
    try:
        process.wait(5)
    except psutil.TimeoutExpired:
        return False
    return True


@pytest.mark.parametrize("ask", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_every_part_and_the_exit_is_clean(drive, tmp_path: Path, ask: signal.Signals) -> None:
    supervisor = drive("part('one', RUN), part('two', RUN)")
    line_of(supervisor, "ready")
    parts = [part_process(tmp_path, name) for name in ("one", "two")]
    supervisor.send_signal(ask)
    assert supervisor.wait(10) == 0
    assert all(gone(part) for part in parts)


def test_a_second_ctrl_c_while_stopping_changes_nothing(drive, tmp_path: Path) -> None:
    slow = "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(1), sys.exit(0)))\n"
    supervisor = drive(f"part('one', {slow!r} + RUN)")
    line_of(supervisor, "ready")
    part = part_process(tmp_path, "one")
    supervisor.send_signal(signal.SIGINT)
    time.sleep(0.3)
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.wait(10) == 0
    assert gone(part)


def test_no_part_outlives_a_supervisor_that_is_killed(drive, tmp_path: Path) -> None:
    supervisor = drive("part('one', RUN), part('two', RUN)")
    line_of(supervisor, "ready")
    parts = [part_process(tmp_path, name) for name in ("one", "two")]
    supervisor.kill()
    assert all(gone(part) for part in parts)


def test_a_part_that_dies_is_started_again_and_the_others_are_left_alone(drive, tmp_path: Path) -> None:
    supervisor = drive("part('one', RUN), part('two', RUN)")
    line_of(supervisor, "ready")
    one, two = part_process(tmp_path, "one"), part_process(tmp_path, "two")
    one.kill()
    assert line_of(supervisor, "the one stopped") == "the one stopped (signal 9); starting it again in 0.2 s"
    again = part_process(tmp_path, "one", not_this=one.pid)
    assert again.is_running()
    assert two.is_running() and part_process(tmp_path, "two").pid == two.pid


def test_a_part_that_hangs_is_replaced_and_the_others_are_left_alone(drive, tmp_path: Path) -> None:
    supervisor = drive("part('one', SERVE + 'serve()'), part('two', SERVE + 'serve()'), part('mute', RUN)")
    line_of(supervisor, "ready")
    one, others = part_process(tmp_path, "one"), [part_process(tmp_path, name) for name in ("two", "mute")]
    began = time.monotonic()
    one.send_signal(signal.SIGSTOP)  # its socket still takes connections, as that of a process that hangs does
    again = part_process(tmp_path, "one", not_this=one.pid)
    assert time.monotonic() - began > 0.3 * 2, "three questions, and time for each"
    assert line_of(supervisor, "the one") == "the one does not answer; ending it"
    assert line_of(supervisor, "the one") == "the one stopped (signal 9); starting it again in 0.2 s"
    line_of(supervisor, "the one is back")
    time.sleep(1.5)
    assert again.is_running() and all(other.is_running() for other in others)
    again.send_signal(signal.SIGSTOP)
    part_process(tmp_path, "one", not_this=again.pid)


def test_a_part_that_hangs_holds_up_neither_the_others_nor_the_end(drive, tmp_path: Path) -> None:
    supervisor = drive("part('one', SERVE + 'serve()'), part('two', RUN)")
    line_of(supervisor, "ready")
    one, two = part_process(tmp_path, "one"), part_process(tmp_path, "two")
    one.send_signal(signal.SIGSTOP)
    two.kill()
    part_process(tmp_path, "two", not_this=two.pid)
    supervisor.terminate()
    assert supervisor.wait(12) == 0 and gone(one)


def test_a_part_that_stands_still_for_a_moment_or_is_slow_is_left_alone(drive, tmp_path: Path) -> None:
    supervisor = drive("part('one', SERVE + 'serve()'), part('slow', SERVE + 'serve(0.2)')")
    line_of(supervisor, "ready")
    one, slow = part_process(tmp_path, "one"), part_process(tmp_path, "slow")
    for _ in range(3):
        one.send_signal(signal.SIGSTOP)
        time.sleep(0.4)
        one.send_signal(signal.SIGCONT)
        time.sleep(0.7)
    assert one.is_running() and part_process(tmp_path, "one").pid == one.pid
    assert slow.is_running() and part_process(tmp_path, "slow").pid == slow.pid


def test_a_part_that_takes_long_to_start_does_not_hang(drive, tmp_path: Path) -> None:
    late = "(folder / 'again').exists() and time.sleep(2)\n(folder / 'again').touch()\n"
    ready = "lambda: supervisor.answers(str(folder / 'one.sock'), '/ready', timeout=0.2)"
    supervisor = drive(f"part('one', SERVE + {late!r} + 'serve()', ready={ready})")
    line_of(supervisor, "ready")
    one = part_process(tmp_path, "one")
    one.kill()
    assert line_of(supervisor, "the one") == "the one stopped (signal 9); starting it again in 0.2 s"
    assert line_of(supervisor, "the one") == "the one is back", "longer than three questions would take"
    part_process(tmp_path, "one", not_this=one.pid)


def test_a_part_that_ignores_the_signal_is_killed(drive, tmp_path: Path) -> None:
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    impatient = "__import__('api.supervisor').supervisor.__dict__.update(_PATIENCE=0.5)"
    supervisor = drive(f"*({impatient} or ()), part('one', {deaf!r} + RUN)")
    line_of(supervisor, "ready")
    part = part_process(tmp_path, "one")
    supervisor.terminate()
    assert supervisor.wait(10) == 0
    assert gone(part)


def test_a_part_that_cannot_start_stops_the_whole_with_one_line(drive, tmp_path: Path) -> None:
    supervisor = drive("part('good', RUN), part('bad', 'sys.exit(3)')")
    said = line_of(supervisor, "cannot start")
    assert said == "cannot start: the bad stopped 3 times before it was ready (exit status 3)"
    assert supervisor.wait(10) == 1
    assert not psutil.pid_exists(int((tmp_path / "good.up").read_text()))


def test_a_part_that_never_gets_ready_stops_the_start(drive) -> None:
    supervisor = drive("part('bad', 'time.sleep(300)')")
    assert line_of(supervisor, "cannot start") == "cannot start: the bad was not ready after 3 s"
    assert supervisor.wait(10) == 1


def test_a_part_waits_for_the_one_it_needs(drive, tmp_path: Path) -> None:
    late = "time.sleep(0.7)\n"
    look = "(folder / 'seen').write_text(str((folder / 'first.up').exists()))\n"
    supervisor = drive(f"part('first', {late!r} + RUN), part('second', {look!r} + RUN, needs='first')")
    line_of(supervisor, "ready")
    assert (tmp_path / "seen").read_text() == "True"


def test_the_supervisor_itself_stays_small(drive) -> None:
    supervisor = drive("part('one', RUN)")
    line_of(supervisor, "ready")
    assert psutil.Process(supervisor.pid).memory_info().rss < 45 * 2**20


def test_parts_leave_no_core_and_no_file_for_others(drive, tmp_path: Path) -> None:
    supervisor = drive("part('one', RUN)")
    line_of(supervisor, "ready")
    part = part_process(tmp_path, "one")
    assert part.rlimit(psutil.RLIMIT_CORE) == (0, 0)
    assert (tmp_path / "one.up").stat().st_mode & 0o077 == 0


def test_a_second_start_on_the_same_folder_says_so(tmp_path: Path) -> None:
    said = rf"^already running here \(process {os.getpid()}\)"
    with only_one(tmp_path / "run"), pytest.raises(CannotStart, match=said), only_one(tmp_path / "run"):
        pass
    with only_one(tmp_path / "run"):
        pass


def test_a_port_that_is_taken_says_so_in_one_line() -> None:
    with bind("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(CannotStart) as refused:
            bind("127.0.0.1", port)
    assert str(refused.value) == f"port {port} is taken: choose another (--port N or HAMS_PORT)"


def test_ready_means_an_answer_of_200_and_nothing_else() -> None:
    with bind("127.0.0.1", 0) as listener:
        address = ("127.0.0.1", listener.getsockname()[1])
        assert not answers(address, "/readyz", timeout=0.2)  # takes the connection, says nothing
    assert not answers(address, "/readyz")
    for status, ready in ((b"200 OK", True), (b"503 Service Unavailable", False)):
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen()
            def reply(server: socket.socket = server, status: bytes = status) -> None:
                with server.accept()[0] as connection:
                    connection.recv(1000)
                    connection.sendall(b"HTTP/1.1 " + status + b"\r\n\r\n")

            thread = threading.Thread(target=reply)
            thread.start()
            assert answers(("127.0.0.1", server.getsockname()[1]), "/readyz") is ready
            thread.join()


def test_engine_and_gateway_are_asked_whether_they_live_and_nothing_waits_for_the_answer(tmp_path: Path) -> None:
    settings = load_settings({"HAMS_VAR": str(tmp_path / "var")}, ROOT)
    with bind("127.0.0.1", 0) as listener:
        settings = replace(settings, port=listener.getsockname()[1])
        parts = {part.name: part for part in product(settings, Path("/model"), listener, {"PATH": "/bin"})}
        assert {name for name, part in parts.items() if part.pulse} == {"engine", "gateway"}
        ask = parts["gateway"].pulse
        assert ask is not None
        began = time.monotonic()
        question = ask()
        assert not question.answered() and time.monotonic() - began < 5
        with listener.accept()[0] as connection:
            assert connection.recv(1000).startswith(b"GET /healthz HTTP/1.1\r\n"), "/readyz waits for other parts"
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        time.sleep(0.05)
        assert question.answered()
        question.close()
    nobody = Question(str(settings.engine_socket), "/ready")
    assert not nobody.answered()
    nobody.close()


def test_the_engine_is_given_no_secret() -> None:
    environ = {
        "PATH": "/bin", "TWILIO_AUTH_TOKEN": "t", "HAMS_SECRET_KEYS": "k", "SENTRY_DSN": "d", "HAMS_REDIS_URL": "r",
        "HAMS_DATABASE_URL": "b", "AWS_SECRET_ACCESS_KEY": "a", "HOME": "/home/somebody", "CAMELTOOLS_DATA": "/data",
    }  # fmt: skip
    given = engine_environment(ROOT, Path("/run/home"), environ)
    assert not [name for name in given if name.startswith(("HAMS_", "TWILIO_", "SENTRY", "AWS"))]
    assert given["RASA_TELEMETRY_ENABLED"] == "false"
    assert given["HOME"] == "/run/home"
    assert given["CAMELTOOLS_DATA"] == "/data"
    assert "CAMELTOOLS_DATA" not in engine_environment(ROOT, Path("/run/home"), {})


def test_parts_get_nothing_of_the_operators_shell() -> None:
    assert "AWS_SECRET_ACCESS_KEY" not in plain_environment(ROOT, {"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "x"})


def test_the_addresses_name_the_simulator_only_in_demo_mode(tmp_path: Path) -> None:
    here, lines = addresses(load_settings({"HAMS_VAR": str(tmp_path), "HAMS_PORT": "9001"}, tmp_path))
    assert here == "http://127.0.0.1:9001"
    assert "  simulator  http://127.0.0.1:9001/simulator" in lines
    live = {"TWILIO_ACCOUNT_SID": "AC" + "0a" * 16, "TWILIO_AUTH_TOKEN": "t", "TWILIO_SMS_FROM": "+97312345678"}
    _, lines = addresses(load_settings({"HAMS_VAR": str(tmp_path), **live}, tmp_path))
    assert not [line for line in lines if "simulator" in line]


def secrets_of(environ: dict[str, str]) -> set[str]:
    return {name for name in environ if name.startswith(("HAMS_", "TWILIO_", "SENTRY"))}


def test_a_demo_is_made_of_four_parts_each_told_only_the_secrets_it_needs(tmp_path: Path) -> None:
    settings = load_settings({"HAMS_VAR": str(tmp_path / "var")}, ROOT)
    with bind("127.0.0.1", 0) as listener:
        parts = {part.name: part for part in product(settings, Path("/model"), listener, {"PATH": "/bin", "HAMS_X": "1"})}
        # last started, first stopped: the stand-in lets go of the phones that wait before the gateway is asked to end
        assert list(parts) == ["Redis", "engine", "gateway", "stand-in provider"]
        assert {name: secrets_of(dict(part.environ)) for name, part in parts.items() if name != "gateway"} == {
            "Redis": set(), "engine": set(), "stand-in provider": {"TWILIO_AUTH_TOKEN"},
        }  # fmt: skip
        told = parts["gateway"].environ
        assert parts["stand-in provider"].environ["TWILIO_AUTH_TOKEN"] == told["TWILIO_AUTH_TOKEN"]
        assert told["HAMS_MODE"] == "demo" and told["HAMS_REDIS_URL"].startswith("unix://hams:")
        assert told["HAMS_TWILIO_API_URL"].startswith("http://127.0.0.1:")
        assert "--no-access-log" in parts["gateway"].argv
        assert parts["gateway"].passes == (listener.fileno(),)
        for part in parts.values():  # a command line is for every user of the machine to read
            for secret in (told["HAMS_SECRET_KEYS"], told["TWILIO_AUTH_TOKEN"]):
                assert secret not in " ".join(part.argv) and secret not in repr(part)


def test_the_stand_in_a_demo_starts_says_nothing_of_its_own(tmp_path: Path) -> None:
    settings = load_settings({"HAMS_VAR": str(tmp_path)}, ROOT)
    with bind("127.0.0.1", 0) as listener:
        standin = product(settings, Path("/model"), listener, {"PATH": os.environ["PATH"]})[-1]
    with subprocess.Popen(standin.argv, env=dict(standin.environ), stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        until = time.monotonic() + 20
        while not standin.ready() and time.monotonic() < until:
            time.sleep(0.05)
        assert standin.ready()
        process.terminate()
        assert process.communicate(timeout=10) == (b"", None)


def test_with_servers_of_its_own_the_product_starts_none(tmp_path: Path) -> None:
    given = {
        "HAMS_VAR": str(tmp_path), "HAMS_REDIS_URL": "redis://127.0.0.1:1", "TWILIO_ACCOUNT_SID": "AC" + "0a" * 16,
        "TWILIO_AUTH_TOKEN": "t", "TWILIO_SMS_FROM": "+97312345678",
    }  # fmt: skip
    with bind("127.0.0.1", 0) as listener:
        parts = product(load_settings(given, ROOT), Path("/model"), listener, {})
    assert [part.name for part in parts] == ["engine", "gateway"]


def test_what_a_run_writes_down_for_the_doctor_holds_no_lasting_secret(tmp_path: Path) -> None:
    settings = load_settings({"HAMS_VAR": str(tmp_path)}, ROOT)
    with bind("127.0.0.1", 0) as listener:
        product(settings, Path("/model"), listener, {})
    written = tmp_path / "run/running.json"
    assert written.stat().st_mode & 0o777 == 0o600
    assert settings.secret_keys[0].hex() not in written.read_text()
    assert settings.twilio_auth_tokens[0] not in written.read_text()
