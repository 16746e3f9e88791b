"""The trained model of the present data: which file that is, and making it when it is not there."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from api.cli.say import ENGINE_PYTHON, ROOT, Failure, say

INGREDIENTS = (
    "config.yml", "domain.yml", "nlu_data", "bot/components", "bot/train.py", "safety/folding.py",
    "safety/concepts.py", "safety/scripts.py", "requirements/engine.txt",
)  # fmt: skip
"""What a model depends on: a change of any of these, and of nothing else, asks for a new one."""

_KEEP = 3


def model_digest(root: Path = ROOT) -> str:
    """The digest of everything a model is made from, the same on every machine."""
    digest = hashlib.sha256()
    for path in _files(root):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:32]


def model_path(var: Path, root: Path = ROOT) -> Path:
    """Where the model of the present data is, or will be."""
    return var / "models" / f"{model_digest(root)}.tar.gz"


def ensure_model(var: Path, *, root: Path = ROOT, again: bool = False, python: Path = ENGINE_PYTHON) -> Path:
    """The model of the present data, trained if there is none (or ``again``). Two starts train once.

    Raises:
        Failure: the training failed; its own lines were shown.
    """
    if not (root / "bot" / "train.py").exists() or not (root / "config.yml").exists():
        raise Failure("there is nothing to train: bot/train.py or config.yml is missing", 2)
    path = model_path(var, root)
    if path.exists() and not again:
        return path
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (path.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists() and not again:
            return path
        began = time.monotonic()
        say("training the model (some five minutes on two cores) …")
        fresh = path.with_name(f".{path.name}.new")
        home = var / "run" / "home"
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        from api.supervisor import engine_environment

        with tempfile.TemporaryFile() as log:  # Rasa draws hundreds of progress bars: shown only if it fails
            process = subprocess.Popen(
                [str(python), "-m", "bot.train", "--out", str(fresh)],
                cwd=root, env={**engine_environment(root, home, os.environ), "PYTHONHASHSEED": "0"}, stdout=log,
                stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip
            try:
                status = _wait(process, began)
                if status != 0 or not fresh.exists():
                    _show_end(log)
                    raise Failure(f"the training failed (exit status {status}) after {time.monotonic() - began:.0f} s")
                fresh.replace(path)  # whole or not there at all
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
                fresh.unlink(missing_ok=True)
        _drop_old(path)
        say(f"the model is trained ({time.monotonic() - began:.0f} s)")
    return path


def _wait(process: subprocess.Popen[bytes], began: float) -> int:
    while True:
        try:
            return process.wait(10)
        except subprocess.TimeoutExpired:
            say(f"training … {time.monotonic() - began:.0f} s")


def _show_end(log: IO[bytes]) -> None:
    log.seek(0)
    lines = log.read().decode("utf-8", "replace").replace("\r", "\n").splitlines()
    sys.stderr.write("".join(f"{line}\n" for line in lines[-15:]))


def _files(root: Path) -> Iterator[Path]:
    for name in INGREDIENTS:
        path = root / name
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (file for file in found if file.is_file() and "__pycache__" not in file.parts)


def _drop_old(newest: Path) -> None:
    """Models are some twenty megabytes each: the last few are kept, so that going back a commit needs no training."""
    models = sorted(newest.parent.glob("*.tar.gz"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in models[_KEEP:]:
        if old != newest:
            old.unlink(missing_ok=True)
