"""``./hams`` itself, with a stand-in for Python: nothing is fetched, every call it makes is written down."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

STUB = """#!/bin/sh
note() { echo "$*" >>"$STUB_LOG"; }
case "$*" in
"-c import sys; sys.exit(sys.version_info"*) exit "${STUB_OTHER_VERSION:-0}" ;;
"-c import ensurepip"*) exit "${STUB_NO_VENV:-0}" ;;
"-") exec "$REAL_PYTHON" - ;;
"-m venv"*)
    for folder in "$@"; do :; done
    note "venv $(basename "$folder")"
    mkdir -p "$folder/bin" && cp "$0" "$folder/bin/python" ;;
"-m pip config get global.index-url") [ -z "${STUB_INDEX:-}" ] || echo "$STUB_INDEX" ;;
"-m pip config"*) exit 1 ;;
"-m pip install"*) note "pip $*" ;;
"-m uv pip sync"*)
    for lock in "$@"; do :; done
    note "sync $(basename "$lock") index=${UV_DEFAULT_INDEX:-} multidict=${MULTIDICT_NO_EXTENSIONS:-} $*"
    [ -z "${STUB_SLOW:-}" ] || { sleep "$STUB_SLOW" & trap 'kill $!; exit 1' TERM; wait $!; }
    [ -z "${STUB_BROKEN:-}" ] || { echo "error: no such package" >&2; exit 2; } ;;
"-m api.cli"*) echo "ran:$PYTHONPATH"; shift 2; for each in "$@"; do echo "[$each]"; done ;;
*) note "unexpected $*"; exit 9 ;;
esac
"""


class Place:
    """A copy of the script with small lock files, and a Python that only writes down what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a place with spaces"
        self.log = folder / "log"
        self.bin = folder / "bin"
        (self.root / "requirements").mkdir(parents=True)
        self.bin.mkdir()
        shutil.copy(ROOT / "hams", self.root / "hams")
        for name in ("bootstrap", "build", "gateway", "engine", "test"):
            (self.root / f"requirements/{name}.txt").write_text(f"{name}==1 --hash=sha256:00\n")
        stub = self.bin / "python3.11"
        stub.write_text(STUB)
        stub.chmod(0o755)
        self.environ = {
            "PATH": f"{self.bin}:/usr/bin:/bin", "STUB_LOG": str(self.log), "REAL_PYTHON": sys.executable, "HOME": str(folder),
        }  # fmt: skip

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self.root / "hams"), *arguments], env={**self.environ, **environ}, cwd="/",
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *arguments: str, **environ: str) -> tuple[int, str, str]:
        process = self.start(*arguments, **environ)
        out, error = process.communicate(timeout=60)
        return process.returncode, out, error

    def calls(self) -> list[str]:
        """The first two words of each call since last asked."""
        lines = self.full_calls()
        return [" ".join(line.split()[:2]) for line in lines]

    def full_calls(self) -> list[str]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return lines


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_the_first_start_makes_what_the_command_needs_and_hands_over(place: Place) -> None:
    status, out, error = place.run("check", "some where", "--x=")
    assert status == 0
    assert out == f"ran:{place.root}\n[check]\n[some where]\n[--x=]\n"
    assert place.calls() == ["venv bootstrap", "pip -m", "venv gateway", "sync gateway.txt"]
    assert "gateway: installing 1 locked packages" in error and "done" in error


def test_the_second_start_makes_nothing_and_says_nothing(place: Place) -> None:
    place.run("up")
    place.calls()
    status, _, error = place.run("up")
    assert (status, error, place.calls()) == (0, "", [])


@pytest.mark.parametrize(
    ("command", "environments"),
    [("doctor", {"gateway"}), ("up", {"gateway", "engine"}), ("understand", {"gateway", "engine"}),
     ("test", {"gateway", "engine", "test"})],
)  # fmt: skip
def test_a_command_gets_its_environments_and_no_other(place: Place, command: str, environments: set[str]) -> None:
    place.run(command)
    made = {path.name for path in (place.root / ".venv").iterdir() if (path / ".made-from").exists()}
    assert made == {*environments, "bootstrap"}


def test_help_needs_no_environment(place: Place) -> None:
    for asked in ((), ("help",), ("-h",), ("--help",)):
        status, out, _ = place.run(*asked, PATH="/usr/bin:/bin")
        assert status == 0 and "understand" in out
    assert place.calls() == [] and not (place.root / ".venv").exists()


def test_help_for_a_command_installs_no_engine(place: Place) -> None:
    place.run("up", "--help")
    assert "sync engine.txt" not in place.calls()


def test_a_command_that_is_none_is_one_line_and_installs_nothing(place: Place) -> None:
    assert place.run("upp") == (1, "", "hams: no such command: upp (./hams help lists them)\n")
    assert place.calls() == []


def test_a_changed_lock_is_installed_again_and_the_rest_is_left(place: Place) -> None:
    place.run("up")
    place.calls()
    (place.root / "requirements/engine.txt").write_text("engine==2 --hash=sha256:11\n")
    place.run("up")
    assert place.calls() == ["sync engine.txt"]


def test_a_newer_date_alone_installs_nothing(place: Place) -> None:
    place.run("check")
    place.calls()
    os.utime(place.root / "requirements/gateway.txt")
    place.run("check")
    assert place.calls() == []


