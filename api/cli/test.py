"""``./hams test``: everything that is checked before a change goes in, with what it needs found, installed or named.

Without arguments: lint, types, import rules, Rasa's own checks, then pytest. With arguments: pytest alone, with them.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from api.cli.say import ENGINE_PYTHON, ROOT, TEST_PYTHON, Failure, say

OURS = ("api", "safety", "bot", "actions", "tests", "benchmarks")
CORE_STORIES = Path("nlu_data") / "test_stories.yml"
"""Conversations ``rasa test core`` replays."""


@dataclass(frozen=True, slots=True)
class Step:
    """A check that is not a test."""

    name: str
    argv: tuple[str, ...]
    engine: bool = False


def test(context: typer.Context) -> None:
    """Run the whole test suite; arguments go on to pytest (and then only pytest runs).

    PostgreSQL and Chromium are taken from the PATH, else installed where that is permitted, else those tests are
    skipped with one loud line (with CI=true that is a failure).
    """
    whole, in_ci = not context.args, os.environ.get("CI") == "true"
    failed: list[str] = []
    environ = clean_environment(os.environ)
    if whole:
        for step in steps():
            if not _passes(step, environ):
                failed.append(step.name)
    with contextlib.ExitStack() as stack:
        chromium = find_or_install("Chromium", find_chromium, ("chromium",), install=whole or in_ci, needed=in_ci)
        if chromium:
            environ["HAMS_TEST_CHROMIUM"] = chromium
        server = find_or_install("PostgreSQL", find_postgres, ("postgresql",), install=whole or in_ci, needed=in_ci)
        if server:
            environ["HAMS_TEST_POSTGRES_URL"] = stack.enter_context(throwaway_postgres(Path(server)))
        status = subprocess.call([str(TEST_PYTHON), "-m", "pytest", *context.args], cwd=ROOT, env=environ)
    if failed:
        raise Failure(f"failed before the tests: {', '.join(failed)}")
    raise typer.Exit(status)


def steps() -> list[Step]:
    """The checks in the order in which they run: the quick ones first."""
    python, engine = str(TEST_PYTHON), str(ENGINE_PYTHON)
    ours = [name for name in OURS if any((ROOT / name).rglob("*.py"))]
    lint_imports = "import sys; from importlinter.cli import lint_imports_command as run; sys.argv[0] = 'lint-imports'; run()"
    return [
        Step("ruff", (python, "-m", "ruff", "check", "--quiet", *ours)),
        Step("import rules", (python, "-c", lint_imports, "--no-cache")),
        Step("mypy api safety", (python, "-m", "mypy", "--strict", "api", "safety")),
        Step("mypy bot actions", (python, "-m", "mypy", "--strict", "--python-executable", engine, "bot", "actions")),
        Step(
            "rasa data validate",
            (engine, "-m", "rasa", "data", "validate", "--config", "config.yml", "--domain", "domain.yml", "--data", "nlu_data"),
            engine=True,
        ),
        *([_rasa_test()] if (ROOT / CORE_STORIES).exists() else []),
        # after "rasa test", which makes the model they load
        Step(
            "tests of bot and actions",
            (engine, "-W", "ignore", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/bot", "tests/actions"),
            engine=True,
        ),
    ]


def _rasa_test() -> Step:
    engine = str(ENGINE_PYTHON)
    code = (
        "import os, sys; from pathlib import Path; from api.cli.model import ensure_model; from api.settings import load_settings;"
        "model = ensure_model(load_settings(os.environ, Path.cwd()).var);"
        f"os.execv({engine!r}, [{engine!r}, '-m', 'rasa', 'test', 'core', '--model', str(model), '--stories', {str(CORE_STORIES)!r},"
        "'--out', str(model.parent / 'results'), '--no-plot', '--fail-on-prediction-errors'])"
    )
    return Step("rasa test", (sys.executable, "-c", code), engine=True)


def _passes(step: Step, environ: Mapping[str, str]) -> bool:
    began = time.monotonic()
    say(f"{step.name} …")
    home = ROOT / "var" / "run" / "home"
    if step.engine:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        environ = {**environ, "HOME": str(home), "RASA_TELEMETRY_ENABLED": "false", "TF_CPP_MIN_LOG_LEVEL": "3"}
        environ["MPLCONFIGDIR"] = str(home)
    with subprocess.Popen(
        step.argv, cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        while True:
            try:
                output, _ = process.communicate(timeout=15)
                break
            except subprocess.TimeoutExpired:
                say(f"{step.name} … {time.monotonic() - began:.0f} s")
    took = f"{time.monotonic() - began:.0f} s"
    if process.returncode == 0:
        counted = re.findall(rb"^\d+ passed[^\n]*", output, re.MULTILINE)  # pytest's closing line, where it was pytest
        say(f"{step.name}: ok, {took}{f' ({counted[-1].decode()})' if counted else ''}")
        return True
    sys.stderr.write(output.decode("utf-8", "replace"))
    say(f"{step.name}: FAILED, {took}")
    return False


def clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of the tests: an operator's settings must not reach them."""
    ours = ("HAMS_", "TWILIO_", "SENTRY_")
    kept = {name: value for name, value in environ.items() if not name.startswith(ours) or name.startswith("HAMS_TEST_")}
    return {**kept, "PYTHONPATH": str(ROOT)}


