"""Each thing that can be unsafe is told as unsafe, and only then."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path

import pytest

from api import hardening
from api.embedded_redis import embedded_redis
from api.hardening import Finding, Running, State
from api.settings import Settings, load_settings

TODAY = date(2026, 6, 1)
LIVE = {"TWILIO_ACCOUNT_SID": "AC" + "0a" * 16, "TWILIO_AUTH_TOKEN": "t" * 32, "TWILIO_SMS_FROM": "+97317000000"}
PRODUCTION = {
    **LIVE, "HAMS_MODE": "production", "HAMS_PUBLIC_URL": "https://line.example", "HAMS_SECRET_KEYS": bytes(range(32)).hex(),
}  # fmt: skip


def load(root: Path, **environ: str) -> Settings:
    return load_settings(environ, root)


def states(findings: object) -> dict[str, State]:
    return {finding.what: finding.state for finding in findings}  # type: ignore[attr-defined]


def machine(folder: Path, swaps: str | None, pattern: str | None) -> Path:
    (folder / "sys/kernel").mkdir(parents=True, exist_ok=True)
    if swaps is not None:
        (folder / "swaps").write_text("Filename Type Size Used Priority\n" + swaps)
    if pattern is not None:
        (folder / "sys/kernel/core_pattern").write_text(pattern)
    return folder


def test_swap_is_unsafe_and_none_is_good(tmp_path: Path) -> None:
    on = machine(tmp_path / "on", "/dev/sda2 partition 1000 0 -2\n", "core\n")
    assert states(hardening.examine_machine(on))["swap"] is State.UNSAFE
    off = machine(tmp_path / "off", "", "core\n")
    assert states(hardening.examine_machine(off)) == {"swap": State.GOOD, "core dumps": State.GOOD}


def test_a_core_pattern_that_is_a_program_is_unsafe(tmp_path: Path) -> None:
    proc = machine(tmp_path, "", "|/usr/share/apport/apport %p\n")
    assert states(hardening.examine_machine(proc))["core dumps"] is State.UNSAFE


def test_a_machine_that_cannot_be_read_is_not_called_safe(tmp_path: Path) -> None:
    assert set(states(hardening.examine_machine(tmp_path)).values()) == {State.UNKNOWN}


@pytest.mark.parametrize("name", [".env", "var/keys/secret"])
def test_a_secret_others_can_read_is_unsafe(tmp_path: Path, name: str) -> None:
    (tmp_path / ".env").touch(mode=0o600)
    settings = load(tmp_path)
    assert set(states(hardening.examine_files(settings)).values()) == {State.GOOD}
    (tmp_path / name).chmod(0o640)
    assert [finding.state for finding in hardening.examine_files(settings)].count(State.UNSAFE) == 1


def test_a_demo_that_is_open_to_the_network_is_unsafe(tmp_path: Path) -> None:
    assert states(hardening.examine_settings(load(tmp_path, HAMS_HOST="0.0.0.0")))["HAMS_HOST"] is State.UNSAFE
    assert "HAMS_HOST" not in states(hardening.examine_settings(load(tmp_path)))


def test_practice_is_better_on_a_host_of_its_own(tmp_path: Path) -> None:
    def found(url: str) -> State | None:
        return states(hardening.examine_settings(load(tmp_path, HAMS_PUBLIC_URL="https://line.example", HAMS_PRACTICE_URL=url))).get(
            "HAMS_PRACTICE_URL"
        )

    assert found("https://practice.example") is State.GOOD
    assert found("https://line.example:8443") is State.NOTE
    assert "HAMS_PRACTICE_URL" not in states(hardening.examine_settings(load(tmp_path)))


@pytest.mark.parametrize(
    ("url", "state"),
    [
        ("postgresql://u:p@db.example/hams", State.UNSAFE),
        ("postgresql://u:p@db.example/hams?sslmode=require", State.UNSAFE),
        ("postgresql://u:p@db.example/hams?sslmode=verify-full", State.GOOD),
        ("postgresql://u:p@127.0.0.1/hams", State.GOOD),
        ("postgresql://u@/hams?host=/run/postgresql", State.GOOD),
    ],
)
def test_a_database_across_the_network_must_be_encrypted_and_checked(tmp_path: Path, url: str, state: State) -> None:
    settings = load(tmp_path, **PRODUCTION, HAMS_DATABASE_URL=url)
    assert states(hardening.examine_settings(settings))["HAMS_DATABASE_URL"] is state


def test_good_production_settings_have_nothing_unsafe(tmp_path: Path) -> None:
    url = "postgresql://u:p@db.example/hams?sslmode=verify-full"
    assert hardening.refusals(hardening.examine_settings(load(tmp_path, **PRODUCTION, HAMS_DATABASE_URL=url))) == []


def test_texts_nobody_signed_stop_production_and_only_production(tmp_path: Path) -> None:
    assert hardening.refusals(hardening.examine_signatures(load(tmp_path, **PRODUCTION)))
    assert not hardening.refusals(hardening.examine_signatures(load(tmp_path)))


def test_scripts_that_are_broken_or_missing_stop_the_start(tmp_path: Path) -> None:
    assert hardening.refusals(hardening.examine_numbers(load(tmp_path), TODAY))


def test_the_embedded_server_that_runs_is_examined(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert states(hardening.examine_redis(settings, None)) == {"Redis": State.NOTE}
    with embedded_redis(settings.run) as server:
        run = Running(os.getpid(), server.url, server.doctor_url)
        found = states(hardening.examine_redis(settings, run))
        assert found == {"Redis configuration": State.GOOD, "Redis rights": State.GOOD}
        unread = Running(os.getpid(), server.url, None)
        assert states(hardening.examine_redis(settings, unread))["Redis configuration"] is State.UNKNOWN
        doctor_only = Running(os.getpid(), server.doctor_url, server.doctor_url)
        assert hardening.refusals(hardening.examine_redis(settings, doctor_only))  # it may CONFIG GET: too much
    assert states(hardening.examine_redis(settings, run))["Redis"] is State.UNKNOWN


def test_a_part_that_may_dump_its_memory_is_found(tmp_path: Path) -> None:
    for process, limit in ((10, "0                    0"), (11, "unlimited            unlimited")):
        (tmp_path / f"{process}/task/{process}").mkdir(parents=True)
        (tmp_path / f"{process}/limits").write_text(f"Max core file size        {limit}            bytes\n")
    (tmp_path / "10/task/10/children").write_text("")
    run = Running(10, None, None)
    assert states(hardening.examine_processes(tmp_path, run)) == {"parts": State.GOOD}
    (tmp_path / "10/task/10/children").write_text("11 ")
    assert states(hardening.examine_processes(tmp_path, run)) == {"parts": State.UNSAFE}


def test_a_run_that_is_over_is_not_taken_for_one_that_runs(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert hardening.find_run(settings) is None
    written = settings.run / "running.json"
    written.write_text(json.dumps({"process": os.getpid(), "redis_url": None}))
    assert hardening.find_run(settings) == Running(os.getpid(), None, None)
    for broken in ('{"process": 4194999}', "{", "[]", '{"process": "x"}'):
        written.write_text(broken)
        assert hardening.find_run(settings) is None


def test_only_what_is_unsafe_or_unknown_refuses() -> None:
    findings = [Finding(str(state), state, "says") for state in State]
    assert [finding.state for finding in hardening.refusals(findings)] == [State.UNKNOWN, State.UNSAFE]
    assert json.loads(hardening.as_json(findings))["safe"] is False


def test_a_part_that_is_not_there_yet_is_none_and_a_broken_one_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hardening.borrow("api.no_such_part", "run") is None
    assert hardening.borrow("api.no_such_package.part", "run") is None
    assert hardening.borrow("api.settings", "no_such_function") is None
    (tmp_path / "broken_part.py").write_text("import no_such_library_at_all\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError):
        hardening.borrow("broken_part", "run")
