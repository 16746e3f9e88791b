"""``python -m bot.train --out PATH``: train the model of the files in the repository.

The same data gives a model that answers the same (contract.md); Rasa writes dates and ids, so not the same bytes.
"""

from __future__ import annotations

import argparse
import gc
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from bot.quiet import hush, hush_structlog

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Train, then move the model into place."""
    arguments = argparse.ArgumentParser(prog="bot.train", description="train the Hams model")
    arguments.add_argument("--out", type=Path, required=True, help="where the model (.tar.gz) goes")
    chosen = arguments.parse_args()
    os.environ.setdefault("PYTHONHASHSEED", "0")
    os.environ.setdefault("LOG_LEVEL", "ERROR")  # else Rasa draws hundreds of progress bars; the lines below say enough
    gc.disable()  # millions of small objects are made and few let go: looking for garbage among them is a third of the reading
    hush()
    started = time.monotonic()
    print("loading Rasa …", file=sys.stderr, flush=True)
    from rasa.model_training import train

    from bot import training_economies

    training_economies.apply()
    hush_structlog()
    print("training …", file=sys.stderr, flush=True)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=chosen.out.parent) as scratch:
        result = train(
            domain=str(ROOT / "domain.yml"), config=str(ROOT / "config.yml"), training_files=[str(ROOT / "nlu_data")],
            output=scratch, fixed_model_name="model", force_training=True,
        )
        if result.model is None:
            print("the model could not be trained", file=sys.stderr)
            return 1
        shutil.move(result.model, chosen.out)
    print(f"trained in {time.monotonic() - started:.0f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