def find_chromium() -> str | None:
    """A Chromium that starts (Ubuntu's package is a stub that asks for snap)."""
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        path = shutil.which(name)
        if path is None:
            continue
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            if subprocess.run([path, "--version"], capture_output=True, timeout=20, check=False).returncode == 0:
                return path
    return None


def find_postgres() -> str | None:
    """The folder of a PostgreSQL server's programs; Debian keeps them off the PATH."""
    path = shutil.which("postgres")
    folders = [Path(path).resolve().parent] if path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((str(folder) for folder in folders if all((folder / name).exists() for name in ("initdb", "postgres"))), None)


def find_or_install(what: str, find: Callable[[], str | None], packages: Sequence[str], *, install: bool, needed: bool) -> str | None:
    """What ``find`` finds, after installing ``packages`` if that is wanted and permitted.

    Raises:
        Failure: it is ``needed`` and not to be had.
    """
    found = find()
    if found is None and install and _apt_install(what, packages):
        found = find()
    if found is None:
        if needed:
            raise Failure(f"{what} is needed in CI: it is not on the PATH and could not be installed")
        say(f"!!! {what} is missing and its tests are SKIPPED; install {' '.join(packages)} to run them !!!")
    return found


def _apt_install(what: str, packages: Sequence[str]) -> bool:
    if shutil.which("apt-get") is None:
        return False
    sudo = [] if os.getuid() == 0 else ["sudo", "-n"]
    with contextlib.suppress(OSError):
        if sudo and subprocess.run([*sudo, "true"], capture_output=True, check=False).returncode != 0:
            return False
        say(f"installing {what} from the system's packages …")
        environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *packages]):
            # a package list that is partly out of reach may still hold what is needed
            done = subprocess.run([*sudo, "apt-get", *command], env=environ, capture_output=True, check=False)
        return done.returncode == 0
    return False


@contextlib.contextmanager
def throwaway_postgres(programs: Path) -> Iterator[str]:
    """A server of its own on a unix socket, gone with the block; its URL.

    PostgreSQL refuses to run as root, so there it runs as another user.

    Raises:
        Failure: it does not start.
    """
    as_user: list[str] = []
    with tempfile.TemporaryDirectory(prefix="hams-pg-", ignore_cleanup_errors=True) as folder:
        if os.getuid() == 0:
            user = _unprivileged()
            shutil.chown(folder, user.pw_uid, user.pw_gid)
            as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        data, log = f"{folder}/data", Path(folder) / "log"
        environ = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8", "HOME": folder}
        say("starting a PostgreSQL of its own …")
        with log.open("wb") as output:
            initdb = [*as_user, str(programs / "initdb"), "-D", data, "-U", "hams", "-A", "trust", "-E", "UTF8", "--no-sync"]
            server = [
                *as_user, str(programs / "postgres"), "-D", data, "-k", folder, "-c", "listen_addresses=",
                "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off",
            ]  # fmt: skip
            if subprocess.call(initdb, stdout=output, stderr=output, env=environ, cwd=folder) != 0:
                raise Failure("PostgreSQL could not make a database of its own")
            process = subprocess.Popen(server, stdout=output, stderr=output, env=environ, cwd=folder)
            try:
                until = time.monotonic() + 30
                while not _takes_connections(Path(data)):
                    if process.poll() is not None or time.monotonic() > until:
                        raise Failure("PostgreSQL did not start")
                    time.sleep(0.05)
                yield f"postgresql://hams@/postgres?host={folder}"
            finally:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(5)
                process.kill()
                process.wait()


def _takes_connections(data: Path) -> bool:
    """True once the server has written so: its socket is there before that, and refuses."""
    with contextlib.suppress(FileNotFoundError):
        lines = (data / "postmaster.pid").read_text().splitlines()
        return len(lines) >= 8 and lines[7].strip() == "ready"
    return False


def _unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise Failure("PostgreSQL does not run as root and there is no user nobody")
