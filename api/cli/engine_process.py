"""An engine for one command: the one that runs, or one of its own for as long as the command lasts."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from api.cli.model import ensure_model
from api.cli.say import ENGINE_PYTHON, Failure, say
from api.settings import Settings


@contextlib.contextmanager
def an_engine(settings: Settings, *, limit: float = 120.0) -> Iterator[Path]:
    """The socket of an engine that answers.

    Raises:
        Failure: none can be started.
    """
    from api.supervisor import answers, engine_environment, harden_this_process

    if answers(str(settings.engine_socket), "/ready"):
        yield settings.engine_socket
        return
    harden_this_process()
    model = ensure_model(settings.var, root=settings.root)
    home = settings.run / "home"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="hams-") as folder:  # short enough for a socket's path
        socket = Path(folder) / "engine.sock"
        began = time.monotonic()
        say("starting the engine …")
        process = subprocess.Popen(
            [str(ENGINE_PYTHON), "-m", "bot", "--uds", str(socket), "--model", str(model)],
            env=engine_environment(settings.root, home, os.environ), cwd=settings.root,
            stdin=subprocess.DEVNULL, stdout=2, process_group=0,
        )  # fmt: skip
        try:
            while not answers(str(socket), "/ready"):
                if process.poll() is not None:
                    raise Failure(f"the engine did not start (exit status {process.returncode})")
                if time.monotonic() - began > limit:
                    raise Failure(f"the engine was not ready after {limit:.0f} s")
                time.sleep(0.1)
            yield socket
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
