"""``python -m api.cli``: what ``./hams`` hands over to."""

from api.cli.main import run

run()
