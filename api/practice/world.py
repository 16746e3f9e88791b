"""The practice world: the same parts as the product, with nothing of the live one. Behind ``./hams practice``.

Its settings are made here from nothing: no ``.env``, no HAMS_, TWILIO_ or SENTRY_ variable of whoever starts it is read. It has a
folder of its own that is emptied at each start and at the end (database, keys, sockets), an embedded Redis in memory, the
stand-in for a provider, and no way out. ``settings.py`` refuses a gateway of this world anything of another, and every other run
this folder. The trained model is the one thing shared: it is read only and knows nobody.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from api.embedded_redis import RedisUnfit
from api.settings import DEFAULT_PORT, PRACTICE_MARK, SettingsError, load_settings, socket_folder
from api.supervisor import CannotStart, addresses, bind, harden_this_process, only_one, product, supervise

PORT = DEFAULT_PORT + 10
_FOREIGN = ("HAMS_", "TWILIO_", "SENTRY_")


def practice_environment(environ: Mapping[str, str], world: Path, host: str, port: int, public_url: str | None) -> dict[str, str]:
    """Settings of a practice world: where it is and how it is reached; of the given environment only what is nobody's setting."""
    kept = {name: value for name, value in environ.items() if not name.startswith(_FOREIGN)}
    own = {"HAMS_MODE": "practice", "HAMS_VAR": str(world), "HAMS_HOST": host, "HAMS_PORT": str(port)}
    return {**kept, **own, **({"HAMS_PUBLIC_URL": public_url} if public_url else {})}


def make_world(folder: Path) -> Path:
    """An empty world in ``folder``; what a world before it left there is gone.

    Raises:
        CannotStart: what lies there is something else.
    """
    world = folder / "world"
    if world.is_symlink() or (world.exists() and not (world / PRACTICE_MARK).is_file()):
        raise CannotStart(f"{world} is no practice world: it is left alone; give it another place (HAMS_VAR)")
    end_world(world)
    world.mkdir(mode=0o700, parents=True)
    (world / PRACTICE_MARK).write_text("Made anew at every start. Nobody in here is real.\n", encoding="utf-8")
    return world


def end_world(world: Path) -> None:
    """Nothing of a world is kept."""
    if not (world / PRACTICE_MARK).is_file():
        return
    sockets = socket_folder(world)
    if sockets != world / "run":
        shutil.rmtree(sockets, ignore_errors=True)
    # the mark goes last: a world that is half gone is still known for what it is
    for path in sorted(world.iterdir(), key=lambda path: path.name == PRACTICE_MARK):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    world.rmdir()


def _stand_back() -> None:
    """Should the live line run on this machine, it goes first: for the processor, and when memory runs out (Linux)."""
    with contextlib.suppress(OSError):
        os.nice(5)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("800", encoding="ascii")


def main(root: Path, arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """``python -m api.practice MODEL FOLDER``: the exit status."""
    parser = argparse.ArgumentParser(prog="python -m api.practice", description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--public-url")
    chosen = parser.parse_args(arguments)
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"hams: {line}", file=sys.stderr, flush=True)  # noqa: T201

    harden_this_process()
    _stand_back()
    os.chdir(root)
    folder = chosen.folder.absolute()
    try:
        with only_one(folder), bind(chosen.host, chosen.port) as listener:
            world = make_world(folder)
            try:
                own = practice_environment(environ, world, chosen.host, chosen.port, chosen.public_url)
                settings = load_settings(own, root)
                parts = product(settings, chosen.model, listener, own)
                say(f"practice: starting {', '.join(part.name for part in parts)} …")

                def on_ready() -> None:
                    here, where = addresses(settings)
                    ready = f"ready {here} ({time.monotonic() - began:.1f} s)"
                    lines = ["  practice: nobody here is real, nothing goes out, nothing is kept", *where]
                    lines.append("  sign in with one click: practice-1, practice-2 or practice-lead; there is no password")
                    print("\n".join([ready, *lines]), flush=True)  # noqa: T201

                supervise(parts, on_ready=on_ready, say=say)
            finally:
                end_world(world)
    except (SettingsError, RedisUnfit, CannotStart) as problem:
        say(str(problem))
        return 1
    except OSError as error:
        say(f"cannot start: {error.strerror or type(error).__name__}")
        return 1
    return 0
