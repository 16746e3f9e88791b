"""What a page needs besides its words: scripts, styles and letters, read once, the same for everybody.

They hold nothing of anybody, so a browser may keep them; it asks each time whether they are still the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request, Response
from fastapi.responses import PlainTextResponse

_KINDS = {
    ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".woff2": "font/woff2", ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it goes out; ``tag`` changes with its content."""

    content: bytes
    kind: str
    tag: str


def read_assets(*files: Path) -> dict[str, Asset]:
    """The files by name; kinds we do not serve are left out."""
    return {
        file.name: Asset(content, _KINDS[file.suffix], f'"{hashlib.sha256(content).hexdigest()[:16]}"')
        for file in files
        if file.suffix in _KINDS
        for content in (file.read_bytes(),)
    }


def answer(request: Request, found: Asset | None, headers: Mapping[str, str]) -> Response:
    """The file, "still the same", or 404. ``headers`` are those of the pages; the rule on storing is ours."""
    if found is None:
        return PlainTextResponse("", 404, headers=dict(headers))
    held = {**headers, "Cache-Control": "no-cache", "ETag": found.tag}
    if found.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=held)
    return Response(found.content, media_type=found.kind, headers=held)
