"""``python -m api.practice MODEL FOLDER``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from api.practice.world import main

if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parents[2], sys.argv[1:], os.environ))
