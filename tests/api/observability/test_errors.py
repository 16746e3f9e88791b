"""Sentry by allow-list, with the real client and a sink that takes what really goes over the wire.

Each scenario runs in a process of its own: the client patches the interpreter it lives in.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from api.observability import errors
from tests.fixtures_line import ROOT

CANARY = "canary-3fe2a9c0"


@dataclass
class Sink:
    """What a Sentry server would have got."""

    dsn: str = ""
    raw: list[bytes] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)

    @property
    def opened(self) -> list[bytes]:
        found = []
        for body in self.raw:
            for way in (gzip.decompress, zlib.decompress, _brotli, bytes):
                try:
                    found.append(way(body))
                    break
                except Exception:  # not packed that way
                    continue
        return found

    @property
    def events(self) -> list[dict[str, Any]]:
        found = []
        for body in self.opened:
            lines = body.split(b"\n")
            for head, item in zip(lines[1::2], lines[2::2], strict=False):
                if json.loads(head).get("type") == "event":
                    found.append(json.loads(item))
        return found

    def clean(self) -> bool:
        everything = b"".join([*self.raw, *self.heads, *self.opened])
        return CANARY.encode() not in everything and CANARY[::-1].encode() not in everything


def _brotli(body: bytes) -> bytes:
    import brotli  # type: ignore[import-not-found, import-untyped, unused-ignore]

    opened: bytes = brotli.decompress(body)
    return opened


@pytest.fixture
def sink() -> Iterator[Sink]:
    held = Sink()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            held.raw.append(self.rfile.read(int(self.headers["Content-Length"])))
            held.heads.append(str(self.headers).encode() + self.path.encode())
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    held.dsn = f"http://0123456789abcdef0123456789abcdef@127.0.0.1:{server.server_port}/1"
    yield held
    server.shutdown()
    server.server_close()


def run(sink: Sink, body: str, **environ: str) -> subprocess.CompletedProcess[str]:
    program = f"""
import logging, os, sys
import sentry_sdk
from api.observability import errors
CANARY = {CANARY!r}
assert errors.connect({sink.dsn!r}, "live")
{body}
sentry_sdk.flush(5)
"""
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
        env={**os.environ, **environ},
    )


FAILS = """
def deep(words):
    local = {"body": words, "list": [words]}
    raise ValueError("could not read " + words)
"""


def test_an_exception_leaves_as_its_type_and_place(sink: Sink) -> None:
    run(sink, FAILS + "try:\n    deep(CANARY)\nexcept ValueError as e:\n    errors.report(e)\n")
    (event,) = sink.events
    (value,) = event["exception"]["values"]
    assert value["type"] == "ValueError" and set(value) == {"type", "module", "stacktrace"}
    frame = value["stacktrace"]["frames"][-1]
    assert frame["function"] == "deep" and frame["lineno"] and set(frame) <= {"filename", "module", "function", "lineno", "in_app"}
    assert event["environment"] == "live"
    assert sink.clean()


EVERYWHERE = FAILS + """
scope = sentry_sdk.get_isolation_scope()
scope.set_user({"id": CANARY, "ip_address": CANARY})
scope.set_tag("t", CANARY); scope.set_extra("e", CANARY); scope.set_context("c", {"k": CANARY})
scope.add_attachment(bytes=CANARY.encode(), filename=CANARY)
scope.set_transaction_name(CANARY); scope.fingerprint = [CANARY]
sentry_sdk.add_breadcrumb(message=CANARY, data={"body": CANARY})
logging.getLogger("x").error("message %s", CANARY)
def processor(event, hint):
    event["request"] = {"url": CANARY, "data": {"Body": CANARY}, "headers": {"X": CANARY}, "cookies": CANARY}
    event["server_name"] = CANARY; event["logger"] = CANARY; event["logentry"] = {"message": CANARY, "params": [CANARY]}
    event["message"] = CANARY; event["modules"] = {CANARY: "1"}; event["threads"] = {"values": [{"name": CANARY}]}
    return event