def test_an_install_that_fails_shows_why_and_is_begun_anew(place: Place) -> None:
    status, _, error = place.run("check", STUB_BROKEN="1")
    assert status == 1
    assert "error: no such package" in error
    assert error.splitlines()[-1].startswith("hams: gateway: installing 1 locked packages failed after ")
    place.calls()
    assert place.run("check")[0] == 0
    assert place.calls() == ["venv gateway", "sync gateway.txt"]


def test_an_install_that_is_interrupted_is_begun_anew(place: Place) -> None:
    process = place.start("check", STUB_SLOW="30")
    until = time.monotonic() + 20
    while time.monotonic() < until and "sync" not in (place.log.read_text() if place.log.exists() else ""):
        time.sleep(0.05)
    process.terminate()
    process.communicate(timeout=10)
    assert process.returncode == 143
    place.calls()
    status, out, _ = place.run("check")
    assert status == 0 and out.startswith("ran:")
    assert place.calls() == ["venv gateway", "sync gateway.txt"]


def test_two_starts_at_once_install_once(place: Place) -> None:
    both = [place.start("check", STUB_SLOW="1") for _ in range(2)]
    said = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert place.calls() == ["venv bootstrap", "pip -m", "venv gateway", "sync gateway.txt"]
    assert "waiting for another start" in said[0][1] + said[1][1]
    assert all(out.startswith("ran:") for out, _ in said)


def test_every_hash_is_checked_the_code_is_compiled_and_no_compiler_is_needed(place: Place) -> None:
    place.run("up")
    calls = place.full_calls()
    for line in calls:
        if line.startswith(("pip", "sync")):
            assert "--require-hashes" in line
        if line.startswith("sync"):
            assert "--compile-bytecode" in line and "multidict=1" in line
            assert f"--build-constraints {place.root}/requirements/build.txt" in line


def test_packages_come_from_where_pip_would_take_them(place: Place) -> None:
    place.run("check", STUB_INDEX="https://configured.example/simple")
    assert any("index=https://configured.example/simple" in line for line in place.full_calls())
    shutil.rmtree(place.root / ".venv")
    place.run("check", PIP_INDEX_URL="https://set.example/simple", STUB_INDEX="https://configured.example/simple")
    assert any("index=https://set.example/simple" in line for line in place.full_calls())


def test_no_python_3_11_is_one_clear_line(place: Place) -> None:
    status, _, error = place.run("check", STUB_OTHER_VERSION="1", PATH=f"{place.bin}:{only_coreutils(place)}")
    assert (status, error) == (1, "hams: needs Python 3.11 (python3.11 on the PATH) and found none\n")


def test_python_without_venv_is_one_clear_line(place: Place) -> None:
    status, _, error = place.run("check", STUB_NO_VENV="1")
    assert status == 1
    assert error == "hams: python3.11 has no venv with pip: install it (Debian, Ubuntu: apt install python3.11-venv)\n"


def test_an_environment_whose_python_went_away_is_made_anew(place: Place) -> None:
    place.run("check")
    place.calls()
    (place.root / ".venv/gateway/bin/python").unlink()
    assert place.run("check")[0] == 0
    assert place.calls() == ["venv gateway", "sync gateway.txt"]


def test_the_real_lock_files_hold_a_hash_for_everything_and_no_address() -> None:
    for name in ("bootstrap", "build", "gateway", "engine", "test"):
        text = (ROOT / f"requirements/{name}.txt").read_text()
        assert "://" not in text and "--index" not in text and "--find-links" not in text
        entries = [block for block in text.replace("\\\n", " ").splitlines() if block[:1].isalnum()]
        assert entries and all("--hash=sha256:" in entry and "==" in entry.split()[0] for entry in entries)


def only_coreutils(place: Place) -> Path:
    """A PATH on which no other Python can be found."""
    folder = place.bin.parent / "core"
    folder.mkdir()
    for name in ("sh", "cat", "cmp", "cp", "date", "dirname", "grep", "mkdir", "rm", "sleep", "tail", "basename"):
        (folder / name).symlink_to(shutil.which(name) or f"/usr/bin/{name}")
    return folder


@pytest.mark.parametrize(
    ("said", "status", "closing"),
    [
        ("===== 12 passed, 1 skipped in 3.21s =====", 0, "12 passed, 1 skipped in 3.21s"),
        ("\x1b[31m=== \x1b[1m2 failed\x1b[0m, 10 passed in 63.00s (0:01:03) ===\x1b[0m", 1, "2 failed, 10 passed in 63.00s (0:01:03)"),
        ("hams: PostgreSQL is needed in CI", 1, "the tests did not run"),
    ],
)
def test_ci_ends_with_pytests_closing_line_and_its_status(tmp_path: Path, said: str, status: int, closing: str) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", tmp_path / ".ci/run")
    (tmp_path / "words").write_text(f"{said}\n")
    (tmp_path / "hams").write_text(f'#!/bin/sh\n[ "$CI $*" = "true test" ] || exit 99\ncat words\nexit {status}\n')
    (tmp_path / "hams").chmod(0o755)
    done = subprocess.run([str(tmp_path / ".ci/run")], capture_output=True, text=True, cwd="/", check=False)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (status, closing)
