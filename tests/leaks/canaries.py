"""Words nobody else ever wrote, the forms in which they could have been kept, and the places to look in."""

from __future__ import annotations

import base64
import gzip
import json
import re
import secrets
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, quote_plus

_LETTERS = "بتثجحخدذرزسشصضطظعغفقكلمن"
"""Letters that no folding changes, so that the folded text still holds the word."""
_REGION = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw")


def new_word(begins: str = "") -> str:
    """Arabic letters, 14 of them new, no letter twice in a row: 60 bits or more."""
    word = list(begins) or [secrets.choice(_LETTERS)]
    while len(word) < len(begins) + 14:
        letter = secrets.choice(_LETTERS)
        if letter != word[-1]:
            word.append(letter)
    return "".join(word)


def new_token(begins: str = "q") -> str:
    """Latin letters and digits, for places where Arabic cannot stand."""
    return begins + secrets.token_hex(8)


def forms_of(word: str) -> dict[str, bytes]:
    """A word in every form in which it could lie about: as text, in a URL, in JSON, in base64, reversed by nobody."""
    utf8 = word.encode()
    forms = {
        "utf-8": utf8,
        "utf-16-le": word.encode("utf-16-le"),
        "utf-16-be": word.encode("utf-16-be"),
        "utf-32-le": word.encode("utf-32-le"),
        "hex": utf8.hex().encode(),
        "percent": quote(word, safe="").encode(),
        "percent, lower case": quote(word, safe="").lower().encode(),
        "plus": quote_plus(word).encode(),
        "json": json.dumps(word)[1:-1].encode(),
        "json, upper case": re.sub(r"(?<=\\u)[0-9a-f]{4}", lambda m: m[0].upper(), json.dumps(word)[1:-1]).encode(),
        "python bytes": repr(utf8)[2:-1].encode(),
        "html": "".join(f"&#{ord(letter)};" for letter in word).encode(),
    }
    for shift in range(3):  # base64 depends on where in the whole the word stands; its edges belong to its neighbours too
        whole = base64.b64encode(bytes(shift) + utf8)
        start, end = (0, 2, 3)[shift], len(whole) - 4
        forms[f"base64, {shift}"] = whole[start:end]
        forms[f"base64 for URLs, {shift}"] = whole[start:end].replace(b"+", b"-").replace(b"/", b"_")
    return forms


@dataclass
class Canaries:
    """Words by the place they were put into. All begin alike, so that one search says that none is there."""

    words: dict[str, str] = field(default_factory=dict)
    begins: tuple[str, str] = field(default_factory=lambda: (new_word(), new_token()))

    def put(self, place: str, *, latin: bool = False) -> str:
        """A new word for this place."""
        self.words[place] = new_token(self.begins[1]) if latin else new_word(self.begins[0])
        return self.words[place]

    def found_in(self, data: bytes) -> set[str]:
        """``place (form)`` of every word that is there. Never the word."""
        alone = [word for word in self.words.values() if not word.startswith(self.begins)]
        if not any(form in data for word in (*self.begins, *alone) for form in forms_of(word).values()):
            return set()
        found = {f"{place} ({name})" for place, word in self.words.items() for name, form in forms_of(word).items() if form in data}
        return found or {"part of a word"}

    def found_in_files(self, folders: Iterable[Path]) -> set[str]:
        """The same for every file below these folders, names included."""
        found: set[str] = set()
        for path in (path for folder in folders for path in folder.rglob("*")):
            found |= {f"name of a file: {place}" for place in self.found_in(str(path).encode())}
            if path.is_file():
                found |= {f"{path.name}: {place}" for place in self.found_in(path.read_bytes())}
        return found


def memory_of(pid: int) -> bytes:
    """All a process has written to its memory.

    Raises:
        PermissionError: this machine does not let us look.
    """
    parts = []
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            match = _REGION.match(line)
            if match is None:
                continue
            start, end = (int(edge, 16) for edge in match.groups())
            try:
                memory.seek(start)
                parts.append(memory.read(end - start))
            except OSError:  # a region of the kernel's
                continue
    return b"\0".join(parts)


@dataclass
class Collector:
    """Where the error reports go instead of to Sentry."""

    dsn: str
    bodies: list[bytes] = field(default_factory=list)

    @property
    def everything(self) -> bytes:
        return b"\0".join(self.bodies)


@contextmanager
def collector() -> Iterator[Collector]:
    """A server that takes what a Sentry client sends and keeps it as it came, headers included."""

    class Take(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            found.bodies.append(f"{self.path}\n{self.headers}".encode() + body)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Take)
    found = Collector(f"http://0123456789abcdef@127.0.0.1:{server.server_port}/1")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
