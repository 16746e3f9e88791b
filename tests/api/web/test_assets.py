"""Scripts, styles and letters: every one that a page names is there, and a browser that has it is told so."""

from __future__ import annotations

import re
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from api.web.assets import answer, read_assets

STATIC = Path(__file__).parents[3] / "api" / "web" / "static"
FONTS = sorted((STATIC / "fonts").glob("*.woff2"))


def client(*files: Path) -> TestClient:
    assets = read_assets(*files)

    async def found(request: Request) -> Response:
        return answer(request, assets.get(request.path_params["name"]), {"Cache-Control": "no-store", "X-Of": "pages"})

    return TestClient(Starlette(routes=[Route("/{name}", found)]))


def test_every_letter_file_the_style_names_is_there_and_none_lies_unused() -> None:
    named = set(re.findall(r"url\(([^)]+)\)", (STATIC / "console.css").read_text("utf-8")))
    assert named == {file.name for file in FONTS} and len(named) == 4
    assert (STATIC / "fonts" / "OFL.txt").read_text("utf-8").startswith("Copyright")


def test_a_browser_that_holds_a_file_is_told_that_it_is_still_the_same() -> None:
    page = client(FONTS[0])
    first = page.get(f"/{FONTS[0].name}")
    assert (first.status_code, first.headers["content-type"], first.headers["cache-control"]) == (200, "font/woff2", "no-cache")
    assert first.content == FONTS[0].read_bytes() and first.headers["x-of"] == "pages"
    again = page.get(f"/{FONTS[0].name}", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = page.get(f"/{FONTS[0].name}", headers={"If-None-Match": '"another"'})
    assert other.status_code == 200


def test_what_is_not_served_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    assert client(tmp_path / "notes.txt").get("/notes.txt").status_code == 404
