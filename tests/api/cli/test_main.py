"""What a person at the keyboard sees: help, one line on failure, an exit status, never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from api.cli import main as command_line

ROOT = Path(__file__).resolve().parents[3]
COMMANDS = ("up", "test", "understand", "train", "check", "doctor", "audit", "audit verify", "staff", "staff add", "staff deactivate", "staff recover", "keys", "keys rotate")


def hams(var: Path, *arguments: str, **environ: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", *arguments], capture_output=True, text=True, timeout=60, check=False, cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HAMS_VAR": str(var), **environ},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(tmp_path: Path, command: str) -> None:
    status, out, error = hams(tmp_path / "var", *command.split(), "--help")
    assert (status, error) == (0, "")
    assert f"Usage: hams {command}" in out
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["upp"], "No such command 'upp'"),
        (["up", "--prot", "1"], "No such option: --prot"),
        (["up", "--port", "x"], "Invalid value for '--port'"),
        (["staff"], "Missing command"),
        (["staff", "add"], "Missing argument 'NAME'"),
        (["staff", "add", "amal"], "Missing option '--role'"),
    ],
)
def test_misuse_is_one_line_and_status_2(tmp_path: Path, arguments: list[str], said: str) -> None:
    status, out, error = hams(tmp_path / "var", *arguments)
    assert (status, out) == (2, "")
    assert error.startswith(f"hams: {said}") and error.count("\n") == 1


@pytest.mark.parametrize("command", ["up", "doctor", "train", "staff add amal --role admin", "keys rotate", "understand"])
def test_a_wrong_setting_stops_every_command_that_needs_settings_with_one_line(tmp_path: Path, command: str) -> None:
    status, out, error = hams(tmp_path / "var", *command.split(), HAMS_PORT="hush")
    assert (status, out, error) == (1, "", "hams: HAMS_PORT: must be a number from 1 to 65535\n")


def test_the_port_given_to_up_is_checked_like_the_setting(tmp_path: Path) -> None:
    assert hams(tmp_path / "var", "up", "--port", "0")[2] == "hams: HAMS_PORT: must be a number from 1 to 65535\n"


def test_a_mistake_in_the_program_shows_its_place_and_not_its_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def break_down(**_: object) -> None:
        raise ValueError("hush, what somebody wrote\nand more")

    monkeypatch.setattr(command_line, "app", break_down)
    with pytest.raises(SystemExit) as left:
        command_line.run()
    assert left.value.code == 70
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1
    assert shown.err.startswith("hams: failed by a mistake in the program (ValueError, main.py:")
    assert "hush" not in shown.err


def test_staff_add_prints_a_password_and_a_totp_address_once(tmp_path: Path) -> None:
    status, out, error = hams(tmp_path / "var", "staff", "add", "amal", "--role", "counsellor", "--desk", "jo-amman", "--json")
    assert (status, error) == (0, "")
    made = json.loads(out)
    assert made["username"] == "amal" and made["role"] == "counsellor" and made["desks"] == ["jo-amman"]
    assert made["otpauth"].startswith("otpauth://totp/") and len(made["password"]) >= 16
    stored = b"".join(path.read_bytes() for path in (tmp_path / "var").glob("hams.db*"))
    assert made["password"].encode() not in stored
    assert made["otpauth"].split("secret=")[1].split("&")[0].encode() not in stored
    assert (tmp_path / "var/hams.db").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["amal", "--role", "king"], "a role is one of"),
        (["a b", "--role", "admin"], "a name has"),
        (["amal", "--role", "admin", "--desk", "Big Desk"], "a desk is"),
    ],
)
def test_staff_add_says_what_an_account_cannot_be(tmp_path: Path, arguments: list[str], said: str) -> None:
    status, out, error = hams(tmp_path / "var", "staff", "add", *arguments)
    assert (status, out) == (1, "") and error.startswith(f"hams: {said}") and error.count("\n") == 1


def test_a_name_is_given_once(tmp_path: Path) -> None:
    hams(tmp_path / "var", "staff", "add", "amal", "--role", "admin")
    assert hams(tmp_path / "var", "staff", "add", "Amal", "--role", "office")[0] == 1


def test_an_account_is_put_out_of_service_and_its_recovery_asked_for(tmp_path: Path) -> None:
    hams(tmp_path / "var", "staff", "add", "amal", "--role", "counsellor")
    assert hams(tmp_path / "var", "staff", "deactivate", "Amal")[0] == 0
    again = hams(tmp_path / "var", "staff", "deactivate", "amal")
    assert again[0] == 1 and again[2].startswith("hams: not possible now") and again[2].count("\n") == 1
    for _ in range(2):
        assert hams(tmp_path / "var", "staff", "recover", "amal")[0] == 0
    assert hams(tmp_path / "var", "staff", "recover", "nobody") == (1, "", "hams: there is no account of that name\n")
    assert hams(tmp_path / "var", "audit", "verify")[1].startswith("rows right  4\n")


def test_a_database_that_is_away_is_one_line_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://u:hush@127.0.0.1:1/hams"
    status, out, error = hams(tmp_path / "var", "staff", "add", "amal", "--role", "admin", HAMS_DATABASE_URL=url)
    assert (status, out) == (1, "")
    assert error.startswith("hams: HAMS_DATABASE_URL: no server answers there") and error.count("\n") == 1
    assert "hush" not in error and "127.0.0.1" not in error


def test_doctor_prints_findings_and_the_same_as_json(tmp_path: Path) -> None:
    status, out, _ = hams(tmp_path / "var", "doctor", "--json")
    found = json.loads(out)
    assert status == (0 if found["safe"] else 1)
    assert {"swap", "core dumps", "Redis", "HAMS_PUBLIC_URL"} <= {finding["what"] for finding in found["findings"]}
    _, lines, _ = hams(tmp_path / "var", "doctor")
    assert len(lines.splitlines()) == len(found["findings"])
    assert "\x1b" not in lines


def test_production_is_refused_while_nobody_has_signed(tmp_path: Path) -> None:
    status, out, error = hams(
        tmp_path / "var", "up", "--production", HAMS_PUBLIC_URL="https://line.example", HAMS_SECRET_KEYS=bytes(range(32)).hex(),
        TWILIO_ACCOUNT_SID="AC" + "0a" * 16, TWILIO_AUTH_TOKEN="hush", TWILIO_SMS_FROM="+97317000000",
    )  # fmt: skip
    assert (status, out) == (1, "")
    assert error.startswith("hams: production refused: ") and error.count("\n") == 1 and "hush" not in error


def test_production_without_a_single_setting_says_what_is_missing(tmp_path: Path) -> None:
    status, _, error = hams(tmp_path / "var", "up", "--production")
    assert status == 1 and error.startswith("hams: TWILIO_ACCOUNT_SID: is needed")


def test_check_lists_problems_and_fails_on_an_empty_bundle(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    assert hams(tmp_path / "var", "check", str(tmp_path / "bundle"))[0] == 1
    assert hams(tmp_path / "var", "check", str(tmp_path / "none")) == (1, "", f"hams: no such folder: {tmp_path}/none\n")