scope.add_event_processor(processor)
try:
    try:
        deep(CANARY)
    except ValueError as first:
        first.add_note(CANARY)
        raise RuntimeError(CANARY) from first
except RuntimeError as e:
    errors.report(e)
sentry_sdk.capture_message(CANARY)
sentry_sdk.capture_event({"message": CANARY, "extra": {CANARY: CANARY}, "level": "error"})
with sentry_sdk.start_transaction(name=CANARY, op=CANARY) as t:
    with sentry_sdk.start_span(op=CANARY, name=CANARY) as s:
        s.set_data("k", CANARY)
try:
    sentry_sdk.logger.error(CANARY, attributes={"k": CANARY})
except AttributeError:
    pass
metrics = getattr(sentry_sdk, "metrics", None)
if hasattr(metrics, "count"):
    metrics.count(CANARY, 1, attributes={"k": CANARY})
try:
    sentry_sdk.profiler.start_profiler()
except Exception:
    pass
"""


def test_nothing_of_a_canary_is_in_any_byte_whatever_is_hung_on_the_event(sink: Sink) -> None:
    run(sink, EVERYWHERE)
    assert sink.events, "the sink works: something did arrive"
    assert {value["type"] for event in sink.events for value in event["exception"]["values"]} == {"ValueError", "RuntimeError"}
    leaking = [body for body in sink.opened if CANARY.encode() in body]
    assert leaking == [] and sink.clean()


def test_the_sink_would_have_seen_it(sink: Sink) -> None:
    """The positive control: the same scenario with the hooks taken away leaks."""
    run(sink, "import sentry_sdk\nsentry_sdk.get_client().options['before_send'] = None\n" + EVERYWHERE)
    assert not sink.clean()


@pytest.mark.parametrize("hook", ["before_send_transaction", "before_send_log", "before_send_metric"])
def test_nothing_but_exceptions_ever_leaves(sink: Sink, hook: str) -> None:
    done = run(sink, f"print(sentry_sdk.get_client().options.get({hook!r}) is errors.drop)\n" + EVERYWHERE)
    assert done.stdout.strip() == "True"
    kinds = {json.loads(line)["type"] for body in sink.opened for line in body.split(b"\n")[1::2] if line.startswith(b'{"type"')}
    assert kinds <= {"event", "client_report"}


def test_an_exception_nobody_caught_leaves_by_itself_only_as_our_own_report(sink: Sink) -> None:
    run(sink, FAILS + "import threading\nt = threading.Thread(target=deep, args=(CANARY,)); t.start(); t.join()\n")
    assert sink.clean()


def test_without_a_dsn_nothing_is_started() -> None:
    program = "import sentry_sdk\nfrom api.observability import errors\nassert not errors.connect(None, 'live')\n" \
        "assert not errors.connect('', 'live')\nassert not sentry_sdk.get_client().is_active()\n" \
        "errors.report(ValueError('x'))\n"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60,
                   env={**os.environ, "SENTRY_DSN": ""})


@pytest.mark.parametrize("value", ["1", "true", "on", "http://127.0.0.1:8969/stream"])
def test_spotlight_is_refused_with_and_without_a_dsn(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SENTRY_SPOTLIGHT", value)
    for dsn in (None, "http://k@127.0.0.1:1/1"):
        with pytest.raises(RuntimeError, match="SENTRY_SPOTLIGHT"):
            errors.connect(dsn, "live")


def test_an_event_of_any_shape_is_rebuilt_without_raising() -> None:
    for odd in ({}, {"exception": None}, {"exception": {"values": None}}, {"exception": {"values": [{}]}},
                {"exception": {"values": [{"stacktrace": None, "value": CANARY}]}},
                {"exception": {"values": [{"stacktrace": {"frames": [{"vars": {"x": CANARY}, "context_line": CANARY}]}}]}}):
        assert CANARY not in json.dumps(errors.rebuild(odd, {"exc_info": CANARY}))
    assert errors.drop({"message": CANARY}) is None
