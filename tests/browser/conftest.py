"""A running product and a browser; skipped loudly where there is no Chromium (never in CI, see ``./hams test``)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.journeys.stack import Stack, start

CHROMIUM = os.environ.get("HAMS_TEST_CHROMIUM") or shutil.which("chromium") or ""
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-default-apps", "--no-default-browser-check",
)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    if not CHROMIUM:
        pytest.skip("NO CHROMIUM: the browser tests are skipped")
    with start(tmp_path_factory.mktemp("browser") / "var") as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("NO CHROMIUM: the browser tests are skipped")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield opened
        opened.close()


class Watch:
    """What a page must not do: reach another host, break its content policy, throw."""

    def __init__(self, page: Page, base: str) -> None:
        self.strangers: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda r: None if r.url.startswith((base, base.replace("http", "ws"), "data:", "blob:"))
                else self.strangers.append(r.url))
        page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(viewport={"width": 1280, "height": 800}, locale="ar")
    yield opened
    opened.close()
