"""Nothing of what people write is kept: unique words through every field and error path, then a search of everything.

threats.md, "Proof, not promise" 1. Gating for all that lasts and for Redis; what Python holds in memory for a while is
not promised and not asserted.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import httpx
import pytest
import redis

from tests.fixtures_browser_keys import sealed_note
from tests.journeys.door import MESSAGE, STATUS, Door, new_sid
from tests.journeys.stack import Counsellor, Phone, Stack, start
from tests.journeys.texts import says
from tests.leaks.canaries import Canaries, Collector, collector, forms_of, memory_of, new_word

pytestmark = pytest.mark.stack

TO_A_QUESTION = ("مرحبا", "1", "2", "1", "جوزي بيضربني كل يوم")
DANGER = "الحقوني ماسك السكين وبيذبحني هلأ"


@dataclass
class Lived:
    """A product that has been through it all, and what was put into it."""

    stack: Stack
    door: Door
    temp: Path
    sentry: Collector
    canaries: Canaries = field(default_factory=Canaries)

    @property
    def redis_process(self) -> int:
        return self.stack.part("redis-server").pid

    def client(self) -> redis.Redis:
        """Redis as the product's own user."""
        url = urlsplit(self.stack.running["redis_url"])
        return redis.Redis(unix_socket_path=url.path, username=url.username, password=url.password)

    def seen_by_the_provider(self) -> bytes:
        """The stand-in's copies of messages, and its alerts."""
        return b"".join(
            json.dumps(httpx.get(f"{self.stack.standin}/standin/{what}").json(), ensure_ascii=False).encode()
            for what in ("messages", "alerts")
        )


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    temp = Path(tempfile.mkdtemp(prefix="hams-l"))
    try:
        var = tmp_path_factory.mktemp("leaks") / "var"
        with collector() as sentry, in_temp(temp), start(var, SENTRY_DSN=sentry.dsn) as stack:
            httpx.post(f"{stack.standin}/standin/pace", json={"window": False}).raise_for_status()
            done = Lived(stack, Door.of(stack), temp, sentry)
            live_through(done)
            yield done
    finally:
        shutil.rmtree(temp, ignore_errors=True)


@contextlib.contextmanager
def in_temp(temp: Path) -> Iterator[None]:
    """Temporary files of the product go where they can be looked at."""
    before = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = str(temp)
    try:
        yield
    finally:
        if before is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before


