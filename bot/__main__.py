"""``python -m bot --uds PATH --model PATH``: serve the engine on a unix socket until told to stop."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import os
import resource
from pathlib import Path

import yaml

from bot.lean import leave_out_tensorflow, needs_no_tensorflow
from bot.quiet import hush, hush_structlog


def main() -> None:
    """Load the model, take the network away, serve."""
    arguments = argparse.ArgumentParser(prog="bot", description="Hams engine")
    arguments.add_argument("--uds", type=Path, required=True, help="unix socket to listen on")
    arguments.add_argument("--model", type=Path, required=True, help="trained model (.tar.gz)")
    chosen = arguments.parse_args()
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hush()

    from bot.sandbox import refuse_network

    refuse_network()  # before Rasa is imported: nothing it brings may call home

    config = yaml.safe_load((Path(__file__).resolve().parents[1] / "config.yml").read_text(encoding="utf-8"))
    if needs_no_tensorflow(config):
        leave_out_tensorflow()

    import uvicorn

    from bot.app import EngineApp
    from bot.engine import Engine

    app = EngineApp(Engine(chosen.model))
    hush_structlog()
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # glibc: what reading the model took goes back to the machine
        ctypes.CDLL(None).malloc_trim(0)
    gc.freeze()  # half a gigabyte of modules need not be walked again
    os.nice(5)  # where cores are few, an exit at the gateway must not wait for a turn's thinking
    uvicorn.run(
        app, uds=str(chosen.uds), log_config=None, access_log=False, loop="uvloop", http="httptools", ws="none",
        lifespan="on",
        server_header=False, date_header=False, proxy_headers=False, timeout_keep_alive=3600,
    )


if __name__ == "__main__":
    main()
