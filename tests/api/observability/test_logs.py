"""Log lines by allow-list: what is not known, long or not ASCII stays here; a library's words never come out."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import subprocess
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from api.observability import logs
from safety.message_text import MessageText
from tests.fixtures_line import ROOT

CANARY = "canary-0d9b41"


@pytest.fixture
def sink() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    stream = io.StringIO()
    logs.configure(stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:], root.level = before


def lines(sink: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in sink.getvalue().splitlines()]


def test_a_line_is_json_with_its_event_level_and_time(sink: io.StringIO) -> None:
    logs.log("started", part="gateway", port=8080)
    (line,) = lines(sink)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "started", "level": "info", "part": "gateway", "port": 8080}


def test_a_field_nobody_listed_is_dropped_and_only_counted(sink: io.StringIO) -> None:
    logs.warn("x", body=CANARY, sender="+962790000001", code="ok")
    (line,) = lines(sink)
    assert line["dropped"] == 2 and line["code"] == "ok"
    assert CANARY not in sink.getvalue() and "962" not in sink.getvalue()


@pytest.mark.parametrize(
    "value",
    ["x" * 81, "وصل للبيت", f"whatsapp:+96279 {CANARY}", "+962790000001", [CANARY], {"a": CANARY}, CANARY.encode(), object(),
     ValueError(CANARY)],
)
def test_a_value_that_is_long_not_ascii_a_number_of_a_phone_or_no_plain_value_is_dropped(
    sink: io.StringIO, value: object
) -> None:
    logs.warn("x", code=value)
    assert lines(sink)[0]["code"] == "(dropped)"
    assert CANARY not in sink.getvalue()


def test_plain_small_values_stay(sink: io.StringIO) -> None:
    logs.log("x", code="20003", count=3, seconds=0.5, status=None, outcome=True)
    (line,) = lines(sink)
    assert (line["code"], line["count"], line["seconds"], line["status"], line["outcome"]) == ("20003", 3, 0.5, None, True)


def test_an_event_that_is_a_sentence_of_somebody_is_dropped_like_any_value(sink: io.StringIO) -> None:
    logs.warn("وصل للبيت")
    assert lines(sink)[0]["event"] == "(dropped)"


def test_words_in_their_own_type_cannot_even_be_handed_over(sink: io.StringIO) -> None:
    logs.warn("x", code=MessageText(CANARY))
    assert lines(sink)[0]["code"] == "(dropped)"


def test_an_exception_in_a_line_of_ours_is_dropped(sink: io.StringIO) -> None:
    try:
        raise ValueError(CANARY)
    except ValueError:
        structlog.get_logger().exception("x", exc_info=True)
    assert CANARY not in sink.getvalue()


def test_a_librarys_exception_shows_where_and_what_kind_only(sink: io.StringIO) -> None:
    try:
        raise ValueError(CANARY)
    except ValueError:
        logging.getLogger("some.library").exception("could not do %s", CANARY)
    (line,) = lines(sink)
    assert line["error"] == "ValueError" and line["where"].startswith("some.library:") and line["level"] == "error"
    assert CANARY not in sink.getvalue()


def test_a_librarys_warning_is_a_place_and_its_chatter_is_nothing(sink: io.StringIO) -> None:
    library = logging.getLogger("aiohttp.server")
    library.info("GET /%s", CANARY)
    library.debug(CANARY)
    library.warning(CANARY)
    (line,) = lines(sink)
    assert line["event"] == "library" and "error" in line and line["error"] is None


@pytest.mark.parametrize("name", ["uvicorn", "uvicorn.error", "uvicorn.asgi"])
def test_uvicorns_own_handlers_are_replaced(name: str) -> None:
    theirs, words = logging.getLogger(name), io.StringIO()
    theirs.addHandler(logging.StreamHandler(words))
    stream = io.StringIO()
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    try:
        logs.configure(stream)
        theirs.error("Exception in ASGI application: %s", CANARY)
        assert words.getvalue() == "" and CANARY not in stream.getvalue()
        assert lines(stream)[0]["where"].startswith(name)
    finally:
        structlog.reset_defaults()
        root.handlers[:], root.level = before


def test_requests_are_not_logged_at_all(sink: io.StringIO) -> None:
    logging.getLogger("uvicorn.access").info('%s - "%s %s"', "127.0.0.1", "POST", f"/x?{CANARY}")
    logging.getLogger("uvicorn.access").error(CANARY)
    assert sink.getvalue() == ""


async def test_a_task_that_failed_unseen_shows_no_word(sink: io.StringIO) -> None:
    async def fails() -> None:
        raise ValueError(CANARY)

    task = asyncio.create_task(fails())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task
    import gc

    gc.collect()
    assert any(line["where"].startswith("asyncio:") for line in lines(sink))
    assert CANARY not in sink.getvalue()


def test_in_a_process_of_its_own_nothing_of_a_canary_reaches_a_stream() -> None:
    program = f"""
import logging, sys
from api.observability import logs
logs.configure()
try:
    raise ValueError({CANARY!r})
except ValueError:
    logging.getLogger('uvicorn.error').exception({CANARY!r})
    logging.getLogger().exception({CANARY!r})
    logging.getLogger('some.library').warning('%d %d', {CANARY!r})
    logs.warn('x', body={CANARY!r}, error='ValueError')
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert CANARY not in done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 4


def test_warnings_of_libraries_do_not_come_through_logging(sink: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.warn(CANARY, UserWarning, stacklevel=1)
    assert sink.getvalue() == ""