def live_through(done: Lived) -> None:
    """Put a word of its own into every field and every way in which something can fail."""
    put, door, stack = done.canaries.put, done.door, done.stack
    post = somebody(done, put("body before the good time"))
    post(
        put("body"), ProfileName=put("profile name"), UnknownField=put("unknown field"), Label=put("label of a place"),
        **{put("name of an unknown field"): "1"},
    )
    post("اوكي", ButtonText=put("button text"), ButtonPayload=put("button payload"), ListTitle=put("list title"))
    post("", ButtonText="اوكي", ButtonPayload=put("button payload that is the message"))
    post("/" + put("words after a slash") + '{"a": "b"}')
    post = somebody(done)
    post(put("caption"), NumMedia="2", MediaUrl0=f"https://api.twilio.com/{put('media url', latin=True)}",
         MediaContentType0=put("media type", latin=True), MediaUrl1="x" + put("media url that is none"))  # fmt: skip
    post("", Latitude="31.9", Longitude=put("longitude"), Address=put("address"), MessageType="location")
    post(f"جوزي بيضربني كل يوم {put('disclosure')}")
    post(put("answer to a question"))
    post(put("words that are said twice"))
    for _ in range(30):
        post(put("words above the limit"))

    # at the door: nothing of what is refused
    forged = urlencode(door.form(put("forged body"), f"whatsapp:JO.{put('forged sender', latin=True)}")).encode()
    door.raw(forged, **{"X-Twilio-Signature": put("signature", latin=True), "User-Agent": put("user agent", latin=True)})
    door.raw(forged, MESSAGE + "?q=" + put("query", latin=True))
    door.raw(put("too large a body").encode() * 3000)
    door.raw(put("no utf-8").encode() + b"\xff")
    httpx.get(f"{stack.base}/{put('path', latin=True)}", headers={"Cookie": f"session={put('cookie', latin=True)}"})
    door.post(door.form(put("body without a sender"), ""))
    door.post(door.form("مرحبا", f"whatsapp:+962{put('unreadable sender')}"))
    door.post(door.form("مرحبا", f"whatsapp:JO.{put('scoped sender', latin=True)}"))
    sender = "whatsapp:+962790000009"
    door.post(door.form("مرحبا", sender, MessageSid=put("sid", latin=True)))
    door.post({**door.form("مرحبا", sender), "To": put("our number")})
    door.post({"MessageSid": new_sid(), "MessageStatus": put("status"), "To": put("callback's to")}, STATUS)

    # parts that fail with a word in hand
    post = somebody(done)
    fault(done, on="create", times=1, status=500, code=20500)
    post(put("while the provider says 500"))
    fault(done, on="create", times=4, status=429, code=20429)
    post(put("while the provider says 429"))
    fault(done, on="create", times=1, drop=True)
    post(put("while the provider hangs up"))
    door.post(door.form(put("to a sender the provider quotes"), "+1" + "5" * 5))
    post, stranger = somebody(done), f"whatsapp:JO.{new_sid('')}"
    with broken_tables(stack.var, "owed_answers", "erasure_ledger", "tickets", "safe_words"):
        post(put("while the database says no"))
        heard = Phone(stack, number=stranger.removeprefix("whatsapp:"))
        door.post(door.form(f"{DANGER} {put('danger while the database says no')}", stranger))
        assert "911" in "".join(heard.heard()), "whatever the database says"
    post = somebody(done)
    with killed_in_a_turn(done, "-m bot"):
        post(put("while the engine is killed"))
    stack.wait_ready()
    post = somebody(done)
    with killed_in_a_turn(done, "uvicorn"), contextlib.suppress(httpx.HTTPError):
        post(put("while the gateway is killed"))
    stack.wait_ready()
    live_talk(done)


def somebody(done: Lived, first: str = "مرحبا") -> Callable[..., None]:
    """A new person at the menu; returns how they post a message."""
    phone, door = Phone(done.stack), done.door
    done.canaries.words[f"number {len(done.canaries.words)}"] = phone.number.removeprefix("+")
    for words in (first, "1", "2", "1"):
        assert phone.say(words)

    def post(words: str, **more: str) -> None:
        door.post(door.form(words, f"whatsapp:{phone.number}", **more)).raise_for_status()

    return post


def live_talk(done: Lived) -> None:
    """A counsellor and a person, words both ways, some of them never shown."""
    put, stack = done.canaries.put, done.stack
    phone, counsellor = Phone(stack, "BH"), Counsellor(stack)
    done.canaries.words["number in a live talk"] = phone.number.removeprefix("+")
    for words in (*TO_A_QUESTION, "1"):
        phone.say(words)
    card = next(card for card in counsellor.queue() if card["country"] == "BH")
    claimed = counsellor.claim(card["id"])
    with counsellor.console(card["id"], claimed["epoch"]) as console:
        phone.write(word := put("words to the counsellor"))
        assert console.next("message")["text"] == word, "it was there, sealed, and is never acknowledged"
    counsellor.write(card["id"], put("words of the counsellor"), claimed["epoch"])
    fault(done, on="create", times=1, status=500, code=20500)
    counsellor.write(card["id"], put("words of the counsellor the provider lost"), claimed["epoch"])
    phone.write(put("words while no console is open"))
    handed_on_with_a_note(done, counsellor, card["id"])
    counsellor.http.post("/session", json={"username": put("username", latin=True), "password": put("password"), "totp": "1"})
    counsellor.http.post(f"/handoffs/{card['id']}/messages", content=put("no JSON").encode())
    counsellor.http.post(f"/handoffs/{put('no such ticket', latin=True)}/claim", json={put("unknown key"): put("value")})


def handed_on_with_a_note(done: Lived, counsellor: Counsellor, ticket: str) -> None:
    """A note for a colleague who is on duty and never reads it; others that are no sealed notes."""
    put, other = done.canaries.put, Counsellor(done.stack)
    with other.console():
        keys = counsellor.http.get(f"/handoffs/{ticket}/colleagues/{other.name}/keys").json()["keys"]
    assert len(keys) == 1
    for note in (put("note that is not sealed"), put("note in plain letters", latin=True), f"AQ{put('note that looks sealed', latin=True)}"):
        said = counsellor.http.post(f"/handoffs/{ticket}/invite", json={"to": other.name, "note": note})
        assert said.status_code == 422 and note not in said.text
    counsellor.http.get(f"/handoffs/{ticket}/colleagues/{put('colleague', latin=True)}/keys")
    note = sealed_note(put("handover note"), ticket, keys)
    assert counsellor.http.post(f"/handoffs/{ticket}/invite", json={"to": other.name, "note": note}).status_code == 200
    assert done.client().exists(f"relay:{{{ticket}}}:note")


def fault(done: Lived, **wish: object) -> None:
    httpx.post(f"{done.stack.standin}/standin/faults", json=wish).raise_for_status()


@contextlib.contextmanager
def broken_tables(var: Path, *tables: str) -> Iterator[None]:
    """Every insert into these fails, in a way the program did not think of."""
    with contextlib.closing(sqlite3.connect(var / "hams.db", timeout=10)) as connection:
        for table in tables:
            connection.execute(f"CREATE TRIGGER no_{table} BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'no'); END")
        connection.commit()
        try:
            yield
        finally:
            for table in tables:
                connection.execute(f"DROP TRIGGER no_{table}")
            connection.commit()


@contextlib.contextmanager
def killed_in_a_turn(done: Lived, sign: str) -> Iterator[None]:
    """Whatever is asked of the engine meanwhile hangs; then the part is killed."""
    engine = done.stack.part("-m bot")
    engine.send_signal(signal.SIGSTOP)
    killer = threading.Timer(0.5, done.stack.kill, [sign])
    killer.start()
    try:
        yield
    finally:
        killer.join()
        with contextlib.suppress(Exception):
            engine.send_signal(signal.SIGCONT)


def wait_until(true: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if true():
            return True
        time.sleep(0.1)
    return true()


# -- what was put in is nowhere ------------------------------------------------------------------------------------


def test_no_word_is_in_a_file(lived: Lived) -> None:
    assert len(lived.canaries.words) > 40
    assert lived.canaries.found_in_files([lived.stack.var, lived.temp]) == set()


def test_no_word_is_in_a_log_line(lived: Lived) -> None:
    assert lived.canaries.found_in(lived.stack.log.read_bytes()) == set()


def test_no_word_is_in_the_metrics_or_the_health_checks(lived: Lived) -> None:
    for path in ("/metrics", "/healthz", "/readyz"):
        answer = httpx.get(lived.stack.base + path)
        assert lived.canaries.found_in(answer.content + str(answer.headers).encode()) == set()


def test_no_word_is_in_the_memory_of_redis(lived: Lived) -> None:
    assert lived.canaries.found_in(looked_into(lived.redis_process)) == set()


def test_no_word_is_in_the_memory_of_the_supervisor(lived: Lived) -> None:
    assert lived.canaries.found_in(looked_into(lived.stack.process.pid)) == set()


def test_no_word_is_in_an_error_report(lived: Lived) -> None:
    assert wait_until(lambda: b"IntegrityError" in lived.sentry.everything, 10), "the failures were reported"
    assert lived.canaries.found_in(lived.sentry.everything) == set()


def test_no_word_is_in_an_alert_of_the_provider_and_its_copies_are_erased(lived: Lived) -> None:
    alerts = json.dumps(httpx.get(f"{lived.stack.standin}/standin/alerts").json(), ensure_ascii=False)
    # a status callback that met no gateway becomes an alert with the number in it; that is the provider's to show
    assert {found for found in lived.canaries.found_in(alerts.encode()) if not found.startswith("number")} == set()
    phone = Phone(lived.stack)
    word = lived.canaries.put("a message the provider holds")
    phone.say(word)
    assert lived.canaries.found_in(lived.seen_by_the_provider()), "the search finds what is there"
    httpx.post(f"{lived.stack.base}/simulator/clock", json={"seconds": 3600}).raise_for_status()
    copies = f"{lived.stack.standin}/standin/messages"
    assert wait_until(lambda: word not in httpx.get(copies).text and word.encode() not in lived.seen_by_the_provider(), 20)


# -- the search finds what is there --------------------------------------------------------------------------------


@pytest.fixture
def control() -> Canaries:
    """A word of its own for each control, so that a control is never taken for a leak."""
    return Canaries({"control": new_word()})


def test_a_word_in_a_file_is_found_in_every_form(lived: Lived, control: Canaries) -> None:
    for name, form in forms_of(control.words["control"]).items():
        planted = lived.stack.var / "run" / "planted"
        planted.write_bytes(b"some words before " + form + b" and after")
        assert control.found_in_files([lived.stack.var / "run"]) != set(), name
        planted.unlink()
        assert control.found_in_files([lived.stack.var / "run"]) == set()
    (lived.temp / control.words["control"]).touch()
    assert control.found_in_files([lived.temp]) != set()


def test_base64_is_found_wherever_the_word_stands(control: Canaries) -> None:
    import base64

    for before in range(7):
        whole = base64.b64encode(b"x" * before + control.words["control"].encode() + "، وبعدها".encode())
        assert control.found_in(whole), before


def test_a_word_in_a_row_of_the_database_is_found(lived: Lived, control: Canaries) -> None:
    with contextlib.closing(sqlite3.connect(lived.stack.var / "hams.db", timeout=10)) as connection:
        connection.execute(
            "INSERT INTO erasure_ledger VALUES (?, 'message', NULL, 9e12, 0, 9e12, 0)", (control.words["control"],)
        )
        connection.commit()
        try:
            assert {found.split(":")[0] for found in control.found_in_files([lived.stack.var])} & {"hams.db", "hams.db-wal"}
        finally:
            connection.execute("DELETE FROM erasure_ledger WHERE due_at > 8e12")
            connection.commit()


def test_a_word_in_the_memory_of_redis_is_found_in_every_form(lived: Lived, control: Canaries) -> None:
    client = lived.client()
    for name, form in forms_of(control.words["control"]).items():
        client.set(f"control:{name}", b"before" + form + b"after")
    memory = looked_into(lived.redis_process)
    assert control.found_in(memory) == {f"control ({name})" for name in forms_of("x")}
    for name in forms_of("x"):
        client.delete(f"control:{name}")


def test_what_the_product_answers_is_read(lived: Lived) -> None:
    assert Canaries({"control": "hams_inbound_total"}).found_in(httpx.get(lived.stack.base + "/metrics").content) != set()


def test_a_word_in_an_error_report_is_found(lived: Lived, control: Canaries) -> None:
    body = json.dumps({"message": control.words["control"]}).encode()
    parts = urlsplit(lived.sentry.dsn)
    httpx.post(f"http://127.0.0.1:{parts.port}/api/1/envelope/", content=body).raise_for_status()
    assert control.found_in(lived.sentry.everything) != set()


def test_a_word_in_the_log_is_found(lived: Lived, control: Canaries) -> None:
    assert b"ready http" in lived.stack.log.read_bytes(), "this is the log of this run"
    with lived.stack.log.open("ab") as log:
        log.write(json.dumps({"event": control.words["control"]}).encode())
    assert control.found_in(lived.stack.log.read_bytes()) != set()


def test_the_product_was_alive_while_it_was_searched(lived: Lived) -> None:
    assert says(Phone(lived.stack).say("مرحبا"), "opening")
    log = lived.stack.log.read_text(errors="replace")
    for failure in (
        "engine_unavailable", "write_failed", "commands_not_committed", "20500", "20429", "21211", "the gateway stopped",
        "the engine stopped",
    ):  # fmt: skip
        assert failure in log, f"this was to be lived through: {failure}"


def looked_into(pid: int) -> bytes:
    try:
        return memory_of(pid)
    except PermissionError:
        pytest.skip("this machine lets nobody look into another process's memory: run as root")
